"""Traces: what is computed, what is kept and for how long; `trace` and `spectrum` at the command
line, with a measure of one's own."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from runpy import run_path

import polars as pl
import pytest

from grokscope.errors import BadInput, NotApplicable, StorageError, UnknownName
from grokscope.measures import MEASURES, measure, trace
from grokscope.measures.kept import Kept
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import chosen, evaluate, family
from grokscope.measures.trace import MAIN
from grokscope.snapshot import Snapshot
from grokscope.task import TASKS
from grokscope.training.run import Run
from grokscope.training.tensors import read_tensors, write_tensors
from grokscope.training.train import train

OWN = "a_measure_of_our_own"
SIX_LINES = '''from grokscope.measures import measure

@measure
def loudness(s):
    """The root mean square of the logits."""
    return s.logits.square().mean().sqrt()
'''


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test registers is taken away again."""
    before = dict(MEASURES)
    yield
    MEASURES.clear()
    MEASURES.update(before)


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory) -> Run:
    spec = tiny(
        task_args={"p": 11}, train_fraction=0.8, lr=1e-2, steps=300, checkpoint_every=100,
        eval_every=50,
    )  # fmt: skip
    return train(spec, tmp_path_factory.mktemp("trained"))


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    """A run of one's own, with no trace yet."""
    folder = tmp_path / trained.folder.name
    shutil.copytree(trained.folder, folder)
    (folder / "trace.parquet").unlink(missing_ok=True)
    return Run.open(folder)


@pytest.fixture
def count() -> list[int | None]:
    """The steps at which the measure `OWN` was evaluated; it gives the norm of the weights."""
    steps: list[int | None] = []

    def own(s: Snapshot) -> float:
        steps.append(s.step)
        return sum(float(w.double().square().sum()) for w in s.model.parameters())

    own.__name__ = OWN
    measure(own)
    return steps


def kept(run: Run) -> pl.DataFrame:
    return pl.read_parquet(run.folder / "trace.parquet")


def touch(path: Path, seconds: float) -> None:
    """Have it written so long after now."""
    at = path.stat().st_mtime + seconds
    os.utime(path, (at, at))


def squared(run: Run, step: int) -> float:
    return evaluate(Snapshot.of(run, step), [OWN])[OWN]


# The table


def test_a_trace_is_a_table_with_a_row_for_each_checkpoint(run):
    table = trace(run, ["train_loss", "margin"])
    assert isinstance(table, pl.DataFrame)
    assert table["step"].to_list() == run.steps
    assert len(run.steps) > 3
    margins = ["train smallest", "train mean", "test smallest", "test mean"]
    assert table.columns == ["step", "train_loss", *(f"margin[{x}]" for x in margins)]
    assert table.dtypes == [pl.Int64] + [pl.Float64] * 5
    for step in run.steps:
        own = evaluate(Snapshot.of(run, step), ["train_loss", "margin"])
        row = table.row(by_predicate=pl.col("step") == step, named=True)
        assert {k: x for k, x in row.items() if k != "step"} == own


def test_a_trace_by_default_has_the_main_measures_that_apply(run):
    table = trace(run)
    found = {column.split("[")[0] for column in table.columns[1:]}
    assert found <= set(MAIN)
    assert {"train_loss", "gini", "lens_score", "sum_of_squares"} <= found


def test_key_parts_are_those_of_the_last_checkpoint(run):
    keys = key_parts(Snapshot.of(run)).names
    assert keys
    table = trace(run, "restricted_loss_sum")
    for step in run.steps:
        s = replace(Snapshot.of(run, step), keys=keys)
        own = evaluate(s, ["restricted_loss_sum"])["restricted_loss_sum[all]"]
        row = table.filter(pl.col("step") == step)
        assert row["restricted_loss_sum[all]"][0] == pytest.approx(own)


def test_progress_is_told_once_a_checkpoint(run):
    told = []
    trace(run, "train_loss", lambda *x: told.append(x))
    n = len(run.steps)
    assert told == [(i, n) for i in range(1, n + 1)], "the last is taken first"
    told.clear()
    trace(run, "train_loss", lambda *x: told.append(x))
    assert told == [(n, n)]


# What is kept


