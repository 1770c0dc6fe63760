"""The command line: what it prints, what it leaves, and what plug-in files can add to it."""

import inspect
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from functools import wraps
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from grokscope.cli.main import VERBS
from grokscope.measures import MEASURES, trace
from grokscope.models import MODELS
from grokscope.reading.reading import read
from grokscope.reading.said import Said
from grokscope.reading.sentences import percent
from grokscope.reading.story import headline, lead, numbers, told
from grokscope.spec import Spec
from grokscope.task import TASKS
from grokscope.terminal import print_reading
from grokscope.training.run import Run, find_runs

TINY = (
    "demo", "task.p=11", "model.d_model=16", "model.n_heads=2", "model.d_mlp=32",
    "steps=30", "eval_every=10", "checkpoint_every=10", "stop_after_grok=none",
)  # fmt: skip
KINDS = [
    "runs",
    "specs",
    "tasks",
    "models",
    "measures",
    "papers",
    "splits",
    "losses",
    "optimizers",
    "gradients",
    "formulations",
]
READING = {
    "run", "folder", "finished", "events", "assumed",
    "explanation", "generalises", "final", "test_accuracy_by_mirror",
    "keys", "keys_by_rule", "lenses", "neurons", "neurons_energy", "phases", "no_phases",
    "measures", "report",
}  # fmt: skip


@pytest.fixture(scope="module")
def out(call, tmp_path_factory) -> Path:
    """A folder with three runs, made by the command line."""
    out = tmp_path_factory.mktemp("out")
    assert call("run", *TINY, "--seeds", 3, "--out", out).code == 0
    return out


@pytest.fixture
def registries():
    """What a plug-in adds is taken away again."""
    known: list[dict[str, Any]] = [TASKS, MODELS, MEASURES]
    before = [(registry, dict(registry)) for registry in known]
    yield
    for registry, names in before:
        registry.clear()
        registry.update(names)


class Page(HTMLParser):
    """What an HTML page says, and what it would load."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"<{tag} {name}> runs code"
            if name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def test_the_version_is_that_of_the_package(call):
    said = call("--version")
    assert (said.code, said.out, said.err) == (0, f"grokscope {version('grokscope')}\n", "")


@pytest.mark.parametrize("verb", [[], ["run"], ["list"], ["show"], ["report"]])
def test_every_verb_explains_itself(verb, call):
    said = call(*verb, "--help")
    assert said.code == 0
    assert said.err == ""
    assert f"usage: grokscope {' '.join(verb)}".strip() in said.out
    for word in verb or ["run", "list", "show", "report", "--version"]:
        assert word in said.out


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_every_verb_is_one_that_it_takes(verb, call, monkeypatch):
    examples = re.findall(r"^Example: grokscope (.*)$", inspect.getdoc(VERBS[verb]) or "", re.M)
    taken = []

    @wraps(VERBS[verb])
    def record(*args: Any, **options: Any) -> None:
        taken.append((args, options))

    monkeypatch.setitem(VERBS, verb, record)
    for example in examples:
        assert shlex.split(example)[0] == verb
        said = call(*shlex.split(example))
        assert (said.code, said.err) == (0, "")
    assert len(taken) == len(examples) == 1


def test_no_arguments_are_a_question_for_help(call):
    assert call().out == call("--help").out
    assert call().code == 0


def test_help_does_not_wait_for_torch():
    code = """
