"""Hostile and odd checkpoints: nothing in them runs, none takes the machine, none is a traceback;
each is refused with the reason, or is what it says."""

import re
import resource
import time
from pathlib import Path

import pytest
import torch

from grokscope.errors import BadInput
from grokscope.foreign.files import read_file
from grokscope.training.run import Run
from tests.faults.hostile_checkpoints import NET, Case, every, flips
from tests.faults.selection import quick

GIGABYTE, SECONDS = 10**9, 10
CASES = every()


def used() -> float:
    """Seconds of a processor, of this process and those that ended below it."""
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + below.ru_utime + below.ru_stime


def peak(of: int) -> int:
    return resource.getrusage(of).ru_maxrss * 1024


def assert_within(folder: Path, out: Path) -> None:
    """Nothing is written but below `out`, under names that are printed."""
    below = [f.relative_to(folder) for f in folder.rglob("*")]
    assert all(f.parts[0] in ("theirs", out.name) for f in below), below
    for run in out.iterdir() if out.exists() else ():
        assert run.name.isprintable()
        assert run.name not in ("", ".", "..")


@pytest.mark.parametrize("name", quick(CASES))
def test_a_hostile_checkpoint_is_refused_or_harmless(name, tmp_path, call):
    case: Case = CASES[name]
    theirs, out = tmp_path / "theirs", tmp_path / "out"
    theirs.mkdir()
    path = case.build(theirs)
    before, seconds = peak(resource.RUSAGE_SELF), used()
    said = call("import", "--out", out, "--", path)
    assert used() - seconds < SECONDS
    assert peak(resource.RUSAGE_SELF) - before < GIGABYTE
    assert peak(resource.RUSAGE_CHILDREN) < GIGABYTE
    assert not (theirs / "canary").exists()
    assert_within(tmp_path, out)
    if case.is_harmless or (case.may_be_same and said.code == 0):
        assert said.code == 0, said.err
        (run,) = (Run.open(f) for f in out.iterdir())
        model = run.model().state_dict()
        if case.may_be_same:
            assert all((model[key] == w).all() for key, w in NET.items())
        return
    assert said.code == 2, said.out + said.err
    assert re.search(case.reason, said.err), said.err
    assert "error:" in said.err
    assert not list(out.glob("*"))


@pytest.mark.parametrize(("name", "content"), quick(flips()))
def test_a_changed_bit_is_refused_or_changes_nothing(name, content, tmp_path):
    kind = name.partition(",")[0]
    path = tmp_path / ("net.safetensors" if kind == "safe" else "net.pt")
    path.write_bytes(content)
    try:
        state = read_file(path)
    except BadInput:
        return
    # without a checksum, a name or a shape can be another one
    assert kind == "safe" or kind == "legacy" or list(state) == list(NET)
    assert kind != "zip" or all(torch.equal(state[key], w) for key, w in NET.items())


def test_there_are_many_of_them():
    assert len(CASES) > 150
