"""Norms folded into what reads them: the same function, with scales of 1 and shifts of 0.

A norm before a map gives x̂ γ + β, and (x̂ γ + β) W + b = x̂ (γ W) + (β W + b). So γ and β are weights
of the maps, and what is measured of W without them is not of the map that the network has.
TransformerLens folds likewise (`fold_ln`); it centres weights too, which changes none of these.

Axes: d = d_model.
"""

from copy import deepcopy

import torch
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.models.decoder import Decoder
from grokscope.models.model import Model

ATTENTION = (("W_Q", "b_Q"), ("W_K", "b_K"), ("W_V", "b_V"))


def with_folded_norms(model: Model) -> Decoder:
    """A copy of a network whose norms scale by 1 and shift by 0, all else as it was.

    Raises:
        NotApplicable: where there is no norm, where norms come after the sum that they are of, or
            where a gate, which has no bias, reads what a norm has shifted.
    """
    if not isinstance(model, Decoder) or model.norm is None:
        raise NotApplicable(f"{model.name} has no norm to fold.")
    if model.norm.is_after:
        raise NotApplicable("its norms come after the sums they are of, so no one map reads them.")
    folded, names = deepcopy(model), dict(model.named_parameters())
    if "W_gate" in names and "ln2_b" in names and bool(names["ln2_b"].any()):
        raise NotApplicable("its gates read a shift and have no bias that could take it over.")
    with torch.no_grad():
        for weight, bias in ATTENTION:
            _fold(folded, "ln1", weight, bias, by_head=True)
        for weight, bias in (("W_in", "b_in"), ("W_gate", None)):
            if weight in names:
                _fold(folded, "ln2", weight, bias)
        if model.has_final_norm:
            _fold(folded, "ln_final", "W_U", "b_U")
        for name, w in folded.named_parameters():
            if name.startswith("ln"):
                w.fill_(float(name.endswith("_w")))
    return folded


def _fold(folded: Decoder, norm: str, weight: str, bias: str | None, by_head: bool = False) -> None:
    """Take γ and β of a norm into a map from what it gives."""
    W = folded.get_parameter(weight)
    shift: Tensor | None = getattr(folded, f"{norm}_b", None)
    scale = folded.get_parameter(f"{norm}_w")
    if by_head:  # a head's own maps, of one d
        scale = scale.unsqueeze(-2)
        shift = None if shift is None else shift.unsqueeze(-2)
    if shift is not None and bias is not None:
        folded.get_parameter(bias).add_((shift[..., None, :] @ W)[..., 0, :])
    W.mul_(scale[..., None])