import sys
from grokscope.cli import main
for arguments in (["--version"], ["--help"], ["run", "--help"], ["list", "--help"], []):
    try:
        main(arguments)
    except SystemExit:
        pass
    slow = {"torch", "numpy", "polars", "matplotlib"} & set(sys.modules)
    assert not slow, (arguments, slow)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_package_is_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "grokscope", "--version"], check=True, capture_output=True, text=True
    )
    assert re.fullmatch(r"grokscope \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_can_be_listed(kind, call, out):
    rows = json.loads(call("list", kind, "--out", out, "--json").out)
    assert rows
    said = call("list", kind, "--out", out)
    assert (said.code, said.err) == (0, "")
    for row in rows:
        name, *rest = row.values()
        assert name in said.out
        assert any(rest), f"nothing is said of {name}"


def test_a_list_of_no_runs_says_how_to_make_one(call, tmp_path):
    said = call("list", "--out", tmp_path / "none")
    assert (said.code, said.err) == (0, "")
    assert "`grokscope run demo` makes one" in said.out
    assert call("list", "--out", tmp_path / "none", "--json").out == "[]\n"
    assert not (tmp_path / "none").exists()


def test_a_run_is_trained_read_and_told(call, tmp_path):
    said = call("run", *TINY, "--out", tmp_path, "--threads", 1)
    (run,) = find_runs(tmp_path)
    assert said.code == 0
    assert run.is_finished
    assert run.spec.id in said.out
    assert "task         a+b mod 11" in said.out
    assert "36 of 121 pairs (29.8 %)" in said.out
    assert "At step 30 (as asked; " not in said.out
    assert "At step 30 (as asked; " in call("show", run.folder, "--long").out
    assert f"report: {run.folder / 'report.html'}" in said.out
    again = call("run", *TINY, "--out", tmp_path)
    assert again.out == said.out


def test_the_report_fetches_nothing(out):
    for run in find_runs(out):
        text = (run.folder / "report.html").read_text()
        page = Page(text)
        assert not {"link", "iframe", "object", "embed", "base", "form"} & {*page.tags}
        assert page.tags.count("script") == 2
        assert all(x.startswith("data:image/png;base64,") for x in page.links)
        assert "default-src 'none'; script-src 'sha256-" in text
        assert not re.search(
            r"url\s*\((?!#)|@import|\bfetch\(|XMLHttpRequest|https?:(?!//www\.w3\.org/2000/svg)",
            text,
        )


def test_the_report_says_what_the_terminal_says(call, out):
    run = find_runs(out)[0]
    page = Page((run.folder / "report.html").read_text())
    lines = [" ".join(x.split()) for x in call("show", run.folder, "--long").out.splitlines()]
    facts = read(run).facts
    assert lines[0] == f"{run.spec.id}: {headline(facts)}"
    for text in [lead(facts), *(" ".join(row) for row in numbers(facts)), *told(facts)]:
        assert text in " ".join(lines)
        for number in re.findall(r"\d[\d,.]*\d(?: %)?", text):
            assert number in page.text
    assert '"train_fraction": 0.3' in page.text


def test_an_accuracy_is_shown_in_one_rounding(call, tmp_path):
    """That at the end stands among the first answers and in the paragraph on the end."""
    call("run", *TINY, "steps=200", "--out", tmp_path)
    (run,) = find_runs(tmp_path)
    shown = " ".join(call("show", run.folder, "--long").out.split())
    found = re.findall(r"test (?:was |accuracy )?([\d.]+ %)(?: right|, test loss)", shown)
    assert len(found) >= 3
    assert set(found) == {percent(run.rows[-1]["test_accuracy"])}


def test_a_run_is_told_within_one_screen_of_80_columns(out, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    run = find_runs(out)[0]
    print_reading(run.name, Said.of(read(run).facts), run.folder / "report.html")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines[1:-1])) <= 80, "the names of the run and of its report are not broken"


def test_seeds_are_runs_that_differ_in_their_seed_alone(out):
    specs = [run.spec for run in find_runs(out)]
    assert sorted(spec.seed for spec in specs) == [0, 1, 2]
    assert all(replace(spec, seed=0) == replace(specs[0], seed=0) for spec in specs)