def test_a_table_is_read_back_as_it_was(run, count):
    first = trace(run, [OWN, "losses"])
    assert first.equals(trace(run, [OWN, "losses"]))
    assert first.equals(trace(Run.open(run.folder), [OWN, "losses"]))
    assert first.select("step", OWN).equals(trace(run, OWN))
    assert set(first.columns) == set(kept(run).columns)


def test_each_checkpoint_is_measured_once(run, count):
    trace(run, OWN)
    assert sorted(x for x in count if x is not None) == run.steps


def test_what_the_table_holds_is_not_computed_again(run, count):
    trace(run, OWN)
    count.clear()
    trace(run, OWN)
    assert count == []


def test_other_measures_are_added_to_what_there_is(run, count):
    trace(run, OWN)
    count.clear()
    table = trace(run, "train_loss")
    assert table.columns == ["step", "train_loss"]
    assert set(kept(run).columns) == {"step", OWN, "train_loss"}
    trace(run, OWN)
    assert set(count) <= {run.steps[-1]}


def test_a_new_checkpoint_only_adds_its_row(run, count):
    last = run.checkpoint(run.steps[-1])
    away = last.with_suffix(".away")
    middle = run.steps[2]
    here = run.checkpoint(middle)
    here.rename(away)
    assert trace(run, OWN)["step"].to_list() == run.steps
    assert middle not in run.steps
    count.clear()
    away.rename(here)
    table = trace(run, OWN)
    assert set(count) <= {middle, run.steps[-1]}
    assert count.count(middle) == 1
    assert table["step"].to_list() == run.steps
    assert table.filter(pl.col("step") == middle)[OWN][0] == pytest.approx(squared(run, middle))


def test_a_checkpoint_that_is_gone_has_no_row(run, count):
    trace(run, OWN)
    gone = run.steps[1]
    run.checkpoint(gone).unlink()
    assert gone not in trace(run, OWN)["step"].to_list()


def test_a_checkpoint_that_was_written_again_is_measured_again(run, count):
    step = run.steps[1]
    before = trace(run, [OWN, "train_loss"])
    tensors, notes = read_tensors(run.checkpoint(step))
    write_tensors(run.checkpoint(step), {k: 2 * w for k, w in tensors.items()}, notes)
    touch(run.checkpoint(step), 10)
    count.clear()
    table = trace(run, [OWN, "train_loss"])
    assert step in count
    at = pl.col("step") == step
    assert table.filter(at)[OWN][0] == pytest.approx(4 * before.filter(at)[OWN][0])
    assert table.filter(~at).equals(before.filter(~at))
    assert table.filter(at)["train_loss"][0] != before.filter(at)["train_loss"][0]


def test_a_measure_whose_file_was_changed_is_computed_again(run, tmp_path):
    file = tmp_path / "mine.py"
    for factor in (1, 3):
        file.write_text(
            f"""
from grokscope.measures import measure

@measure
def changing(s):
    return {factor} * (s.step + 1)
"""
        )
        run_path(str(file), run_name="mine")
        table = trace(run, ["changing", "train_loss"])
        assert table["changing"].to_list() == [factor * (step + 1) for step in run.steps]


def test_a_plug_in_is_read_anew_with_all_the_files_beside_it(run, tmp_path):
    helper, file = tmp_path / "helper.py", tmp_path / "mine.py"
    file.write_text(
        """from pathlib import Path
from grokscope.measures import measure
from grokscope.snapshot import once_per_snapshot

@measure
@once_per_snapshot
def by_a_helper(s):
    text = (Path(__file__).parent / "helper.py").read_text()
    return float(text.split("=")[1])
"""
    )
    for value in (1.0, 2.0):
        helper.write_text(f"K = {value}")
        run_path(str(file), run_name="mine")
        assert set(trace(run, "by_a_helper")["by_a_helper"]) == {value}


def test_a_checkpoint_of_an_older_date_is_another_one(run, count):
    first = trace(run, OWN)
    step, other = run.steps[3], run.steps[5]
    weights, notes = read_tensors(run.checkpoint(other))
    write_tensors(run.checkpoint(step), weights, notes)
    os.utime(run.checkpoint(step), (0, 0))
    count.clear()
    table = trace(run, OWN)
    assert count == [step]
    assert table[OWN][3] == first[OWN][5]


