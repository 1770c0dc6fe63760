"""The interventions of Stander et al. (2023, section 6), which do not tell coset circuits from
others: on Z/53, which has no subgroups, they have the same signature (Wu et al. 2024, appendix E).
They are here to be compared, not to certify.

Axes: pair = one input; neuron = a hidden unit.
"""

from copy import deepcopy

import torch
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.models.mlp import Concatenated
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot
from grokscope.tap import Edit, edit
from grokscope.training.loss import cross_entropy

NOISES = ((0.0, 0.1), (0.0, 1.0), (1.0, 1.0), (-1.0, 1.0))  # mean and standard deviation


def interventions(s: Snapshot, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Accuracy and loss over all pairs after each intervention: "none", the two embeddings
    exchanged, signs of the left, the right, or both turned, |x| for relu, and noise added before
    the nonlinearity. Raises `NotApplicable` unless the network is an MLP on two embeddings."""
    model = s.model
    if not isinstance(model, Concatenated):
        raise NotApplicable(
            f"{type(model).__name__} has not the two embeddings of Stander et al.'s MLP."
        )
    generator = torch.Generator().manual_seed(seed)
    changed = {
        "none": (model.W_x, model.W_y),
        "embeddings exchanged": (model.W_y, model.W_x),
        "left sign": (-model.W_x, model.W_y),
        "right sign": (model.W_x, -model.W_y),
        "both signs": (-model.W_x, -model.W_y),
    }
    found = {name: _scores(s, _with(model, *sides), lambda x: x) for name, sides in changed.items()}
    found["|x| for relu"] = _scores(s, model, Tensor.abs)
    for mean, std in NOISES:

        def noisy(x: Tensor, mean: float = mean, std: float = std) -> Tensor:
            return x + mean + std * torch.randn(x.shape, generator=generator).to(x)

        found[f"noise N({mean:g}, {std:g})"] = _scores(s, model, noisy)
    return found


def _with(model: Concatenated, W_x: Tensor, W_y: Tensor) -> Concatenated:
    other = deepcopy(model)
    with torch.no_grad():
        other.W_x.copy_(W_x)
        other.W_y.copy_(W_y)
    return other


def _scores(s: Snapshot, model: Concatenated, change: Edit) -> tuple[float, float]:
    with torch.no_grad():
        logits = edit(model.last, s.task.inputs, {"mlp_pre": change})[:, : s.task.n_answers]
    return accuracy(logits, s.task.answers), float(cross_entropy(logits, s.task.answers))
