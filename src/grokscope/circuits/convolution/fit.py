"""The kernel, or the table of products, that fits a network's logits best, in the parts that hold
at least 1 % of it.

Axes: part = of a split.
"""

from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.lenses import Lens
from grokscope.algebra.splits import Split, isotypic
from grokscope.circuits.circuit import finder
from grokscope.circuits.convolution.circuit import Convolution
from grokscope.circuits.convolution.kernel import fit_kernel, places
from grokscope.circuits.convolution.table import OnProduct
from grokscope.errors import NotApplicable
from grokscope.measures.keys import KEY_SHARE
from grokscope.score import centred
from grokscope.snapshot import Snapshot


@finder(Convolution)
def find(snapshot: Snapshot) -> Convolution | OnProduct:
    """The kernel where every answer stands for one element of a group, else the table.

    Raises `NotApplicable` if the task is no lens's product, or if no part holds as much."""
    lens = snapshot.lens
    if lens.group is None or not _is_one_to_one(lens):
        means, fibres = centred(snapshot.mean_logits), lens.fibres
        return OnProduct(lens, _key_parts(fibres.split, fibres.power(means)), means)
    where = places(snapshot.task, lens)
    kernel, ends = fit_kernel(centred(snapshot.logits), where, lens.group.order)
    split = isotypic(lens.group)
    return Convolution(lens, _key_parts(split, split.power(kernel[:, None])), kernel, ends)


def _key_parts(split: Split, power: Float[Tensor, " part"]) -> tuple[str, ...]:
    """The parts but the constants that hold at least 1 % of a power. Raises `NotApplicable` if none
    does."""
    shares = dict(zip(split.names, (power / power.sum().clamp(min=1e-300)).tolist(), strict=True))
    keys = tuple(k for k, share in shares.items() if k != "constant" and share >= KEY_SHARE)
    if not keys:
        raise NotApplicable("no part holds 1 % of the kernel, so none explains the logits.")
    return keys


def _is_one_to_one(lens: Lens) -> bool:
    """Whether every answer stands for one point."""
    answers = lens.answers[lens.answers >= 0]
    return len(answers.unique()) == len(answers) == len(lens.answers)
