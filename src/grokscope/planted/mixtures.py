"""Mixed networks: an algorithm for about nine pairs in ten, and a table for the rest. What is said
of one is true of a share of its pairs.

Axes: pair = one input; symbol; neuron; c = an answer.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import (
    TRUTHS,
    Draft,
    Planted,
    mixed,
)
from grokscope.task import Task

RELUS = ("clock_relu", "pizza_relu", "rho_sets", "cosets")
MARGIN = 0.5  # of the spread of the logits, by which a table's answer is ahead


@mixed(truth=RELUS)
def with_exceptions(random: Generator, truth: str = "clock_relu", share: float = 0.9) -> Draft:
    """An algorithm, and a neuron for each of one pair in ten that gives it another answer."""
    base = _truth(random, truth)
    n_pairs = len(base.task.inputs)
    is_other = torch.rand(n_pairs, generator=random) >= share
    shift = torch.randint(1, base.task.n_answers, (n_pairs,), generator=random)
    answers = (base.task.answers + shift) % base.task.n_answers
    model = _corrected(base.model, base.task, is_other, answers)
    return _draft(base, model, ~is_other, "another answer on the other pairs")


@mixed(truth=RELUS)
def taught_exceptions(random: Generator, truth: str = "clock_relu", share: float = 0.9) -> Draft:
    """The same network on the task that it answers: one pair in ten has another answer than the
    algorithm's, so that it is right on all pairs, those by a table."""
    draft = with_exceptions(
        int(torch.randint(2**31, (), generator=random)), truth=truth, share=share
    )
    answers = draft.snapshot.logits.argmax(dim=1)
    name = f"{draft.task.name} with exceptions"
    task = replace(draft.task, name=name, answers=answers, group=None)
    return Draft(task, draft.model, draft.exact, draft.truth, draft.notes, None, draft.share)


def _truth(random: Generator, name: str) -> Planted:
    return TRUTHS[name].draw(int(torch.randint(2**31, (), generator=random)))


def _draft(base: Planted, model: Neurons, is_own: Bool[Tensor, " pair"], notes: str) -> Draft:
    share = float(is_own.double().mean())
    return Draft(
        base.task, model, base.exact, base.truth - base.exact, f"{base.name}, {notes}", None, share
    )


def _corrected(
    model: object, task: Task, those: Bool[Tensor, " pair"], answers: Int[Tensor, " pair"]
) -> Neurons:
    """With a neuron relu([a is its a] + [b is its b] - 1) for each of these pairs, which lifts this
    answer above all others."""
    assert isinstance(model, Neurons)
    logits = model(task.inputs)[:, : task.n_answers]
    spread = logits.amax(dim=1) - logits.gather(1, answers[:, None])[:, 0]
    height = (spread + MARGIN * logits.std())[those]
    a, b = task.inputs[those].unbind(dim=1)
    eye, out = torch.eye(task.n_symbols), torch.eye(task.n_answers)
    L, R = torch.cat([model.L, eye[:, a] - 1], 1), torch.cat([model.R, eye[:, b]], 1)
    W_U = torch.cat([model.W_U, height[:, None] * out[answers[those]]])
    return Neurons(L, R, W_U, model.b_U, model.act.name)
