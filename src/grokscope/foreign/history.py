"""What is known of a foreign network's training: which pairs it was shown, and its losses.

Axes: pair = one input; answer = where an input has several; c = an output class.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite, nan

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.foreign.fit import AT_ONCE
from grokscope.foreign.layout import ForeignNetwork, Losses
from grokscope.foreign.split import Split
from grokscope.models.model import Model
from grokscope.score import is_right
from grokscope.spec import Spec
from grokscope.task import ALL_SPLIT, UNKNOWN_SPLIT, Task
from grokscope.training.loss import negative_log_likelihood
from grokscope.training.run import RECORDED_SPLIT, ROW, Run

CLOSE = 0.1  # of a recorded loss, what ours may differ for the split to be the same
CLEARLY = 5  # times further off the splits of all other seeds must be for one to be the right one
SEEDS = (*range(10), 598)  # of the published runs
FRACTIONS = (0.3, 0.1, 0.2, 0.25, 0.28, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def find_split(
    spec: Spec,
    task: Task,
    foreign: ForeignNetwork,
    networks: dict[int, Model],
    said: Split | None = None,
) -> tuple[Spec, Bool[Tensor, " pair"] | None, tuple[str, ...]]:
    """The spec with what is known of the split: said, recorded, made again from its seed, or found
    by the losses that were recorded; and the recorded one as a mask of the task's pairs. `networks`
    are the checkpoints by step."""
    if said is not None:
        return *said.of(spec, task), ()
    if (mask := foreign.shown(task)) is not None:
        if mask.all():
            return replace(spec, split=ALL_SPLIT), None, ()
        if mask.any():
            return replace(spec, split=RECORDED_SPLIT), mask, ()
    losses = foreign.losses
    if losses is None:
        return spec, None, ()
    each_step = ((step, losses.at(step)) for step in networks)
    finite = {step: means for step, means in each_step if means and all(map(isfinite, means))}
    if not finite:
        return spec, None, ()
    # at the step where the two differ most
    step, recorded = max(finite.items(), key=lambda x: x[1][1] / max(x[1][0], 1e-30))
    each, _ = evaluate_pairs(networks[step], task)
    if spec.split != UNKNOWN_SPLIT:
        seed = spec.seed if spec.split_seed is None else spec.split_seed
        is_train = task.is_train(spec.train_fraction, seed, spec.split)
        if _mismatch(each, is_train, recorded) < CLOSE:
            return spec, None, ()
    guesses = sorted(_guesses(task, each, recorded))
    mismatch, seed, fraction = guesses[0]
    others = [guess[0] for guess in guesses if guess[1] != seed]
    if mismatch < CLOSE and others[0] > CLEARLY * CLOSE:
        return replace(spec, split="nanda2023", split_seed=seed, train_fraction=fraction), None, ()
    if spec.split == UNKNOWN_SPLIT:
        return spec, None, ()
    why = "the split of its configuration does not give its recorded losses"
    return replace(spec, split=UNKNOWN_SPLIT, split_seed=None), None, (why,)


@torch.no_grad()
def evaluate_pairs(
    model: Model, task: Task
) -> tuple[Float[Tensor, " pair *answer"], Bool[Tensor, " pair *answer"]]:
    """The cross-entropy of each answer over every output class, in float64, and whether it is
    right."""
    losses, rights = [], []
    for x, y in zip(task.inputs.split(AT_ONCE), task.answers.split(AT_ONCE), strict=True):
        logits = model.last(x)
        losses.append(negative_log_likelihood(logits, y))
        rights.append(is_right(logits[..., : task.n_answers], y))
    return torch.cat(losses), torch.cat(rights)


def _mismatch(
    each: Float[Tensor, " pair *answer"],
    is_train: Bool[Tensor, " pair"],
    recorded: tuple[float, float],
) -> float:
    """How far the mean losses of a split are from the recorded ones, relative to these."""
    means = float(each[is_train].mean()), float(each[~is_train].mean())
    return max(abs(x - y) / max(abs(y), 1e-30) for x, y in zip(means, recorded, strict=True))


def _guesses(
    task: Task, each: Float[Tensor, " pair *answer"], recorded: tuple[float, float]
) -> Iterator[tuple[float, int, float]]:
    """The distance of each split of Nanda et al. that is likely, with its seed and fraction."""
    for seed in SEEDS:
        order = list(range(len(task.inputs)))
        random.Random(seed).shuffle(order)
        shuffled = torch.tensor(order)
        for fraction in FRACTIONS:
            is_train = torch.zeros(len(order), dtype=torch.bool)
            is_train[shuffled[: int(fraction * len(order))]] = True
            yield _mismatch(each, is_train, recorded), seed, fraction


def rows_of(
    run: Run,
    losses: Losses | None,
    networks: dict[int, Model],
    recorded: Sequence[dict[str, int | float]] = (),
) -> Iterator[dict[str, int | float]]:
    """The evaluations that were recorded whole; else the recorded losses, one row each. Accuracies,
    which were not recorded, are then measured where there is a checkpoint and the split is known,
    and so are losses, where none were."""
    if recorded:
        yield from recorded
        return
    rows: dict[int, dict[str, float]] = {}
    for step, model in networks.items() if run.knows_split else ():
        rows[step] = _metrics(model, run.task, run.is_train)
    if losses is None and len(rows) < 2:
        return  # a single checkpoint is not a history
    for step, (train, test) in losses.by_step().items() if losses else ():
        rows.setdefault(step, {}).update(train_loss=train, test_loss=test)
    unknown = dict.fromkeys(ROW - {"step"}, nan)
    for step in sorted(rows):
        yield {"step": step, **unknown, **rows[step]}


def _metrics(model: Model, task: Task, is_train: Bool[Tensor, " pair"]) -> dict[str, float]:
    losses, right = evaluate_pairs(model, task)
    metrics = {}
    for part, here in (("train", is_train), ("test", ~is_train)):
        metrics[f"{part}_loss"] = float(losses[here].mean())
        metrics[f"{part}_accuracy"] = float(right[here].double().mean())
    return metrics
