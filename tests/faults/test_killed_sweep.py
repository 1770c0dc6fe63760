"""Workers and drivers of a sweep that are killed: no row is lost or doubled, and what kills whoever
trains it is a row that says so."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from grokscope.errors import BadInput, StorageError
from grokscope.sweep import local, read_table, sweep
from grokscope.sweep.batch import Batch, How, do
from grokscope.sweep.local import TRIES, Local
from grokscope.training.train import train_in
from tests.faults.selection import quick
from tests.test_sweep import BASE, BASE_SETTINGS, made, same

STEPS, COUNT = 600, 4
WORDS = [*BASE_SETTINGS[:-2], f"steps={STEPS}", "eval_every=40", "checkpoint_every=20"]
SPECS = [replace(BASE, seed=seed, steps=STEPS, eval_every=40) for seed in range(COUNT)]

# Stands for a worker, and takes a moment to start: it answers, or dies of networks of some seeds.
FAKE = """
import json, os, signal, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    batch = json.loads(line)
    for spec in batch["specs"]:
        if spec["seed"] in DEADLY or os.path.exists(MARK % spec["seed"]):
            if os.path.exists(MARK % spec["seed"]):
                os.unlink(MARK % spec["seed"])
            os.kill(os.getpid(), signal.SIGKILL)
    n = len(batch["specs"])
    done = dict(batch=batch["name"], networks=n, memorised=0, grokked=0, failed=0, seconds=1.0)
    print(json.dumps(done if n != 13 else {"error": "no room", "kind": "storage"}), flush=True)
"""


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Workers that die of these seeds: always, or of marked ones once."""

    def fake(*deadly: int, once: tuple[int, ...] = ()) -> Local:
        for seed in once:
            (tmp_path / f"mark-{seed}").touch()
        names = f"DEADLY = {deadly!r}\nMARK = {str(tmp_path / 'mark-%d')!r}\n"
        monkeypatch.setattr(local, "COMMAND", [sys.executable, "-c", names + FAKE])
        return Local(How(str(tmp_path), str(tmp_path / "work")), 2)

    return fake


def batches(*sizes: int) -> list[Batch]:
    left = iter(range(sum(sizes)))
    return [Batch.of([replace(BASE, seed=next(left)) for _ in range(n)]) for n in sizes]


def test_only_the_batch_of_a_dead_worker_is_tried_again(fake):
    engine = fake(once=(1, 5))
    done = list(engine(iter(batches(4, 4, 4))))
    assert sorted(x.networks for x in done) == [4, 4, 4]
    assert sorted(engine.deaths.values()) == [1, 1]
    assert engine.workers == []


def test_a_network_that_kills_its_worker_is_found_and_said_to_have_failed(fake, tmp_path):
    engine = fake(2)
    done = list(engine(iter(batches(4, 4))))
    assert sorted(x.networks for x in done) == [1, 1, 2, 4]
    assert sum(x.failed for x in done) == 1
    (row,) = read_table(tmp_path).to_dicts()
    assert (row["seed"], row["state"]) == (2, "failed")
    assert row["reason"] == (
        f"its worker ended by SIGKILL, as where memory is short, {TRIES} times."
    )


def test_what_a_disk_refuses_a_worker_ends_the_sweep(fake):
    with pytest.raises(StorageError, match="no room"):
        list(fake()(iter(batches(13, 4))))


def test_workers_that_cannot_start_are_told_with_their_last_words(fake, monkeypatch):
    engine = fake()
    monkeypatch.setattr(local, "COMMAND", [sys.executable, "-c", "raise SystemExit('no torch')"])
    with pytest.raises(StorageError, match="no worker can be started: it ended with code 1: no"):
        list(engine(iter(batches(4))))


def test_a_plug_in_that_fails_in_a_worker_ends_the_sweep(tmp_path):
    (tmp_path / "mine.py").write_text("1 / 0")
    with pytest.raises(BadInput, match=r"mine\.py failed: ZeroDivisionError"):
        sweep(SPECS[:1], tmp_path / "x", workers=1, use=[tmp_path / "mine.py"])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return made(SPECS, tmp_path_factory.mktemp("undisturbed"))


def driver(out: Path) -> "subprocess.Popen[bytes]":
    words = [*WORDS, f"seed=0..{COUNT - 1}", "--workers", "2", "--out", str(out)]
    command = [sys.executable, "-m", "grokscope", "sweep", *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ | {"COLUMNS": "1000"})


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in found]


def wait_for_work(out: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 300
    while process.poll() is None and not any(
        file.stat().st_size for file in out.glob("work/*/metrics.jsonl")
    ):
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("whom", "moment"), quick([(w, i) for i in range(20) for w in ("driver", "worker")], every=40)
)
def test_killed_at_any_moment_no_row_is_lost_or_doubled(whom, moment, tmp_path, undisturbed):
    out, chance = tmp_path / "out", random.Random(f"{whom} {moment}")
    process = driver(out)
    wait_for_work(out, process)
    time.sleep(1.5 * chance.random())
    for pid in [process.pid] if whom == "driver" else workers_of(process)[:1]:
        os.kill(pid, signal.SIGKILL)
    told = process.communicate(timeout=300)[1]
    if whom == "worker":
        assert process.returncode == 0, told
    again = driver(out)
    told = again.communicate(timeout=300)[1]
    assert again.returncode == 0, told
    # A worker whose driver is dead may end its batch all the same: its twins leave the table by id.
    same(read_table(out), undisturbed)


def test_interrupted_it_ends_clean_and_the_same_command_goes_on(tmp_path, undisturbed):
    process = driver(tmp_path / "out")
    wait_for_work(tmp_path / "out", process)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 130
    assert "of 4 networks are in the table: the same command goes on from there." in told
    assert "Traceback" not in told
    assert list((tmp_path / "out/work").glob("*/*.safetensors"))
    again = driver(tmp_path / "out")
    told = again.communicate(timeout=300)[1].decode()
    assert again.returncode == 0, told
    same(read_table(tmp_path / "out"), undisturbed)


def test_a_state_that_is_damaged_begins_anew(tmp_path, undisturbed):
    how = How(str(tmp_path), str(tmp_path / "work"), save_every=0.0)
    batch = Batch.of(SPECS)

    home = tmp_path / "work" / batch.name

    def stop(run, row, events):
        if row["step"] == 120:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_in(home, SPECS, save_every=0.0, checkpoints=False, track=stop)
    state = home / "resume.safetensors"
    state.write_bytes(state.read_bytes()[:-4])
    (home / "resume.older.safetensors").unlink(missing_ok=True)
    do(batch, how)
    same(read_table(tmp_path), undisturbed)