def test_a_measure_that_fails_says_which_and_where(run):
    def broken(s: Snapshot) -> float:
        raise ZeroDivisionError("no such luck")

    measure(broken)
    with pytest.raises(BadInput, match=r"`broken` failed at step \d+: ZeroDivisionError: no such"):
        trace(run, "broken")


def test_a_measure_of_ours_is_not_replaced():
    def gini(s: Snapshot) -> float:
        return 0.0

    with pytest.raises(BadInput, match="`gini` is a measure of grokscope's own"):
        measure(gini)


def test_a_package_that_was_changed_computes_all_again(run, count, monkeypatch):
    trace(run, OWN)
    count.clear()
    monkeypatch.setattr("grokscope.measures.kept.of_package", lambda: "another version")
    trace(run, OWN)
    assert set(count) == set(run.steps)


def test_other_key_parts_make_all_new(run, count, monkeypatch):
    first = trace(run, ["excluded_loss_sum_train", OWN])
    count.clear()
    found = key_parts(Snapshot.of(run))
    names = [name for name in found.shares if name not in found.names[:1]][:1]
    changed = replace(found, names=tuple(names))
    monkeypatch.setattr(sys.modules["grokscope.measures.trace"], "key_parts", lambda s: changed)
    second = trace(run, ["excluded_loss_sum_train", OWN])
    assert set(count) == set(run.steps)
    assert second[OWN].equals(first[OWN])
    column = "excluded_loss_sum_train"
    for a, b in zip(first[column], second[column], strict=True):
        assert a != b
    s = replace(Snapshot.of(run), keys=tuple(names))
    assert second[column][-1] == pytest.approx(evaluate(s, [column])[column])


@pytest.mark.parametrize(
    "what", ["noise", "nothing", "foreign", "no note", "half", "a note of text"]
)
def test_a_file_that_is_not_ours_is_made_anew(what, run, count):
    first = trace(run, OWN)
    path = run.folder / "trace.parquet"
    wrong = first.with_columns(pl.lit(7.0).alias(OWN))
    match what:
        case "noise":
            path.write_bytes(b"PAR1 this is no parquet PAR1")
        case "nothing":
            path.write_bytes(b"")
        case "foreign":
            pl.DataFrame({"x": ["some", "words"]}).write_parquet(path)
        case "no note":
            wrong.write_parquet(path)
        case "half":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "a note of text":
            wrong.write_parquet(path, metadata={"grokscope": "not json"})
    count.clear()
    assert trace(run, OWN).equals(first)
    assert set(count) == set(run.steps)
    assert kept(run).equals(first)


@pytest.mark.parametrize(
    "note",
    [[], 5, None, {"columns": []}, {"columns": {OWN: [OWN]}},
     {"columns": {OWN: 5}, "code": {}}, {"columns": {}, "code": [], "no step": True}],
)  # fmt: skip
def test_a_note_of_another_form_is_no_trace(note, run, count):
    first = trace(run, OWN)
    wrong = first.with_columns(pl.lit(7.0).alias(OWN))
    if isinstance(note, dict):
        note = {"keys": list(key_parts(Snapshot.of(run)).names), **note}
        wrong = wrong.drop("step") if "no step" in note else wrong
        if note["columns"] == {OWN: 5}:
            note["code"] = {OWN: Kept(run, run.steps, None).code[OWN]}
    wrong.write_parquet(run.folder / "trace.parquet", metadata={"grokscope": json.dumps(note)})
    assert trace(run, OWN).equals(first)


def test_a_note_without_measures_is_no_harm(run, count):
    first = trace(run, OWN)
    for note in ("{}", '{"keys": null}'):
        wrong = first.with_columns(pl.lit(7.0).alias(OWN))
        wrong.write_parquet(run.folder / "trace.parquet", metadata={"grokscope": note})
        assert trace(run, OWN).equals(first)


def test_where_nothing_can_be_written_there_is_a_table_all_the_same(run, count, monkeypatch):
    def refuse(path: Path, content: bytes) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr("grokscope.measures.kept.write_atomically", refuse)
    told: list[StorageError] = []
    table = trace(run, OWN, tell=told.append)
    assert table["step"].to_list() == run.steps
    assert table[OWN][-1] == pytest.approx(squared(run, run.steps[-1]))
    assert [str(x) for x in told] == ["the disk is full"]
    assert not (run.folder / "trace.parquet").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_leave_to_write_gives_a_table(run, count):
    run.folder.chmod(0o555)
    try:
        assert trace(run, OWN)["step"].to_list() == run.steps
    finally:
        run.folder.chmod(0o755)


