"""The benchmarks run and print what they promise; how fast they are is not a matter of tests."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import bounds, gpu, peers, phases, reading, recording
from grokscope.snapshot import Snapshot
from grokscope.training.events import Phases
from grokscope.training.run import Run
from grokscope.training.train import train

ROOT = Path(__file__).parents[1]


def module(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_the_step_is_timed_beside_its_plain_twin_and_the_floor():
    done = module("step", "--json", "--rounds", "1", "--threads", "1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    told = found["1 thread"]
    assert {"reference", "last", "folded", "torch"} <= set(told)
    assert found["floor_ms"] == pytest.approx(
        1e3 * found["gflop"] / max(found["gflops"].values()), rel=0.01
    )
    for name, x in told.items():
        assert found["peak_mib"][name] > 0
        assert x["times_reference"] == pytest.approx(told["reference"]["ms"] / x["ms"], rel=0.01)
        assert x["of_floor"] == pytest.approx(x["ms"] / found["floor_ms"], rel=0.01)


def test_without_a_gpu_that_is_said_and_with_one_all_ways_are_timed(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["gpu"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu.main()
    assert "No CUDA device was found" in capsys.readouterr().out
    small = replace(gpu.PROBLEMS["mlp 59"], task_args={"p": 7})
    device = "cpu" if torch.cuda.device_count() == 0 else "cuda"
    found = gpu.rates(small, 2, device, least=0.01)
    assert {"folded", "stacked"} <= set(found)
    assert all(x and x > 0 for x in found.values())


def test_both_readings_that_are_timed_give_the_same():
    run = Run.of(reading.LEARNER, "nowhere")
    model = run.new_model().double().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for w in model.parameters():
        w += 0.1 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    keys = tuple(f"frequency {k}" for k in (3, 14, 15, 40, 56))
    snapshot = Snapshot(run.task, run.is_train, model, keys=keys)
    assert reading.difference(snapshot, model) < 1e-10
    one, other = (reading.plain(replace(snapshot, keys=keys[:k])) for k in (1, 2))
    assert one["restricted_loss_sum[all]"] != other["restricted_loss_sum[all]"]


def test_the_table_of_phases_has_a_line_a_run_and_the_reason_where_there_are_none(tiny, tmp_path):
    run = train(tiny(steps=20, checkpoint_every=10), tmp_path)
    row = phases.phases_of(run)
    assert row["peak"] == "never generalised"
    heading, _, line = phases.as_markdown([row]).splitlines()
    assert heading.startswith("| run | memorised | peak | least excl. | 1/e | knee | grokked |")
    assert line.startswith("| a+b mod 7, transformer, seed 0 | - | never generalised | - |")


def test_the_table_of_phases_says_whether_they_are_in_order(tiny, tmp_path, monkeypatch):
    run = train(tiny(steps=20, checkpoint_every=10), tmp_path)
    events = replace(run.events, t_memorize=5, t_grok=20)
    monkeypatch.setattr(Run, "events", events)
    ends = Phases(10, 15, 20, least_excluded=None, knee=15, evaluations=4)
    for memorized, in_order in ((10, "yes"), (0, "no")):
        some = replace(ends, memorized=memorized)
        monkeypatch.setattr(phases, "find_phases", lambda *_, some=some: some)
        assert phases.phases_of(run)["order"] == in_order


def test_peers_that_are_not_installed_are_said_to_be(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(peers, "COMPLETE", tmp_path / "missing")
    monkeypatch.setattr(sys, "argv", ["peers"])
    with pytest.raises(SystemExit) as stopped:
        peers.main()
    assert stopped.value.code == 2
    assert "python -m benchmarks.peers --install" in capsys.readouterr().err


def test_recording_is_timed_beside_plain_training(monkeypatch):
    spec = recording.POOL.override("task.p=7", "model.d_embed=8")
    monkeypatch.setattr(recording, "MADE", {"pool": (spec, 2), "alone": (spec, 1)})
    found = recording.measured(rounds=1, steps=20)
    for one in found.values():
        recorded, plain = one["recorded"], one["plain"]
        assert isinstance(recorded, float)
        assert isinstance(plain, float)
        assert one["longer"] == pytest.approx(recorded / plain - 1)


def test_bounds_are_told_beside_brute_force():
    found = bounds.measured("parity", rounds=1)
    assert set(found) == {"brute force", "low rank", "its own"}
    assert found["low rank"].bound is None
    assert str(found["low rank"]) == "-"
    assert str(found["brute force"]).startswith("1 at 1, ")
    own = found["its own"].bound
    assert own is not None
    assert own.accuracy == 1
    assert own.of_brute_force < 0.05
