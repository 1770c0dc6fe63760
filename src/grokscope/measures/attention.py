"""Where the last position attends, as a function of the symbols there.

Axes: head; pair = one input; pos = a position: a, b, and "=" where there is one; symbol.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.measures.spectra import lens_of
from grokscope.snapshot import Snapshot, once_per_snapshot


@once_per_snapshot
def attention(s: Snapshot) -> Float[Tensor, "head pair pos"]:
    """The attention pattern of the last position, which the answer is read from. Raises
    `NotApplicable` where the positions before it are not a and b."""
    if not s.task.is_of_pairs:
        raise NotApplicable(f"an input of `{s.task.name}` is not a pair (a, b).")
    return s.activation("pattern")[:, :, -1].transpose(0, 1)


def _per_head(values: Float[Tensor, " head"]) -> dict[str, float]:
    return {f"head {i}": x for i, x in enumerate(values.tolist())}


@measure(invariant=True)
def attention_commutativity(s: Snapshot) -> dict[str, float]:
    """For each head, its mean attention to a less that to b (ARENA 1.5.2). In [-1, 1]; 0 if the
    operands are treated alike, as at the start."""
    pattern = attention(s).double().mean(dim=1)
    return _per_head(pattern[:, 0] - pattern[:, 1])


@measure(invariant=True)
def attention_to_equals(s: Snapshot) -> dict[str, float]:
    """For each head, its mean attention to "=", or to the operator where that is the third token
    (Nanda et al. 2023: 0.1 to 0.4 % at the end). At the start: about 1/3."""
    pattern = attention(s).double()
    if pattern.shape[2] < 3:
        raise NotApplicable(f'{s.model.name} does not read "=".')
    return _per_head(pattern[:, :, 2].mean(dim=1))


@once_per_snapshot
def attention_scores(s: Snapshot) -> Float[Tensor, "head symbol"]:
    """C^h(x): how strongly head h is drawn to symbol x at the place of a, centred over symbols.

    Read off the pattern: log A(to a) - log A(to b) = C(a) - C'(b), averaged over b (Nanda et al.
    2023, C.1.2, where C comes from the weights). Where the query is b's own, as in the pizza
    Transformer, it is the mean over these queries. Raises `NotApplicable` unless every pair is
    there and the pattern is a softmax alone.
    """
    n, pattern = s.task.n_symbols, attention(s).double().clamp(min=1e-300)
    if s.task.inputs.shape[1] != 2 or len(s.task.inputs) != n * n:
        raise NotApplicable(f"attention by symbol needs every pair of operands of `{s.task.name}`.")
    if not torch.allclose(pattern.sum(dim=2), torch.ones((), dtype=torch.float64), atol=1e-4):
        raise NotApplicable("its attention does not sum to 1, as with a rate below 1.")
    drawn = (pattern[:, :, 0].log() - pattern[:, :, 1].log()).view(-1, n, n).mean(dim=2)
    return drawn - drawn.mean(dim=1, keepdim=True)


@measure(invariant=True)
def attention_fve(s: Snapshot) -> dict[str, float]:
    """For each head, the share of the variation of C^h over symbols that lies in its best part
    (Nanda et al. 2023, Table 2: 98 to 99 % in one frequency). Chance: about the logarithm of the
    number of parts over that number, so .09 for 56 frequencies."""
    view = lens_of(s).views["a"]
    keep = torch.tensor([name != "constant" for name in view.names])
    shares = []
    for scores in attention_scores(s):
        power = view.power(scores[:, None])[keep]
        shares.append(power.max() / power.sum().clamp(min=1e-300))
    return _per_head(torch.stack(shares))