def test_an_interrupted_trace_keeps_what_was_done(run, count):
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(run, OWN, interrupt)
    assert kept(run)[OWN].drop_nulls().len() == 3  # two, and the last, which is taken first
    count.clear()
    table = trace(run, OWN)
    assert set(count) == set(run.steps[2:-1])
    assert table[OWN].null_count() == 0


def test_where_a_measure_has_no_meaning_yet_its_value_is_missing(run):
    late = run.steps[2]

    def only_later(s: Snapshot) -> float:
        if s.step is not None and s.step < late:
            raise NotApplicable("not yet")
        return 1.0

    measure(only_later)
    for _ in range(2):
        values = trace(run, ["only_later", "train_loss"])["only_later"].to_list()
        assert values == [None if step < late else 1.0 for step in run.steps]


# Names


def test_a_family_stands_for_its_measures(run):
    table = trace(run, "losses")
    found = {column.split("[")[0] for column in table.columns[1:]}
    assert {"train_loss", "test_accuracy", "margin", "softmax_collapse"} <= found
    assert {family(name) for name in found} == {"losses"}
    assert chosen("losses") == [name for name in MEASURES if family(name) == "losses"]
    assert chosen(["gini", "losses", "gini", "margin"]) == ["gini", *chosen("losses")]


def test_all_means_every_measure_that_applies(run, count):
    assert chosen("all") == list(MEASURES)
    few = {name: MEASURES[name] for name in ("train_loss", "hidden_subgroups", OWN)
           if name in MEASURES}  # fmt: skip
    other = next(name for name in MEASURES if family(name) == "parity")
    few |= {"gini": MEASURES["gini"], other: MEASURES[other]}
    MEASURES.clear()
    MEASURES.update(few)
    found = {column.split("[")[0] for column in trace(run, "all").columns[1:]}
    assert found == {"train_loss", "gini", OWN}


def test_a_measure_of_no_meaning_is_refused_by_its_name_and_left_out_of_its_family(run):
    other = next(name for name in MEASURES if family(name) == "parity")
    with pytest.raises(NotApplicable):
        trace(run, other)
    with pytest.raises(NotApplicable, match="leading digits"):  # none of the family has
        trace(run, "parity")
    assert trace(run, ["parity", "train_loss"]).columns == ["step", "train_loss"]
    with pytest.raises(NotApplicable):
        trace(run, ["train_loss", other])


@pytest.mark.parametrize(
    ("name", "near"), [("train_los", "train_loss"), ("losess", "losses"), ("al", "all")]
)
def test_an_unknown_name_says_the_nearest(name, near, run):
    with pytest.raises(UnknownName, match=f"Did you mean `{near}`"):
        trace(run, ["gini", name])
    assert not (run.folder / "trace.parquet").exists()


@pytest.mark.parametrize("value", ["words", None, [1.0, 2.0], {"part": "words"}, {"part": None}])
def test_a_measure_that_gives_no_number_is_told(value, run):
    def nonsense(s: Snapshot):
        return value

    measure(nonsense)
    with pytest.raises(BadInput, match=r"the measure `nonsense` gave .*must give a number"):
        trace(run, "nonsense")


def test_a_measure_may_give_a_tensor_or_several_numbers(run):
    def norms(s: Snapshot):
        return {"logits": s.logits.norm(), "count": 5, "nothing": float("nan")}

    measure(norms)
    first = trace(run, "norms")
    assert first.columns == ["step", "norms[logits]", "norms[count]", "norms[nothing]"]
    assert first["norms[count]"].to_list() == [5.0] * len(run.steps)
    assert first.equals(trace(run, "norms"))


def test_a_measure_called_step_would_take_the_place_of_the_steps():
    def step(s: Snapshot) -> float:
        return 0.5

    with pytest.raises(BadInput, match="Call your measure by another name"):
        measure(step)


# The command line

Call = Callable[..., object]


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SIX_LINES)
    return path