def test_json_is_one_object_with_the_keys_that_are_promised(call, out):
    run = find_runs(out)[0]
    shown = json.loads(call("show", run.folder, "--json").out)
    assert set(shown) == READING
    assert shown["run"] == run.spec.id
    assert shown["folder"] == str(run.folder)
    assert shown["finished"] is True
    never = {"t_memorize": None, "t_grok": None, "falls": [], "t_clean": None}
    assert shown["events"] == {**never, "stop": "steps"}
    assert shown["final"] == run.rows[-1]
    assert shown["measures"]["step"] == 30
    assert set(shown["keys"]) == {"names", "shares", "gap", "threshold"}
    assert sum(shown["keys"]["shares"].values()) <= 1 + 1e-9
    assert shown["report"] == str(run.folder / "report.html")
    seed = f"seed={run.spec.seed}"
    assert json.loads(call("run", *TINY, seed, "--out", out, "--json").out) == shown


def test_json_of_several_runs_is_a_line_each(call, out):
    lines = call("run", *TINY, "--seeds", 3, "--out", out, "--json").out.splitlines()
    assert [json.loads(line)["run"] for line in lines] == [
        f.spec.id for f in sorted(find_runs(out), key=lambda run: run.spec.seed)
    ]


def test_a_dry_run_trains_nothing(call, tmp_path, out):
    plan = ("run", *TINY, "--seeds", 2, "--out", tmp_path / "new", "--dry-run")
    told, planned = call(*plan), json.loads(call(*plan, "--json").out)
    assert not (tmp_path / "new").exists()
    assert [p["state"] for p in planned] == ["new", "new"]
    assert [p["spec"]["seed"] for p in planned] == [0, 1]
    assert (planned[0]["train_pairs"], planned[0]["test_pairs"]) == (36, 85)
    run = find_runs(out)[0]
    assert planned[0]["weights"] == sum(w.numel() for w in run.model().parameters())
    assert told.code == 0
    for p in planned:
        assert p["run"] in told.out
        assert p["folder"] in told.out
    done = call("run", *TINY, "--out", out, "--dry-run", "--json").out
    assert json.loads(done)[0]["state"] == "finished"


def test_a_run_is_found_by_folder_id_and_beginning_of_its_id(call, out):
    runs = find_runs(out)
    names = [run.spec.id for run in runs]
    name = names[0]
    least = next(n for n in range(len(name)) if sum(x.startswith(name[:n]) for x in names) == 1)
    for asked in (runs[0].folder, name, name[:least]):
        said = call("show", asked, "--out", out)
        assert (said.code, said.out.split(":")[0]) == (0, name)


def test_a_beginning_that_several_runs_share_is_refused(call, out):
    names = [run.spec.id for run in find_runs(out)]
    for verb in ("show", "report"):
        said = call(verb, "a+b", "--out", out)
        assert said.code == 2
        assert "`a+b` begins the id of several runs: " in said.err
        assert all(name in said.err for name in names)
    said = call("show", "b+a", "--out", out)
    assert said.code == 2
    assert "no run is called `b+a`." in said.err


@pytest.mark.parametrize("flag", ["-o", "--file"])
def test_a_report_goes_where_it_is_told(flag, call, out, tmp_path):
    run = find_runs(out)[0]
    before = (run.folder / "report.html").stat().st_mtime_ns
    path = tmp_path / "new folder" / "my report.html"
    said = call("report", run.spec.id, "--out", out, flag, path)
    assert (said.code, said.out) == (0, f"{path}\n")
    assert Page(path.read_text()).tags[0] == "html"
    assert (run.folder / "report.html").stat().st_mtime_ns == before


@pytest.mark.parametrize("works", [True, False])
def test_a_report_is_opened_in_a_browser_where_there_is_one(
    works, call, out, tmp_path, monkeypatch
):
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: asked.append(address) or works)
    path = tmp_path / "report.html"
    said = call("report", find_runs(out)[0].spec.id, "--out", out, "-o", path, "--open")
    assert (said.code, asked) == (0, [path.as_uri()])
    assert ("open the file yourself" in said.err) != works


