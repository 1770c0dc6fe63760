"""A sweep's folder made by hand: what a test of its table reads, without training anything."""

import random
from pathlib import Path
from typing import Any

from grokscope.sweep.asked import Sweep
from grokscope.sweep.store import Store
from grokscope.sweep.table import SHARDS, shard

FRACTIONS, DECAYS, SEEDS = (0.2, 0.3, 0.4), (0.1, 1.0), 5


def rows(seeds: int = SEEDS) -> list[dict[str, Any]]:
    """A network for each fraction, decay and seed: with a fraction of .2 none groks, with .4 all;
    of .3 every other one. The delay is 100 steps for each tenth of a fraction that is missing."""
    return [
        _row(f, wd, seed) for f in FRACTIONS for wd in DECAYS for seed in range(seeds)
    ]  # fmt: skip


def _row(fraction: float, decay: float, seed: int) -> dict[str, Any]:
    random_ = random.Random(f"{fraction} {decay} {seed}")
    groks = fraction > 0.35 or (fraction > 0.25 and seed % 2 == 0)
    delay = round(1000 * (0.5 - fraction)) + 10 * seed
    end = 100 + delay if groks else 1000
    points = [0, 50, 100, end // 2 + 60, end, 1000]
    return {
        "id": f"a+b-p7-mlp-{fraction}-{decay}-{seed}",
        "task": "a+b p=7",
        "state": "trained",
        "reason": None,
        "train_fraction": fraction,
        "weight_decay": decay,
        "seed": seed,
        "steps": 1000,
        "task.p": 7,
        "memorised": 100,
        "grokked": end if groks else None,
        "delay": delay if groks else None,
        "step": 1000,
        "test_accuracy": 1.0 if groks else 0.1 + 0.1 * random_.random(),
        "train_loss": 1e-7,
        "test_loss": 1e-6 if groks else 5.0,
        "norm": 20 + random_.random(),
        "best_train_loss": 1e-7,
        "best_test_loss": 1e-6 if groks else 4.0,
        "largest_loss_ratio": 1e6 if decay < 0.5 else 1e3,
        "verdict": "generalised" if groks else "not generalised",
        "algorithm": ("clock" if seed else "undetermined") if groks else None,
        "cpu_s_train": 1.5,
        "curve": [
            {
                "step": x,
                "train_accuracy": min(1.0, x / 100),
                "test_accuracy": 1.0 if groks and x >= end else 0.1,
                "train_loss": max(1e-7, 2.0 - x / 50),
                "test_loss": 1e-6 if groks and x >= end else 5.0,
            }
            for x in points
        ],
    }


def sweep(folder: Path, some: list[dict[str, Any]] | None = None) -> Path:
    """A sweep of these networks, in two shards."""
    table = rows() if some is None else some
    store, half = Store(str(folder)), len(table) // 2
    for name, part in (("a", table[:half]), ("b", table[half:])):
        if part:
            store.write(f"{SHARDS}/{name}.parquet", shard(part))
    names = ("train_fraction", "weight_decay", "seed")
    axes = {x: sorted({row[x] for row in table if x in row}) for x in names}
    Sweep(str(folder), "made by hand", [[]], axes, "explain", "none", len(table)).write()
    return folder
