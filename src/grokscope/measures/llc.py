"""The local learning coefficient λ̂ (Lau, Furman, Wang, Murfet & Wei 2023, arXiv 2308.12108): how
many directions of its weights a network's loss pins down, counted in halves.

    λ̂ = nβ (E[L(w)] - L(w*)),    nβ = n / ln n

w* the network as it is, n the inputs it was shown, L the mean loss over them, and the mean over
weights w drawn from exp(-nβ L(w) - γ/2 |w - w*|²) by Langevin steps of size ε. Where w* is a
regular minimum of d weights it is d/2; where many weights give the same function it is less. The
chains and their steps are `canonical-interp`'s; no measure of `grokscope trace` is this one, since
it costs hundreds of training steps a checkpoint.

Axes: pair = one input; chain; draw.
"""

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from unittest.mock import patch

import polars as pl
import torch
from torch import Tensor, nn

from grokscope.errors import BadInput, must_be
from grokscope.snapshot import Snapshot
from grokscope.training.loss import negative_log_likelihood
from grokscope.training.run import Run
from grokscope.training.track import Track, untracked

LACKING = (
    "the local learning coefficient needs the package `{name}`, which is not installed. Install "
    "it: pip install 'grokscope[slt]'"
)


@dataclass(frozen=True)
class Sampling:
    """How weights are drawn: so many chains from w*, each with `burn_in` steps that do not count
    and `draws` that do, of size `epsilon`, held by `gamma` (γ). `nbeta` is n / ln n unless given.
    """

    chains: int = 4
    draws: int = 60
    burn_in: int = 60
    epsilon: float = 1e-3
    gamma: float = 100.0
    nbeta: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("chains", 2), ("draws", 2), ("burn_in", 0)):
            if getattr(self, name) < least:
                raise must_be(name, f"a whole number of at least {least}", getattr(self, name))
        for name in ("epsilon", "nbeta"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise must_be(name, "a number above 0", value)
        if not 0 <= self.gamma < math.inf:
            raise must_be("gamma", "a number of at least 0", self.gamma)


@dataclass(frozen=True)
class LearningCoefficient:
    """λ̂ of one network, in halves of a weight. `error`: its standard error over the chains;
    `drift`: how much more the second half of the draws gives than the first, which far above
    the error says that the chains had not settled; `loss`: L(w*)."""

    value: float
    error: float
    drift: float
    loss: float
    by_chain: tuple[float, ...]


def learning_coefficient(s: Snapshot, how: Sampling = Sampling()) -> LearningCoefficient:
    """λ̂ of a checkpoint, for the loss on the pairs that it was shown and what it was taught of
    them. Untrained networks, and those that weight decay holds beside a minimum, have no w* in the
    sense of the theory: theirs can be below 0. Invariant to nothing that changes the length of
    weights, such as the scale of relu neurons: γ and ε are in their units.

    Raises:
        BadInput: where `canonical-interp` is not installed, or the chains diverge.
    """
    inputs = s.task.inputs[s.is_train]
    return coefficient(s.model, inputs, s.train_answers, nll, how)


def coefficients(
    run: Run,
    steps: Sequence[int] | None = None,
    how: Sampling = Sampling(),
    track: Track = untracked,
) -> pl.DataFrame:
    """λ̂ at checkpoints of a run, by default at all: step, llc, error, drift, train_loss. `track` is
    told how many are done. Raises what `learning_coefficient` raises."""
    chosen, rows = run.steps if steps is None else list(steps), []
    for i, step in enumerate(chosen):
        found = learning_coefficient(Snapshot.of(run, step), how)
        rows.append((step, found.value, found.error, found.drift, found.loss))
        track(i + 1, len(chosen))
    columns = ["step", "llc", "error", "drift", "train_loss"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def nll(logits: Tensor, answers: Tensor) -> Tensor:
    """The mean loss in float64, over all output classes, as training has it."""
    return negative_log_likelihood(logits, answers).mean()


def coefficient(
    model: nn.Module,
    inputs: Tensor,
    answers: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    how: Sampling = Sampling(),
) -> LearningCoefficient:
    """λ̂ of any module at its weights, for the mean loss `loss(model(inputs), answers)`."""
    n = len(inputs)
    if n < 3:
        raise must_be("the number of inputs", "at least 3", n)
    nbeta = n / math.log(n) if how.nbeta is None else how.nbeta
    whole: Any = [(inputs, answers)]  # one batch
    loader = torch.utils.data.DataLoader(whole, batch_size=None)
    with _quietly():
        chains = _package().LLCEstimator(
            draws=how.draws, chains=how.chains, burnin_steps=how.burn_in, steps_bw_draws=1,
            learning_rate=how.epsilon, localization=how.gamma, nbeta=nbeta,
        )  # fmt: skip
        chains.estimate_llc(model, loader, loss, seed=how.seed, compile=False, show_progress=False)
    found: dict[str, Tensor] = chains.get_metrics()
    by_chain, losses = (found[x].detach().double() for x in ("llcs", "losses"))
    if not bool(by_chain.isfinite().all()):
        raise BadInput(
            f"the chains diverge: steps of size epsilon={how.epsilon:g} are too large for this "
            f"network. Try epsilon={how.epsilon / 10:g}."
        )
    half = how.draws // 2
    drift = nbeta * float(losses[:, half:].mean() - losses[:, :half].mean())
    return LearningCoefficient(
        value=float(by_chain.mean()),
        error=float(by_chain.std() / how.chains**0.5),
        drift=drift,
        loss=float(chains.original_loss.detach().mean()),
        by_chain=tuple(by_chain.tolist()),
    )


def _package() -> Any:
    """`canonical_interp`. It asks for `itertools.batched`, which Python 3.11 has not, and uses it
    where chains are shared among devices alone."""
    try:
        with patch.object(itertools, "batched", getattr(itertools, "batched", None), create=True):
            return import_module("canonical_interp")
    except ModuleNotFoundError as error:
        raise BadInput(LACKING.format(name=error.name)) from None


@contextmanager
def _quietly() -> Iterator[None]:
    """Its random numbers are torch's own, which are given back; nothing is compiled, which would
    take a C++ compiler, and longer than the chains; its advice is for large data."""
    logger = logging.getLogger("canonical_interp.slt")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with torch.random.fork_rng(devices=[]), patch.object(torch, "compile", _as_it_is):
            yield
    finally:
        logger.setLevel(level)


def _as_it_is(f: Any = None, **how: Any) -> Any:
    """`torch.compile` that changes nothing, as a function or a decorator."""
    return f if f is not None else _as_it_is
