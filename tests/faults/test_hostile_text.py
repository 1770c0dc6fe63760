"""Hostile and odd text of every kind is refused with a reason, or shown as what it is: no
traceback, no control sequence on the terminal, nothing written where nothing was asked for."""

import ast
import io
import json
import os
import re
import time
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from hostile_text import (
    DEEPER,
    ESCAPES,
    FORMULAS,
    HARMLESS,
    LAST,
    NAMES,
    SMALL,
    TABLES,
    copied,
    damages,
    settings,
)
from rich.progress import Progress
from selection import quick

import grokscope
from grokscope.planted.sitting import kept_in
from grokscope.printable import UNSEEN, Screen, printable
from grokscope.training.run import Run, find_folders

SOURCE = Path(grokscope.__file__).parent
LONGEST = 3_000  # characters of an error
SLOWEST = 10.0  # seconds
SETTINGS, DAMAGES = settings(), damages()
VERBS = {
    "list": ("list", "--out"),
    "judge": ("judge", "--out"),
    "show": ("show",),
    "trace": ("trace",),
    "spectrum": ("spectrum",),
    "explain": ("explain",),
    "report": ("report",),
    "export": ("export",),
}


def label(value: object) -> str:
    return ascii(value)[:60].encode("ascii", "replace").decode()


