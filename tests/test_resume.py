"""Nothing is lost: whatever ends a run, the same command goes on to the same weights."""

import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from grokscope.errors import StorageError
from grokscope.spec import Spec
from grokscope.training.events import Events, Row
from grokscope.training.run import Run
from grokscope.training.tensors import read_tensors
from grokscope.training.train import train
from tests.faults.selection import quick
from tests.same import untimed

TRAIN = """
import sys, time
from grokscope.spec import Spec
from grokscope.training.machine import use_threads
from grokscope.training.train import train

use_threads(1)
out, rest_from, *specs = sys.argv[1:]
track = lambda run, row, events: time.sleep(3600 * (row["step"] >= int(rest_from)))
train([Spec.from_json(text) for text in specs], out, track=track, save_every=0)
"""


def start(specs: list[Spec], out: Path, rest_from: int) -> subprocess.Popen[bytes]:
    """Another process that trains these specs, but none to its end: it rests from this step on."""
    texts = [spec.to_json() for spec in specs]
    return subprocess.Popen([sys.executable, "-c", TRAIN, str(out), str(rest_from), *texts])


def wait_for(n_rows: int, run: Run, child: subprocess.Popen[bytes]) -> None:
    """Wait until a process that trains a run has evaluated it so often."""
    path = run.folder / "metrics.jsonl"
    while not path.exists() or path.read_bytes().count(b"\n") < n_rows:
        assert child.poll() is None, "it ended before it was killed"
        time.sleep(0.001)


def kill(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    assert child.wait() == -signal.SIGKILL


def assert_same(one: Run, other: Run) -> None:
    """The same checkpoints, bit for bit, and the same metrics but for the time they took."""
    assert untimed(one) == untimed(other)
    assert one.steps == other.steps
    for step in one.steps:
        (weights, notes), (others, other_notes) = (
            read_tensors(r.checkpoint(step)) for r in (one, other)
        )
        assert notes == other_notes
        assert weights.keys() == others.keys()
        assert all(torch.equal(weights[k], others[k]) for k in weights)


class Killed(BaseException):
    """The end of a process, as far as the process can tell."""


def dies_at(call: int) -> Callable[..., None]:
    """A tracker, or what stands in for a function of the system, that ends at a number of calls."""
    calls = iter(range(1, call))

    def count(*args: object) -> None:
        if next(calls, None) is None:
            raise Killed

    return count


@pytest.mark.parametrize(  # every 1: it does little else than write files
    ("every", "seed"), quick([(1, 0), (5, 0), (1, 1), (5, 1)], every=4)
)
def test_a_killed_run_resumes_to_the_same_weights(every, seed, tiny, tmp_path):
    spec = tiny(seed=seed, steps=80 * every, eval_every=every, checkpoint_every=every)
    undisturbed = train(spec, tmp_path / "undisturbed")
    moment = random.Random(10 * every + seed)
    child = start([spec], tmp_path / "killed", rest_from=70 * every)
    wait_for(moment.randrange(2, 60), Run.of(spec, tmp_path / "killed"), child)
    time.sleep(0.01 * moment.random())
    kill(child)
    steps: list[float] = []
    killed = train(spec, tmp_path / "killed", track=lambda _, row, __: steps.append(row["step"]))
    assert_same(killed, undisturbed)
    assert 0 < len(steps) < len(killed.rows), "it began anew"


def test_a_killed_batch_resumes_to_the_same_weights(tiny, tmp_path):
    specs = [
        tiny(steps=40, model="mlp", model_args={"d_embed": 16, "d_mlp": 16}),
        tiny(steps=200),
        tiny(seed=1, train_fraction=0.6),
        tiny(steps=200, seed=2, lr=1e-3, eval_every=15),
    ]
    undisturbed = train(specs, tmp_path / "undisturbed")
    child = start(specs, tmp_path / "killed", rest_from=150)
    wait_for(8, Run.of(specs[-1], tmp_path / "killed"), child)
    kill(child)
    for one, other in zip(train(specs, tmp_path / "killed"), undisturbed, strict=True):
        assert_same(one, other)


def test_dying_before_any_file_appears_loses_nothing(tiny, tmp_path, monkeypatch):
    """Every moment at which a process can die between two files, one after the other."""
    spec = tiny(steps=6, eval_every=2, checkpoint_every=3)
    undisturbed = train(spec, tmp_path / "undisturbed")
    replace, moment = Path.replace, 0
    for moment in range(1, 100):
        die = dies_at(moment)

        def replace_or_die(path: Path, target: Path, die: Callable[..., None] = die) -> Path:
            die()
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", replace_or_die)
        out = tmp_path / str(moment)
        try:
            train(spec, out, save_every=0.0)
            break
        except Killed:
            pass
        finally:
            monkeypatch.setattr(Path, "replace", replace)
        assert_same(train(spec, out, save_every=0.0), undisturbed)
    assert moment > 15, "the run wrote fewer files than it must"


@pytest.mark.parametrize("evaluation", [1, 2, 7, 13])
def test_an_interrupted_run_goes_on_from_where_it_was(evaluation, tiny, tmp_path):
    spec = tiny()
    undisturbed = train(spec, tmp_path / "undisturbed")
    calls = iter(range(1, evaluation))

    def interrupt(run: Run, row: Row, events: Events) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "interrupted", track=interrupt)
    steps: list[float] = []
    resumed = train(
        spec, tmp_path / "interrupted", track=lambda _, row, __: steps.append(row["step"])
    )
    assert steps == list(range(5 * evaluation, 65, 5))
    assert_same(resumed, undisturbed)