def test_a_measure_of_six_lines_is_listed_traced_and_drawn(call, run, own_file, tmp_path):
    assert len(SIX_LINES.splitlines()) == 6
    said = call("list", "measures", "--use", own_file, "--json")
    (row,) = [row for row in json.loads(said.out) if row["measure"] == "loudness"]
    assert row == {
        "family": "mine", "measure": "loudness", "is": "raw",
        "what": "The root mean square of the logits.",
    }  # fmt: skip
    picture = tmp_path / "loudness.png"
    said = call(
        "trace",
        run.folder,
        "--measures",
        "loudness",
        "--use",
        own_file,
        "--json",
        "--plot",
        picture,
    )
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    assert [row["step"] for row in rows] == run.steps
    for row in rows:
        logits = Snapshot.of(run, row["step"]).logits
        assert row["loudness"] == pytest.approx(float(logits.square().mean().sqrt()))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in said.err
    by_family = call("trace", run.folder, "--measures", "mine", "--use", own_file, "--json")
    assert json.loads(by_family.out) == rows


def test_without_its_file_the_measure_is_not_known(call, run):
    said = call("trace", run.folder, "--measures", "loudness")
    assert (said.code, said.out) == (2, "")
    assert "no measure is called `loudness`" in said.err


def test_a_trace_is_shown_as_a_table(call, run):
    said = call("trace", run.folder, "--measures", "train_loss", "gini")
    assert (said.code, said.err.strip()) == (0, "")
    table = trace(run, ["train_loss", "gini"])
    for column in table.columns[1:]:
        assert column in said.out
    assert f"{table['train_loss'][-1]:.4g}" in said.out
    assert f"{len(run.steps)} checkpoints" in said.out
    assert str(run.folder / "trace.parquet") in said.out


def test_a_trace_without_names_has_the_main_measures(call, run):
    said = call("trace", run.folder, "--json")
    assert said.code == 0
    assert set(json.loads(said.out)[0]) == set(trace(run).columns)


@pytest.mark.parametrize(
    ("ending", "start"),
    [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")],
)
@pytest.mark.parametrize(
    "verb",
    [("trace", "--measures", "train_loss", "margin"), ("spectrum",)],
    ids=["trace", "spectrum"],
)
def test_a_figure_is_written_as_its_ending_says(verb, ending, start, call, run, tmp_path):
    picture = tmp_path / f"figure.{ending}"
    said = call(verb[0], run.folder, *verb[1:], "--plot", picture)
    assert said.code == 0, said.err
    assert picture.read_bytes().startswith(start)
    if ending == "svg":
        assert b"<svg" in picture.read_bytes()


@pytest.mark.parametrize("verb", ["trace", "spectrum"])
@pytest.mark.parametrize("name", ["figure.gif", "figure", "figure.jpeg", "png"])
def test_a_wrong_ending_is_refused_before_any_work(verb, name, call, run, tmp_path):
    said = call(verb, run.folder, "--plot", tmp_path / name)
    assert (said.code, said.out) == (2, "")
    assert f"--plot {tmp_path / name} must end in .png, .svg or .pdf." in said.err
    assert ".png" in said.err
    assert not (run.folder / "trace.parquet").exists()
    assert not (tmp_path / name).exists()


def test_a_folder_is_no_place_for_a_figure(call, run, tmp_path):
    (tmp_path / "figure.png").mkdir()
    said = call("trace", run.folder, "--plot", tmp_path / "figure.png")
    assert said.code == 2
    assert not (run.folder / "trace.parquet").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["trace", "--measures", "train_los"], "Did you mean `train_loss`?"),
        (["trace", "--measures", "lossess"], "Did you mean `losses`?"),
        (["trace", "--measures", "parity_nothing"], "no measure is called"),
        (["spectrum", "--lens", "multiplicativ"], "Did you mean `multiplicative`?"),
        (["spectrum", "--weight", "abc"], "Did you mean `ab`?"),
        (["spectrum", "--step", "39"], "there is no checkpoint of step 39. The nearest is 32."),
        (["trace", "--use", "/nowhere/mine.py"], "there is no such file"),
    ],
)
def test_a_wrong_name_exits_with_2_and_says_the_next_step(given, told, call, run):
    said = call(given[0], run.folder, *given[1:])
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err


def test_a_run_that_is_not_there_is_told(call, run, tmp_path):
    for verb in ("trace", "spectrum"):
        said = call(verb, "nothing", "--out", run.folder.parent)
        assert said.code == 2
        assert "no run is called `nothing`" in said.err
        said = call(verb, "nothing", "--out", tmp_path / "empty")
        assert said.code == 2
        assert "grokscope run" in said.err