@pytest.fixture(scope="module")
def good(call, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("good")
    assert call("run", *SMALL, "--out", out).code == 0
    (folder,) = find_folders(out)
    assert call("judge", folder).code == 0
    return Run.open(folder)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Path:
    """Where what runs would leave something."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ask(call):
    """The command line; what it prints is clean and short, and it ends soon."""

    def ask(*args: object):
        start = time.process_time()
        said = call(*args)
        assert time.process_time() - start < SLOWEST
        for text in (said.out, said.err):
            assert printable(text) == text
        assert len(said.err) < LONGEST
        return said

    return ask


def test_there_are_many_cases():
    assert len(SETTINGS) + len(FORMULAS) + len(TABLES) + len(DAMAGES) > 400


@pytest.mark.parametrize("number", quick(range(len(SETTINGS))))
def test_settings_that_no_network_can_have_are_refused(number, ask, tmp_path):
    said = ask("run", *SMALL, *SETTINGS[number], "--out", "out")
    assert (said.code, said.out) == (2, ""), label(SETTINGS[number])
    assert said.err.strip().startswith("error: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", quick(range(len(FORMULAS))))
def test_what_is_no_formula_is_refused(number, ask, tmp_path):
    said = ask("run", *SMALL, f"task={FORMULAS[number]}", "--out", "out")
    assert (said.code, said.out) == (2, ""), label(FORMULAS[number])
    assert said.err.strip().startswith("error: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", quick(TABLES))
def test_what_is_no_table_of_a_group_is_refused(name, ask, tmp_path):
    Path(name).write_bytes(TABLES[name])
    said = ask("run", "task=composition", f"task.table={name}", "model=mlp", "--out", "out")
    assert (said.code, said.out) == (2, "")
    assert Path(name).stem in said.err
    assert [f.name for f in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("place", ["folder.csv", "pipe.csv", "device.csv", "loop.csv"])
def test_a_table_is_read_from_a_file_alone(place, ask):
    Path("folder.csv").mkdir()
    os.mkfifo("pipe.csv")
    Path("device.csv").symlink_to("/dev/zero")
    Path("loop.csv").symlink_to("loop.csv")
    said = ask("run", "task=composition", f"task.table={place}", "model=mlp", "--out", "out")
    assert said.code == 1
    assert f"cannot read {place}: " in said.err


@pytest.mark.parametrize("number", quick(range(len(DAMAGES))))
def test_a_damaged_run_is_told_from_others_with_its_reason(number, ask, good, tmp_path):
    _, change, reads = DAMAGES[number]
    out = tmp_path / "out"
    run, neighbour = copied(good, out, "bad"), copied(good, out, "good")
    change(run)
    rows = {x["run"]: x for x in json.loads(ask("list", "--json", "--out", out).out)}
    assert (rows["good"]["state"], rows["good"]["reason"]) == ("finished", None)
    if "list" in reads:
        assert rows["bad"]["state"] in ("damaged", "unreadable")
        assert str(run.folder) in rows["bad"]["reason"]
    for verb in reads:
        _says_so(verb, ask, run, neighbour)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["out"]
    assert sorted(f.name for f in out.iterdir()) == ["bad", "good"]


def _says_so(verb: str, ask, run: Run, neighbour: Run) -> None:
    """A verb ends with the reason, which is not to delete anything."""
    if verb in ("list", "judge"):
        said = ask(verb, "--out", run.folder.parent)
        assert said.code == 0
        assert re.search(rf"^{neighbour.folder.name} .*(finished|as before|new)", said.out, re.M)
        assert re.search(r"^bad: .*\w", said.out, re.M)
    else:
        to = ("--to", "transformer_lens") if verb == "export" else ()
        said = ask(verb, run.folder, *to)
        assert said.code in (1, 2)
        assert said.err.startswith("error: ")
    assert "elete" not in said.out + said.err


@pytest.mark.parametrize("number", quick(range(len(HARMLESS)), every=5))
def test_what_is_odd_and_harmless_is_not_called_damage(number, ask, good, tmp_path):
    name, change = HARMLESS[number]
    run = copied(good, tmp_path / "out", "odd")
    change(run)
    (row,) = json.loads(ask("list", "--json", "--out", tmp_path / "out").out)
    assert (row["state"], row["reason"]) == ("finished", None), name
    assert Run.open(run.folder).steps == good.steps
    for verb in ("show", "spectrum", "trace"):
        assert ask(verb, run.folder).code == 0


@pytest.mark.parametrize("name", quick([x for x in NAMES if x != "long"]))
def test_a_folder_may_be_called_anything_and_is_shown_as_it_is(name, ask, good, tmp_path):
    folder = NAMES[name].replace("/", "-").replace("\ud800", "")
    run = copied(good, tmp_path / "out", folder)
    (row,) = json.loads(ask("list", "--json", "--out", tmp_path / "out").out)
    assert row["run"] == folder
    said = ask("list", "--out", tmp_path / "out")
    assert printable(folder, keep="") in said.out
    assert ask("judge", "--out", tmp_path / "out").code == 0
    for verb in ("show", "trace", "report"):
        assert ask(verb, run.folder).code == 0
    (run.folder / "metrics.jsonl").write_text("x\ny\n")
    said = ask("list", "--out", tmp_path / "out")
    assert f"{printable(folder, keep='')}: " in said.out
    assert ask("show", run.folder).code == 1


@pytest.mark.parametrize(
    "path", quick(["x" * 256, "x" * 5000, "x/" * 3000, "\udcff", ESCAPES, "a/b/c"], every=3)
)
@pytest.mark.parametrize(
    "words",
    [
        ("show", "{}"),
        ("list", "--out", "{}"),
        ("judge", "{}"),
        ("show", "x", "--out", "{}"),
        ("list", "tasks", "--use", "{}"),
        ("run", "--out", "{}", *SMALL, "--seeds", "0"),
        ("run", *SMALL, "task=composition", "task.table={}.csv"),
        ("run", *SMALL, "load={}"),
    ],
    ids=" ".join,
)
def test_a_path_may_be_anything(words, path, ask, tmp_path):
    said = ask(*(word.format(path) for word in words))
    assert said.code in ((0,) if words[0] == "list" and "--out" in words else (1, 2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", quick(["x" * 256, "x" * 5000, "x/" * 3000, "\udcff/" + "x" * 300]))
def test_a_place_that_no_file_can_have_is_refused(path, ask, good, tmp_path):
    run = copied(good, tmp_path / "out")
    for words in (
        ("construct", "--modulus", 7, "-o"),
        ("report", run.folder, "-o"),
        ("run", *SMALL, "--out"),
    ):
        said = ask(*words, path)
        assert said.code == 1
        assert "File name too long." in said.err
        assert "Choose a shorter name." in said.err
    said = ask("trace", run.folder, "--plot", f"{path}.png")
    assert said.code == 1
    assert {f.name for f in tmp_path.iterdir()} <= {"out", "\udcff"}


@pytest.mark.parametrize("name", quick(NAMES, every=5))
@pytest.mark.parametrize(
    "words", [("{}",), ("list", "{}"), ("list", "--{}"), ("show", "a", "{}"), ("run", "a", "--{}")]
)
def test_words_that_make_no_sense_are_shown_and_not_obeyed(words, name, call):
    said = call(*(word.format(NAMES[name]) for word in words))
    assert (said.code, said.out) == (2, "")
    assert printable(said.err) == said.err
    assert said.err


OWN = (
    "spec.json", "metrics.jsonl", LAST, "STEP-000005.SAFETENSORS", "resume.safetensors",
    "resume.older.safetensors", "split.safetensors", "trace.parquet", "judgement.json",
    "circuit.py",
)  # fmt: skip


@pytest.mark.parametrize("name", quick(OWN, every=5))
def test_a_runs_own_files_are_not_replaced(name, ask, good, tmp_path):
    run = copied(good, tmp_path / "out", "run")
    before = {f: f.read_bytes() for f in run.folder.iterdir()}
    file, through = run.folder / name, tmp_path / "link"
    through.symlink_to(run.folder)
    (tmp_path / "page.html").symlink_to(file)
    for path in (file, through / name, tmp_path / "out/../out/run" / name, "page.html"):
        for words in (
            ("report", run.folder, "-o"),
            ("construct", "-o"),
            ("exam", "--number", 1, "--keep"),
            ("export", run.folder, "--to", "transformer_lens", "--file"),
        ):
            said = ask(*words, path)
            assert said.code == 2, words
            assert "would replace a run's own file" in said.err
    assert {f: f.read_bytes() for f in run.folder.iterdir()} == before


def test_the_json_beside_an_export_is_not_a_runs_own_either(ask, good, tmp_path):
    run = copied(good, tmp_path / "out")
    file = run.folder / "spec.safetensors"
    said = ask("export", run.folder, "--to", "transformer_lens", "--file", file)
    assert said.code == 2
    assert "spec.json would replace a run's own file" in said.err


def test_a_link_to_itself_is_replaced_by_the_page(ask, tmp_path):
    (tmp_path / "page.html").symlink_to("page.html")
    assert ask("construct", "--modulus", 7, "-o", tmp_path / "page.html").code == 0
    assert (tmp_path / "page.html").is_file()


def test_a_page_may_be_called_like_a_runs_file_elsewhere(ask, tmp_path):
    assert ask("construct", "--modulus", 7, "-o", tmp_path / "spec.json").code == 0


@pytest.mark.parametrize("number", quick(["-1", "0", "9" * 30, "9" * 300]))
@pytest.mark.parametrize(
    "words",
    [
        ("exam", "--number"),
        ("exam", "--number", "1", "--seed"),
        ("exam", "--workers"),
        ("construct", "--modulus"),
        ("construct", "--neurons"),
        ("run", "--seeds"),
        ("explain", "{run}", "--over"),
        ("explain", "{run}", "--step"),
        ("watch", "{run}", "--port"),
    ],
    ids=" ".join,
)
def test_a_number_that_is_none_is_refused(words, number, ask, good):
    option = f"{words[-1]}={number}"
    if option in ("--seed=0", "--step=0", "--port=0") or option.startswith("--over=9"):
        return  # these are good
    said = ask(*(x.format(run=good.folder) for x in words[:-1]), option)
    assert said.code == 2
    assert said.out == ""


@pytest.mark.parametrize("line", [DEEPER, '{"explainer": 3}', "[]", "\x00", "9" * 5000])
def test_a_line_that_is_no_answer_of_an_exam_is_named(line, ask, tmp_path):
    file = tmp_path / "kept.jsonl"
    file.write_text(f"{line}\n{line}\n")
    said = ask("exam", "--number", 1, "--papers", "truths", "--keep", file)
    assert said.code == 1
    assert f"line 1 of {file} is no answer. Take that line out" in said.err
    file.write_text("")
    assert kept_in(file) == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ρ-sets and 30 %", "plain text, ρ-sets and 30 %"),
        ("a\nb", "a\nb"),
        ("a\tb\rc", r"a\tb\rc"),
        ("\x1b[31m\x07", r"\x1b[31m\x07"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\u202e\u2066\u2069\u200b\ufeff", r"\u202e\u2066\u2069\u200b\ufeff"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_is_not_seen_is_written_as_python_writes_it(text, shown):
    assert printable(text) == shown
    assert set(UNSEEN) & {"Cc", "Cf", "Cs"}


def test_bars_and_styled_text_are_clean_too():
    with redirect_stderr(io.StringIO()) as err:
        screen = Screen(stderr=True)
        with Progress(console=screen) as bars:
            bars.add_task(f"a{ESCAPES}b")
            screen.print(f"[red]{ESCAPES}[/red] :bomb:")
    assert printable(err.getvalue()) == err.getvalue()
    assert r"\x1b[2J" in err.getvalue()
    assert "[red]" in err.getvalue()


def test_nothing_prints_but_through_what_is_printable():
    """All of rich's consoles are ours, and `print` is called where the text was cleaned."""
    for file in SOURCE.rglob("*.py"):
        name = str(file.relative_to(SOURCE))
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            assert node.func.id != "Console", name
            if node.func.id == "print":
                text = ast.unparse(node)
                is_plain = name in ("terminal.py", "cli/main.py") or "live.address" in text
                assert is_plain or " MB'" in text, f"{name}: {text}"
