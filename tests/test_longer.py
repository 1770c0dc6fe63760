"""A finished run goes on: to the same numbers as a run that was asked for so many steps at once."""

from dataclasses import replace

import pytest

from grokscope.cli import main
from grokscope.integrity.check import check
from grokscope.spec import Spec
from grokscope.training.files import append
from grokscope.training.longer import earlier
from grokscope.training.rule import OPTIMIZERS
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.same import assert_same_results

SMALL = Spec(
    task_args={"p": 7}, model="mlp", model_args={"d_mlp": 16, "d_embed": 8}, train_fraction=0.6,
    lr=1e-2, steps=60, eval_every=10, checkpoint_every=20,
)  # fmt: skip
GROKS = replace(SMALL, memorize_at=0.0, grok_at=0.0, grok_patience=1)  # at its first evaluation


def found(spec: Spec, out) -> tuple[int, str | None] | None:
    """Where the earlier run ended, and why it does not go on."""
    some = earlier([Run.of(spec, out)])
    return (some[0].step, some[0].why_not) if some else None


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (SMALL, replace(SMALL, steps=100)),
        (replace(SMALL, steps=55), replace(SMALL, steps=100)),  # its end is no step of the other
        (replace(SMALL, optimizer="muon", precision="float64"),
         replace(SMALL, optimizer="muon", precision="float64", steps=100)),
        (replace(GROKS, stop_after_grok=20), replace(GROKS, steps=90)),
        (replace(GROKS, stop_after_grok=20), replace(GROKS, stop_after_grok=20, steps=90)),
    ],
    ids=["longer", "between two evaluations", "another optimiser", "no stop", "the same stop"],
)  # fmt: skip
def test_it_goes_on_to_the_same_numbers(short, long, tmp_path):
    before = train(short, tmp_path / "both")
    step = before.rows[-1]["step"]
    assert found(long, tmp_path / "both") == (step, None)
    seen = []
    both = train(long, tmp_path / "both", track=lambda run, row, events: seen.append(row["step"]))
    assert min(seen, default=step + 1) > step
    assert_same_results(both, train(long, tmp_path / "alone"))
    assert check(both.folder).is_sound
    assert before.is_finished
    assert before.rows[-1]["step"] == step


def test_what_was_killed_while_it_took_over_takes_over_again(tmp_path):
    train(SMALL, tmp_path / "both")
    long = replace(SMALL, steps=100)
    begun = Run.of(long, tmp_path / "both")
    begun.write_spec()
    append(begun.metrics_file, b'{"step": 0, "train_lo')
    assert found(long, tmp_path / "both") == (60, None)
    assert_same_results(train(long, tmp_path / "both"), train(long, tmp_path / "alone"))


def test_of_several_it_goes_on_from_the_longest(tmp_path):
    for steps in (20, 60, 40):
        train(replace(SMALL, steps=steps), tmp_path)
    assert found(replace(SMALL, steps=100), tmp_path) == (60, None)
    assert found(replace(SMALL, steps=50), tmp_path) == (40, None)
    assert found(replace(SMALL, steps=100, seed=1), tmp_path) is None


def test_it_says_why_it_cannot_go_on(tmp_path):
    long = replace(SMALL, steps=100)
    train([SMALL, replace(SMALL, seed=1)], tmp_path / "batch", stacked=True)
    assert "a batch does not keep" in str(found(long, tmp_path / "batch"))
    train(GROKS, tmp_path / "stops")
    stops = replace(GROKS, steps=100, stop_after_grok=20)
    assert "may stop before" in str(found(stops, tmp_path / "stops"))
    begun = train(SMALL, tmp_path / "gone")
    begun.resume.unlink()
    assert "is gone" in str(found(long, tmp_path / "gone"))
    assert train(long, tmp_path / "gone").rows[-1]["step"] == 100


@pytest.mark.parametrize(("says", "goes_on"), [(None, False), (False, True), (True, False)])
def test_a_rule_of_ones_own_says_whether_it_looks_at_the_end(says, goes_on, tmp_path, monkeypatch):
    mine = type("Mine", (OPTIMIZERS["sgd"],), {"reads_steps": says, "__module__": "mine"})
    monkeypatch.setitem(OPTIMIZERS, "mine", mine)
    train(replace(SMALL, optimizer="mine"), tmp_path)
    told = found(replace(SMALL, optimizer="mine", steps=100), tmp_path)
    assert told is not None
    assert (told[1] is None) == goes_on


def test_the_command_says_from_where_it_goes_on(tmp_path, capsys):
    asked = ["run", "task.p=5", "model=mlp", "model.d_mlp=8", "eval_every=10"]
    out = ["--out", str(tmp_path), "--threads", "1"]
    main([*asked, "steps=20", *out])
    capsys.readouterr()
    main([*asked, "steps=30", *out])
    assert "ended at step 20: " in capsys.readouterr().err
