"""How concentrated the folded weights are in the lens of the task that they are sparsest in."""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen
from grokscope.measures.spectra import compare, spectrum
from grokscope.measures.weights import gini_coefficient, symbol_weights
from grokscope.snapshot import Snapshot, once_per_snapshot


@signal(
    "algorithm", "Doshi et al. 2024", "Σ share² over the parts, mean over the weights", cost=3.0
)
def lens_ipr(x: Seen) -> float:
    every = _shares(x.snapshot)
    return sum(float(share.square().sum()) for share in every) / len(every)


@signal("algorithm", "Nanda et al. 2023", "Gini coefficient of the shares, mean over the weights")
def lens_gini(x: Seen) -> float:
    every = _shares(x.snapshot)
    return sum(map(gini_coefficient, every)) / len(every)


@once_per_snapshot
def _shares(s: Snapshot) -> list[Float[Tensor, " part"]]:
    """The shares of the parts but the constant, of each folded weight. Raises `NotApplicable`
    without lenses, and where nothing but a constant is left."""
    lens = compare(s).ranking[0]
    found = []
    for weight in symbol_weights(s):
        share = torch.tensor([v for k, v in spectrum(s, weight, lens).items() if k != "constant"])
        if float(share.sum()) <= 0:
            raise NotApplicable(f"the weight {weight} is constant over symbols.")
        found.append(share / share.sum())
    return found
