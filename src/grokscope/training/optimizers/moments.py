"""Adam's two moments of the gradient, and the change of the weights that they give (Kingma & Ba
2015, algorithm 1). The optimisers of its family differ in how weight decay enters.

Axes: member = one network; weight = one number of it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.training.rule import Count, Rule


def no_moments(like: Float[Tensor, "member weight"]) -> dict[str, Tensor]:
    """Both moments before the first step, by the names under which they are saved."""
    return {"moment1": torch.zeros_like(like), "moment2": torch.zeros_like(like)}


def adam_change(
    rule: Rule, gradient: Float[Tensor, "member weight"], step: Count
) -> Float[Tensor, "member weight"]:
    """ramp · lr · m̂ / (√v̂ + eps), to be subtracted; both moments of `rule` take `gradient` in."""
    m, v = rule.state["moment1"], rule.state["moment2"]
    correct1, correct2 = 1 - rule.beta1 ** (step + 1), 1 - rule.beta2 ** (step + 1)
    m.lerp_(gradient, (1 - rule.beta1).to(m))
    v.lerp_(gradient.square(), (1 - rule.beta2).to(m))
    root = v.sqrt().mul_(correct2.rsqrt().to(m)).add_(rule.eps.to(m))
    return (m / root).mul_((rule.ramp(step) * rule.lr / correct1).to(m))
