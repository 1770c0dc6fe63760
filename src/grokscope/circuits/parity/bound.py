"""A bound by digits: a few decide, and how far the others can move z is a sum of their weights.

With S the digits of the parity, each of their 2^k settings is looked at once, the others halfway
between 0 and 1. So the proof is of all 2^n inputs with a setting, whichever of them a task writes
out. The digits are checked by it, not trusted. Steps 1 to 3 of docs/bounds.md.

Axes: pair = one input; operand = its digits; setting = of the digits of S; neuron.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.verify.network import Bound, Network, slack

NAME = "digits"
MOST = 16  # digits, of which all settings are looked at


def by_setting(
    network: Network, inputs: Int[Tensor, "pair operand"], digits: Sequence[int]
) -> Bound:
    """Step 3. A pair is right if |z| at its setting, with the other digits halfway, is larger than
    they can move it, and than rounding can move either side; z > 0 says odd."""
    n, k = inputs.shape[1], len(digits)
    if network.unknown or not network.is_in_range:
        return network.bound(NAME, None, 0, network.unknown or "a weight is out of range")
    table, act = network.fold.table, network.fold.act
    if len(table) != n + 2 or network.W_L.shape[1] != 2 or k > MOST:
        return network.bound(NAME, None, 0, f"no network over digits, or more than {MOST} of them")
    W_in, u = table[: n + 1], network.fold.W_L[:, 1] - network.fold.W_L[:, 0]
    rest = [d for d in range(n) if d not in set(digits)]
    settings = all_settings(k)
    pre = halfway(W_in=W_in, settings=settings, digits=digits, rest=rest)
    z = act(pre) @ u
    reach = float((u.abs() * W_in[rest].abs().sum(dim=0) / 2).sum()) * act.steepest
    size = float(((W_in.abs().sum(dim=0) + act(pre).abs()) * u.abs()).sum(dim=1).amax())
    sure = z.abs() - reach - slack(len(table) + len(u), size * max(1.0, act.steepest))
    powers = 2 ** torch.arange(k)
    of_pair = (inputs[:, list(digits)] * powers).sum(dim=1)
    is_right = (z > 0)[of_pair] == (network.answers == 1)
    is_proved = is_right & (sure[of_pair] > 2 * network.doubt_of_all)
    reason = (
        f"z is {float(z.abs().amin()):.3g} or more at all {len(settings)} settings of its digits, "
        f"the others move it by {reach:.3g} at most"
    )
    operations = len(settings) * len(u) * (k + 2) + 2 * W_in.numel() + len(inputs) * (k + 1)
    return network.bound(NAME, is_proved, operations, reason)


def all_settings(k: int) -> Int[Tensor, "setting k"]:
    """Step 1. The 2^k settings of k digits: number i has the digits of i, the lowest first."""
    return (torch.arange(2**k)[:, None] >> torch.arange(k)) & 1


def halfway(
    *,
    W_in: Float[Tensor, "row neuron"],
    settings: Int[Tensor, "setting k"],
    digits: Sequence[int],
    rest: Sequence[int],
) -> Float[Tensor, "setting neuron"]:
    """Step 2. The neurons before their nonlinearity, at each setting with the other digits at 1/2;
    the last row of W_in is the bias. No neuron n is further from it than Σ_d |W_dn| / 2 over the
    other digits d, and so z than Σ_n |u_n| Σ_d |W_dn| / 2 times the steepest slope."""
    return settings.double() @ W_in[list(digits)] + W_in[rest].sum(dim=0) / 2 + W_in[-1]