def test_an_interrupted_command_says_how_to_go_on(call, tmp_path, monkeypatch):
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("grokscope.training.keeping.write_checkpoint", interrupt)
        said = call("run", *TINY, "--out", tmp_path)
    assert said.code == 130
    assert "The same command begins anew" in said.err
    said = call("list", "--out", tmp_path, "--json")
    assert json.loads(said.out)[0]["state"] == "unfinished"
    assert call("run", *TINY, "--out", tmp_path).code == 0


def test_a_run_without_a_checkpoint_cannot_be_shown(call, tmp_path):
    run = Run.of(Spec(), tmp_path)
    run.write_spec()
    said = call("show", run.spec.id, "--out", tmp_path)
    assert said.code == 2
    assert "has no checkpoint yet. Train it with `grokscope run`." in said.err


PLUG_IN = '''
from grokscope.measures import measure
from grokscope.models.model import Model, model, randn
from grokscope.tap import no_tap
from grokscope.task import binary, task


@task
def maximum(n: int = 9):
    """The larger of two numbers below n."""
    return binary(f"max(a, b) below {n}", n, lambda a, b: a.maximum(b))


@measure
def largest_weight(s):
    """The largest absolute value of a weight."""
    return max(float(w.abs().max()) for w in s.model.parameters())


@model
class Bilinear(Model):
    """logits = (A[a] * B[b]) W_U."""

    def __init__(self, n_symbols, n_answers, d_hidden: int = 8):
        super().__init__()
        self.n_answers = n_answers
        self.A, self.B = (randn(n_symbols, d_hidden, std=1.0) for _ in "ab")
        self.W_U = randn(d_hidden, n_answers, std=1.0)

    def forward(self, inputs, tap=no_tap):
        h = tap("mlp_post", self.A[inputs[:, 0]] * self.B[inputs[:, 1]])
        return tap("logits", h @ self.W_U)

    def symbol_weights(self):
        return {"a": self.A, "b": self.B, "c": self.W_U.T}
'''


@pytest.fixture
def plug_in(registries, tmp_path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(PLUG_IN)
    return path


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("tasks", "maximum", "The larger of two numbers below n."),
        ("models", "bilinear", "logits = (A[a] * B[b]) W_U."),
        ("measures", "largest_weight", "The largest absolute value of a weight."),
    ],
)
def test_what_a_plug_in_adds_is_listed(kind, name, told, call, plug_in):
    assert name not in call("list", kind).out
    said = call("list", kind, "--use", plug_in)
    (line,) = (line for line in said.out.splitlines() if name in line)
    assert told in line


def test_measures_are_listed_as_invariant_or_raw(call, plug_in):
    rows = json.loads(call("list", "measures", "--json", "--use", plug_in).out)
    said = {row["measure"]: row["is"] for row in rows}
    assert said["test_loss"] == said["localised_energy"] == "invariant"
    assert said["neurons_localised"] == said["largest_weight"] == "raw"


@pytest.mark.parametrize(
    "settings",
    [
        ["task=maximum", "task.n=7", "model=mlp", "model.d_embed=8", "model.d_mlp=8"],
        ["task=a*b", "task.p=7", "model=bilinear", "model.d_hidden=5"],
        ["task=maximum", "model=bilinear"],
    ],
    ids=["task", "model", "both"],
)
def test_what_a_plug_in_adds_is_run(settings, call, plug_in, tmp_path):
    said = call("run", *settings, "steps=20", "--out", tmp_path / "out", "--use", plug_in)
    assert said.code == 0, said.err
    (run,) = find_runs(tmp_path / "out")
    assert run.is_finished
    table = trace(run, ["largest_weight", "train_loss"])
    assert table["step"].to_list() == run.steps
    largest = [float(max(w.abs().max() for w in m.parameters())) for _, m in run.models()]
    assert table["largest_weight"].to_list() == pytest.approx(largest)


