"""The one loss that is measured: mean cross-entropy, computed in float64.

What is trained is this too, unless a spec names another of `grokscope.training.losses`.

A float32 softmax stalls near 1e-7, where grokking happens: at a train loss of 1e-7 its gradient is
off by 82 %. Hence float64 by default; float32 is there for experiments on that very defect.

Axes: pair = one input; answer = where an input has several; c = an output class.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def negative_log_likelihood(
    logits: Float[Tensor, "pair *answer c"],
    answers: Int[Tensor, " pair *answer"],
    precision: str = "float64",
) -> Float[Tensor, " pair *answer"]:
    """-log softmax(logits)[answer] of each answer, in nats."""
    dtype = torch.promote_types(DTYPES[precision], logits.dtype)
    return -logits.to(dtype).log_softmax(dim=-1).gather(-1, answers[..., None])[..., 0]


def cross_entropy(
    logits: Float[Tensor, "pair *answer c"],
    answers: Int[Tensor, " pair *answer"],
    precision: str = "float64",
) -> Float[Tensor, ""]:
    """The mean of `negative_log_likelihood` over pairs and their answers."""
    return negative_log_likelihood(logits, answers, precision).mean()
