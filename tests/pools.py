"""Planted pools: tables of networks that were never trained, whose signals are known to tell the
future so well, or not at all."""

from statistics import NormalDist

import numpy as np
import polars as pl

from grokscope.forecast.pool import SCHEMA
from grokscope.forecast.signal import SIGNALS, Signal

LANDMARKS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
BUDGET = 4_000


def planted(name: str, sees_answer: bool = False) -> Signal:
    return Signal(name, "loss", "planted", "drawn by lot", sees_answer)


def known(monkeypatch, *names: str) -> None:
    """Let these, and no others, be known as signals; one that ends with `_answer` sees it."""
    for name in list(SIGNALS):
        monkeypatch.delitem(SIGNALS, name)
    for name in names:
        monkeypatch.setitem(SIGNALS, name, planted(name, name.endswith("_answer")))


def shift(auroc: float) -> float:
    """How far apart two normal distributions of variance 1 are that have this AUROC."""
    return 2**0.5 * NormalDist().inv_cdf(auroc)


def pool(
    signals: dict[str, float],
    pool: str = "same",
    cells: int = 8,
    seeds: int = 40,
    seed: int = 0,
    groks: float | None = 0.5,
    across: float = 0.0,
    kind: str | None = None,
    **more: object,
) -> pl.DataFrame:
    """A pool in which each signal has this AUROC within its cell. `across`: how far a cell that
    groks more shifts them all, as a Simpson's paradox needs it. `groks`: the share, which in a
    mixed pool (None) rises from cell to cell with decay."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(cells):
        rate = groks if groks is not None else np.clip((i + 0.5 - cells / 4) / (cells / 2), 0, 1)
        settings = {
            "task": "a+b", "model": "mlp", "p": 31, "train_fraction": 0.4 + 0.02 * i,
            "weight_decay": 0.1 * (i + 1), "lr": 0.02, "steps": BUDGET,
        } | more  # fmt: skip
        for j in range(seeds):
            will = rng.random() < rate
            at = int(np.exp(rng.normal(np.log(900), 0.3))) if will else None
            memorised = int(rng.integers(45, 56))
            drawn = {
                name: rng.normal() + shift(auroc) * will + across * rate
                for name, auroc in signals.items()
            }
            cell = f"cell {i} {settings['task']} {settings['model']}"
            row = {
                "pool": pool, "kind": kind, "id": f"{pool} {kind} {cell} {j}", "cell": cell,
                "seed": j, "memorised": memorised, "grokked": at, **settings,
            }  # fmt: skip
            for landmark in LANDMARKS:
                step = int(landmark * memorised)
                if step < (at or BUDGET):
                    rows.append(row | drawn | {"landmark": landmark, "step": step})
    types = {**SCHEMA, **dict.fromkeys(signals, pl.Float64)}
    return pl.DataFrame(rows, schema=types)