def test_a_wrong_argument_of_a_plug_in_is_refused(call, plug_in, tmp_path):
    for settings, message in (
        (["task=maximun"], "no task is called `maximun`. Did you mean `maximum`?"),
        (["task=maximum", "task.p=7"], "no argument of task `maximum` is called `task.p`."),
        (["task=maximum", "task.n=1"], "a whole number of at least 2 symbols, not 1."),
        (["model=bilinear", "model.d_hiden=3"], "Did you mean `model.d_hidden`?"),
        (
            ["model=bilinear", "model.d_hidden=0"],
            "`model.d_hidden` must be a whole number of at least 1",
        ),
        (["model=bilinear", "formulation=folded"], "`Bilinear` has no fold. Use formulation=fast"),
    ):
        said = call("run", *settings, "--out", tmp_path / "out", "--use", plug_in)
        assert said.code == 2
        assert message in said.err
    assert not (tmp_path / "out").exists()


HOSTILE = "<script>alert(1)</script> & [red]x[/red] [/] :bomb:"


def test_hostile_text_is_shown_and_not_obeyed(call, registries, tmp_path):
    path = tmp_path / "hostile.py"
    path.write_text(f"""
from grokscope.task import TASKS, binary

TASKS[{HOSTILE!r}] = lambda: binary({HOSTILE!r}, 7, lambda a, b: (a * b + b) % 7)
""")
    settings = [f"task={HOSTILE}", "model=mlp", "model.d_embed=8", "model.d_mlp=8", "steps=5"]
    said = call("run", *settings, "--out", tmp_path / "out", "--use", path)
    assert said.code == 0, said.err
    assert f"task         {HOSTILE}" in said.out
    (run,) = find_runs(tmp_path / "out")
    assert re.fullmatch(r"[\w-]+", run.folder.name)
    text = (run.folder / "report.html").read_text()
    page = Page(text)
    assert page.tags.count("script") == text.count("<script") == text.count("</script") == 2
    assert page.text.count(HOSTILE) >= 3, "in the title, the heading and the words"
    assert HOSTILE in call("list", "tasks", "--use", path).out
    assert HOSTILE in call("run", *settings, "--dry-run", "--use", path).out
    wrong = call("run", f"task={HOSTILE}!", "--use", path)
    assert f"`{HOSTILE}!` is not a formula." in wrong.err


@pytest.mark.parametrize("p", [2, 3])
def test_a_network_whose_parts_are_all_key_parts_is_read_too(p, call, tmp_path):
    settings = [f"task.p={p}", "train_fraction=0.5", "model=mlp", "steps=5"]
    said = call("run", *settings, "--out", tmp_path)
    assert said.code == 0


def test_json_of_a_run_that_diverged_is_json(call, tmp_path):
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    said = call("run", *TINY, "lr=1e30", "--out", tmp_path, "--json")
    shown = json.loads(said.out, parse_constant=refuse)
    assert shown["events"]["stop"] == "diverged"


def test_settings_may_stand_anywhere(call, tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    said = call(
        "run", "--use", plugin, "demo", "--json", "seed=1", "--out", tmp_path, "--dry-run", "lr=1"
    )
    (plan,) = json.loads(said.out)
    assert plan["spec"]["seed"] == 1
    assert plan["spec"]["lr"] == 1


@pytest.mark.parametrize("line", ["5", "null", "{}", '{"step": 3}'])
def test_a_line_that_is_no_evaluation_is_said_to_be_damage(line, call, tmp_path):
    call("run", *TINY, "--out", tmp_path)
    (run,) = find_runs(tmp_path)
    path = run.folder / "metrics.jsonl"
    path.write_text(f"{line}\n{path.read_text()}")
    said = call("show", run.folder)
    assert said.code == 1
    assert "metrics.jsonl is damaged in line 1" in said.err
    assert "damaged" in call("list", "--out", tmp_path).out


def test_a_pipe_that_is_closed_early_is_no_error():
    command = f"{sys.executable} -m grokscope list measures | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "measure" in done.stdout
    assert "Traceback" not in done.stderr
