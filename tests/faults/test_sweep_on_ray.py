"""A sweep on Ray is the same table as here, whoever is killed meanwhile: a worker, a node, the
driver. Runs where Ray is installed, on a cluster of two nodes on this machine."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from grokscope.errors import BadInput, StorageError
from grokscope.sweep import on_ray, read_table
from grokscope.sweep.batch import Batch
from grokscope.sweep.table import SHARDS
from tests.faults.selection import quick
from tests.faults.test_killed_sweep import COUNT, SPECS, WORDS, wait_for_work
from tests.test_sweep import made, same


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("127.0.0.1:9", StorageError, r"no Ray head answers at 127\.0\.0\.1:9.*RAY_ADDRESS.*stop"),
        ("nowhere", BadInput, "is not host:port"),
    ],
)
def test_an_address_at_which_no_head_answers_is_told_at_once(address, error, said, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", address)
    found, start = on_ray.found_address(), time.monotonic()
    assert found is not None
    with pytest.raises(error, match=said):
        on_ray.check_answers(*found)
    assert time.monotonic() - start < 3


def test_what_travels_to_a_task_is_small():
    assert len(on_ray.packed(Batch.of([SPECS[0]] * 256))) < 20_000  # Ray stores 100 kB apart


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    pytest.importorskip("ray", reason='pip install -e ".[ray]"')
    return made(SPECS, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def cluster(undisturbed) -> Iterator[Any]:
    """Two nodes of one CPU; the head has none, as nothing goes on without it."""
    utils = pytest.importorskip("ray.cluster_utils")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def driver(out: Path, cluster: Any) -> "subprocess.Popen[bytes]":
    words = [*WORDS, f"seed=0..{COUNT - 1}", "--engine", "ray", "--out", str(out)]
    known = os.environ | {"RAY_ADDRESS": cluster.address}
    command = [sys.executable, "-m", "grokscope", "sweep", *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=known)


def tasks() -> list[int]:
    """The processes that do tasks of ours."""
    found = subprocess.run(["pgrep", "-f", "^ray::do_packed"], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.parametrize(
    ("whom", "moment"),
    quick([(w, i) for i in range(10) for w in ("no one", "worker", "node", "driver")], every=40),
)
def test_killed_on_ray_no_row_is_lost_or_doubled(whom, moment, tmp_path, cluster, undisturbed):
    out, chance = tmp_path / "out", random.Random(f"{whom} {moment}")
    process = driver(out, cluster)
    wait_for_work(out, process)
    time.sleep(1.5 * chance.random())
    if whom == "worker":
        for pid in tasks()[:1]:
            os.kill(pid, signal.SIGKILL)
    if whom == "node":
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    if whom == "driver":
        process.kill()
    told = process.communicate(timeout=300)[1]
    if whom != "driver":
        assert process.returncode == 0, told
    again = driver(out, cluster)
    told = again.communicate(timeout=300)[1]
    assert again.returncode == 0, told
    assert sum(len(pl.read_parquet(file)) for file in (out / SHARDS).iterdir()) >= COUNT
    same(read_table(out), undisturbed)
