"""A bound from few output directions: what a neuron says outside them is only bounded.

    W_L = A Qᵀ + R,   A = W_L Q,   Q: a few directions among the answers

The logits through A Qᵀ are exact and cheap, |G|² m r + |G|³ r operations instead of |G|³ m; of R
no more is used than how long its columns are. It holds for any Q. For a network that computes a
convolution in few parts of R^G, the parts' functions of the answer are the directions to give.

Axes: pair = one input; neuron; c = an answer; r = a direction.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.score import centred
from grokscope.verify.network import SAMPLE, Bound, Network, best, best_wrong, slack

NAME = "low rank"
ENOUGH = 0.99  # a bound above it is not sought to be raised


def low_rank(network: Network, directions: Float[Tensor, "c r"], own: int = 0) -> Bound:
    """The share of pairs that are right whatever R does within its size.

    With h = act(pre), h̄ its mean over some pairs, and W_L centred over answers, for each answer c

        (h R)_c ≤ (h̄ R)_c + |h - h̄| |R_c|    (Cauchy-Schwarz)

    and the logit of the right answer is computed in full. Pairs that this leaves open are tried
    once more with `own` further directions, those in which R is largest, which are the network's
    and not the explanation's.
    """
    n_pairs, (m, n) = network.n_pairs, network.W_L.shape
    if not network.is_in_range or not bool(directions.isfinite().all()):
        return network.bound(NAME, None, 0, "a weight or a direction is out of range")
    W = centred(network.W_L)
    Qs = [torch.linalg.qr(directions.double())[0]]
    residuals = [W - (W @ Qs[0]) @ Qs[0].T]
    if own > 0:
        Qs.append(torch.linalg.eigh(residuals[0].T @ residuals[0])[1][:, -own:])
        residuals.append(residuals[0] - (residuals[0] @ Qs[1]) @ Qs[1].T)
    ranks = [Q.shape[1] for Q in Qs]
    mean = network.some(SAMPLE).post.mean(dim=0)
    steps = [
        (before @ Q, Q.T, mean @ R, R.norm(dim=0))
        for Q, before, R in zip(Qs, [W, *residuals], residuals, strict=False)
    ]
    is_proved = torch.zeros(n_pairs, dtype=torch.bool)
    tried, shares = [0] * len(Qs), [0.0] * len(Qs)
    lengths = network.W_L.norm(dim=1)
    for chunk in network.chunks():
        post, answers = chunk.post, chunk.answers
        apart = (post - mean).norm(dim=1)
        size = (post.abs() + mean.abs()) @ lengths + apart * lengths.norm() + chunk.bias_size
        needed = chunk.right(W) - slack(m + 2 * n + sum(ranks), size)
        logits = chunk.bias.expand(-1, n)
        still = torch.arange(len(post))  # the pairs left open
        for i, (A, Q_T, middle, length) in enumerate(steps):
            logits = logits + (post[still] @ A) @ Q_T
            most = logits + middle + apart[still, None] * length
            is_sure = needed[still] > best_wrong(most, answers[still])
            is_proved[chunk.pairs[still[is_sure]]] = True
            tried[i] += len(still)
            shares[i] += float(is_sure.sum()) / n_pairs
            still, logits = still[~is_sure], logits[~is_sure]
    operations = network.hidden_operations + 3 * n_pairs * m + sum(tried) * n
    for count, rank in zip(tried, ranks, strict=True):
        operations += rank * (count * (m + n) + 2 * m * n + 2 * n * rank)
    operations += n * n * (m + 5 * n) if own > 0 else 0  # RᵀR and its eigenvectors
    reason = f"{ranks[0]} directions of the circuit prove {shares[0]:.4g} of the pairs"
    if own > 0:
        reason += f", {ranks[1]} of the network's own {shares[1]:.4g} more"
    return network.bound(NAME, is_proved, operations, reason)


def best_low_rank(network: Network, directions: Float[Tensor, "c r"]) -> Bound | None:
    """The bound along these directions; if it does not suffice, with as many of the network's own
    added, if that is better. None where they are all there are."""
    if directions.shape[1] >= network.W_L.shape[1] - 1:
        return None
    found = low_rank(network, directions)
    if found.accuracy >= ENOUGH or found.of_brute_force >= 1:
        return found
    return best([found, low_rank(network, directions, own=directions.shape[1])])
