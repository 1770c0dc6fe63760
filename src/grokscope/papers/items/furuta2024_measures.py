"""Items of Furuta et al. 2024 on their measures: over the fraction, over the threshold η, and what
the labels of a split are."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.measures.furuta import fourier_coefficient_ratio, fourier_frequency_density
from grokscope.measures.weights import symbol_weights
from grokscope.papers.item import Published, Row, Size, item
from grokscope.papers.items.furuta2024 import FINE, FRACTIONS, LEAST, SMALL, of
from grokscope.papers.measured import events
from grokscope.plots.items import curves, dots
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.training.run import Run

WEIGHTS = {"ab": "W_E", "c": "W_L"}
ETAS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@item(
    "furuta2024:fig_a15",
    shows="FFD and FCR at the end, over the fraction that is shown",
    full=Size(
        [of(t, 97, r, FINE) for t in ("a+b", "a*b", "a**2+a*b+b**2") for r in FRACTIONS], hours=3
    ),
    quick=Size([of("a+b", **{**SMALL, "fraction": r}) for r in (0.5, 0.8)], hours=0.03),
    draw=partial(
        dots, columns=("FFD of W_E", "FCR of W_E", "FFD of W_L", "FCR of W_L"), by="fraction"
    ),
)
def fig_a15(run: Run) -> Row:
    """Both measures of both weights."""
    row = {**events(run), "fraction": run.spec.train_fraction}
    for role, W in symbol_weights(Snapshot.of(run)).items():
        row[f"FFD of {WEIGHTS[role]}"] = fourier_frequency_density(W)
        row[f"FCR of {WEIGHTS[role]}"] = fourier_coefficient_ratio(W)
    return row


@item(
    "furuta2024:fig_a16",
    shows="FFD of W_E over training at six thresholds η: smaller ones fall later",
    full=Size([of("a+b", 97, 0.3, FINE)], hours=0.1),
    quick=Size([of("a+b", **SMALL)], hours=0.01),
    published=(Published("falls later, the smaller η is", 1, "share", any_size=True),),
    draw=partial(curves, columns=tuple(f"η = {eta:g}" for eta in ETAS), marks=("generalised",)),
)
def fig_a16(run: Run) -> Row:
    """FFD at each threshold at the checkpoints; and whether it falls to halfway between its ends at
    later steps for smaller thresholds, from .3 to .7."""
    weights = [symbol_weights(Snapshot.of(run, step))["ab"] for step in run.steps]
    found = {eta: [fourier_frequency_density(W, eta) for W in weights] for eta in ETAS}
    falls = [_halfway(found[eta], run.steps) for eta in (0.7, 0.5, 0.3)]
    return {
        **events(run),
        "step": list(run.steps),
        **{f"η = {eta:g}": x for eta, x in found.items()},
        "falls later, the smaller η is": falls == sorted(falls),
    }


def _halfway(values: list[float], steps: list[int]) -> int:
    middle = (values[0] + values[-1]) / 2
    return next(step for step, x in zip(steps, values, strict=True) if x <= middle)


# ---- labels --------------------------------------------------------------------------------------

SPLITS = 100
UNLEARNED = ("a**2+a*b+b**2+a", "a**3+a*b**2+b", "a**3+a*b", "a**2+a*b+b**2")


@item(
    "furuta2024:app_k",
    shows="label entropies and train against test: no different for what is not learned (App. K)",
    full=Size([{"task": t, "p": 97, "fraction": 0.3, "splits": SPLITS} for t in LEAST], hours=0.02),
    quick=Size(
        [{"task": t, "p": 97, "fraction": 0.3, "splits": 5}
         for t in ("a+b", "a*b", "(a+b)**4", *UNLEARNED)], hours=0.002,
    ),
    draw=partial(dots, columns=("entropy", "entropy of train", "divergence"), by="learned"),
)  # fmt: skip
def app_k(cell: Row) -> Row:
    """The entropy of the labels over all pairs and over those shown, and the Kullback-Leibler
    divergence of train from test, in nats, means over random splits."""
    task = make_task(cell["task"], {"p": cell["p"]})
    found = [_labels(task, cell["fraction"], seed) for seed in range(cell["splits"])]
    train, divergence = (float(torch.tensor(x).mean()) for x in zip(*found, strict=True))
    whole = entropy(_shares(task, torch.ones(len(task.inputs), dtype=torch.bool)))
    told = {"learned": LEAST[cell["task"]] <= 0.3, "entropy": whole}
    return {**told, "entropy of train": train, "divergence": divergence}


def _labels(task: Task, fraction: float, seed: int) -> tuple[float, float]:
    is_train = task.is_train(fraction, seed, "nanda2023")
    train, test = _shares(task, is_train), _shares(task, ~is_train)
    both = (train > 0) & (test > 0)
    return entropy(train), float((train[both] * (train[both] / test[both]).log()).sum())


def _shares(task: Task, here: Tensor) -> Float[Tensor, " c"]:
    counts = task.answers[here].bincount(minlength=task.n_answers).double()
    return counts / counts.sum()


def entropy(shares: Float[Tensor, " c"]) -> float:
    """-Σ q log q, in nats."""
    return float(-(shares * shares.clamp(min=1e-300).log()).sum())