@pytest.mark.parametrize(
    "args",
    [
        {"d_model": 16, "n_heads": 2, "d_mlp": 32},
        {"d_model": 17, "n_heads": 1, "d_mlp": 33},
    ],
    ids=["even", "odd"],
)
def test_a_batch_that_was_saved_at_different_steps_goes_on(args, tiny, tmp_path):
    changes = [{}, {"seed": 1, "steps": 40}, {"seed": 2, "lr": 1e-3}]
    specs = [tiny(model_args=args, **changed) for changed in changes]
    undisturbed = train(specs, tmp_path / "undisturbed")
    for evaluation in (20, 9):  # the tracker of the second member, before it was saved
        with pytest.raises(Killed):
            train(specs, tmp_path / "killed", track=dies_at(evaluation), save_every=0.0)
    for one, other in zip(train(specs, tmp_path / "killed"), undisturbed, strict=True):
        assert_same(one, other)


def test_each_member_is_saved_at_its_next_evaluation_when_that_is_due(tiny, tmp_path, monkeypatch):
    seconds = itertools.count()  # one a step
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))
    monkeypatch.setattr("grokscope.training.train.time", clock)

    def die(run: Run, row: Row, events: Events) -> None:
        if row["step"] == 20:
            raise Killed

    specs = [tiny(eval_every=5), tiny(seed=1, eval_every=7)]
    with pytest.raises(Killed):
        train(specs, tmp_path, track=die, save_every=6.0)
    for spec, step in zip(specs, ("15", "14"), strict=True):
        assert read_tensors(Run.of(spec, tmp_path).folder / "resume.safetensors")[1]["step"] == step


def test_finished_work_is_not_repeated(tiny, tmp_path):
    specs = [tiny(), tiny(seed=1)]
    runs = train(specs, tmp_path, save_every=0.0)
    files = sorted(f for run in runs for f in run.folder.iterdir() if f.name != ".lock")
    before = [(f, f.stat().st_mtime_ns, f.read_bytes()) for f in files]
    assert train(specs, tmp_path, track=dies_at(1), save_every=0.0) == runs
    assert train(specs[0], tmp_path, track=dies_at(1), save_every=0.0) == runs[0]
    assert [(f, f.stat().st_mtime_ns, f.read_bytes()) for f in files] == before


def test_only_what_is_missing_is_trained(tiny, tmp_path):
    train(tiny(), tmp_path)
    trained: set[str] = set()
    specs = [tiny(seed=1), tiny(), tiny(seed=1)]
    runs = train(specs, tmp_path, track=lambda run, _, __: trained.add(run.spec.id))
    assert trained == {tiny(seed=1).id}
    assert [run.spec for run in runs] == specs


def test_two_processes_cannot_train_the_same_run(tiny, tmp_path):
    spec = tiny()
    child = start([spec], tmp_path, rest_from=5)
    try:
        wait_for(2, Run.of(spec, tmp_path), child)
        with pytest.raises(StorageError, match="is being trained by another process") as error:
            train([tiny(seed=1), spec], tmp_path)
        assert str(Run.of(spec, tmp_path).folder) in str(error.value)
        train(tiny(seed=1), tmp_path)  # others are free
    finally:
        kill(child)
    assert_same(train(spec, tmp_path), train(spec, tmp_path / "undisturbed"))