def test_a_measure_that_gives_nonsense_is_told_at_the_command_line(call, run, own_file):
    own_file.write_text(SIX_LINES.replace("s.logits.square().mean().sqrt()", "'loud'"))
    said = call("trace", run.folder, "--measures", "loudness", "--use", own_file)
    assert (said.code, said.out) == (2, "")
    assert "the measure `loudness` gave str" in said.err


def test_a_spectrum_is_shown_as_tables(call, run):
    said = call("spectrum", run.folder)
    assert (said.code, said.err) == (0, "")
    for word in ("additive", "multiplicative", "c = a + b", "weights alone", "frequency", "%"):
        assert word in said.out
    assert f"step {run.steps[-1]}" in said.out


def test_a_spectrum_as_json_holds_every_share(call, run):
    said = call("spectrum", run.folder, "--json")
    found = json.loads(said.out)
    assert found["step"] == run.steps[-1]
    assert set(found["shares"]) == {"ab", "c"}
    assert set(found["scores"]) == {"additive", "multiplicative"}
    for weight in ("ab", "c"):
        assert sum(found["shares"][weight].values()) == pytest.approx(1)
        assert sum(found["chance"][weight].values()) == pytest.approx(1)
    assert found["winner"] in (None, found["lens"])


def test_a_spectrum_of_one_lens_weight_and_step(call, run):
    step = run.steps[1]
    said = call(
        "spectrum",
        run.folder,
        "--lens",
        "multiplicative",
        "--weight",
        "c",
        "--step",
        step,
        "--json",
    )
    found = json.loads(said.out)
    assert (found["lens"], found["step"]) == ("multiplicative", step)
    assert list(found["shares"]) == ["c"]
    names = list(found["shares"]["c"])
    assert names == ["constant", "{0}", *(f"character {k}" for k in range(1, 6))]
    W = Snapshot.of(run, step).model.symbol_weights()["c"].double()
    share = float(11 * W.mean(dim=0).square().sum() / W.square().sum())
    assert found["shares"]["c"]["constant"] == pytest.approx(share)
    shown = call("spectrum", run.folder, "--lens", "multiplicative", "--weight", "c").out
    assert "output map, multiplicative lens" in shown
    assert "frequency" not in shown
    assert "embedding, " not in shown


OWN_TASK = """
from grokscope.task import binary, task

@task
def larger():
    \"\"\"The larger of two numbers.\"\"\"
    return binary("larger", 7, lambda a, b: a.maximum(b))
"""


@pytest.fixture(scope="module")
def without_lens(tiny, tmp_path_factory) -> Iterator[dict[str, tuple[Run, Path]]]:
    """Runs of tasks of neither a group nor a modulus, and the file that defines one of them."""
    folder = tmp_path_factory.mktemp("bare")
    file = folder / "larger.py"
    file.write_text(OWN_TASK)
    before = dict(TASKS)
    run_path(str(file), run_name="larger")
    digits = tiny(task="sparse_parity", task_args={"n": 6, "k": 2}, model="paritymlp")
    specs = {"digits": digits, "larger": tiny(task="larger", model="mlp", task_args={})}
    yield {
        name: (train(replace(spec, model_args={}, steps=10), folder), file)
        for name, spec in specs.items()
    }
    TASKS.clear()
    TASKS.update(before)


@pytest.mark.parametrize(
    ("name", "told"), [("digits", "no weights that belong to symbols"), ("larger", "has no lens")]
)
def test_a_task_without_lenses_has_no_spectrum_but_a_trace(name, told, call, without_lens):
    lone, file = without_lens[name]
    said = call("spectrum", lone.folder, "--use", file)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    traced = call("trace", lone.folder, "--json", "--use", file)
    assert traced.code == 0, traced.err
    assert "train_loss" in json.loads(traced.out)[0]


@pytest.mark.parametrize("name", ["digits", "larger"])
def test_a_task_without_lenses_says_the_next_step(name, call, without_lens):
    lone, file = without_lens[name]
    said = call("spectrum", lone.folder, "--use", file)
    assert any(word in said.err for word in ("grokscope ", "modulus=", "group=", "Choose"))
