"""Group convolution: logit(c | a, b) = kernel(a⁻¹ c b⁻¹), the kernel in few parts of R^G.

One form for many accounts: on Z/p with few frequencies Nanda et al.'s sum of cosines of w_k(a+b-c)
(2023); through the discrete logarithm multiplication; on any group Chughtai et al.'s characters
(2023), which are the kernels that are class functions, and Wu et al.'s ρ-sets (2024), which are
others. A kernel changes nothing when a and c, or b and c, are multiplied alike ("bi-equivariant").

Where an answer stands for several products, as in (a+b)², or the operation is no group's, the form
is less strict: logit(c | a, b) = table(ab, c), as a function of the product in few parts.

Whatever the network, a kernel of all parts explains a lookup table in full (it is 1 at the
identity), so what counts is that few parts are enough.

Axes: g = an element; pair = one input; point = a product; c = an answer; coefficient.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra.families import cyclic, dihedral
from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Lens
from grokscope.algebra.splits import Split, isotypic
from grokscope.circuits import printed
from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.errors import NotApplicable
from grokscope.measures.keys import KEY_SHARE
from grokscope.score import centred
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence, Tested, Unit, at_least

EXPLAINED, OPEN = 0.9, 0.7  # of the logits' variance: Nanda et al. have .95, the given networks .98
CONCENTRATED, MAYBE = 0.1, 0.05  # nats by which a kernel's parts are ahead of a lookup table's:
# of networks that were fitted to all pairs through random features at most .02
TITLE = "a formula for its logits"
HOW = (
    "It gives each answer a score by how far the answer is from the right one, a sum of a few "
    "waves that is highest at the right answer; how its neurons do so is left open"
)


class OfKernel(Tested):
    """What a kernel, or a table of products, is tested on."""

    KERNEL_AHEAD = "kernel: nats its parts are ahead of a lookup table's", Unit.NATS
    TABLE_AHEAD = "table: nats its parts are ahead of a lookup table's", Unit.NATS
    ALL_PARTS = "logits explained by a kernel of all parts"
    CLASS_FUNCTIONS = "of that, by class functions (Chughtai et al.)"


@dataclass(frozen=True, eq=False)
class Convolution(Circuit):
    """The parts `keys` of a kernel on a group. `ends` are the logits where there is no quotient,
    as in products with 0: of class 0 where the product is 0, of the others there, and of class 0
    elsewhere."""

    lens: Lens
    keys: tuple[str, ...]
    whole: Float[Tensor, " g"]  # the kernel with all parts
    ends: tuple[float, float, float] = (0.0, 0.0, 0.0)
    form: ClassVar[str] = "convolution"
    title: ClassVar[str] = TITLE
    how: ClassVar[str] = HOW
    algorithms: ClassVar[tuple[str, ...]] = ("convolution",)

    @property
    def group(self) -> Group:
        assert self.lens.group is not None
        return self.lens.group

    @property
    def split(self) -> Split:
        return isotypic(self.group)

    @property
    def parts(self) -> tuple[str, ...]:
        return self.keys

    @property
    def size(self) -> int:
        return self.split.part(self.keys).shape[1] + (3 if any(self.ends) else 0)

    @property
    def kernel(self) -> Float[Tensor, " g"]:
        """The kernel in its key parts: one number for each element."""
        return self.split.project(self.keys, self.whole[:, None])[:, 0]

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return at_places(self.kernel, self.ends, places(task, lens_for(task, self.lens)))

    def keeping(self, parts: Iterable[str]) -> "Convolution":
        return replace(self, keys=chosen_parts(self, parts))

    def others(self, seed: int) -> "Convolution | None":
        names = drawn(self.split, self.keys, seed)
        return None if names is None else replace(self, keys=names)

    @property
    def equation(self) -> str:
        if self.group.is_addition or bool((self.group.table == self.group.table.T).all()):
            return (
                f"logit(c) = Σ_k A_k cos(w_k x - φ_k), x how far c lies from the right answer, "
                f"{self.lens.law}; {', '.join(self.keys)}"
            )
        return f"logit(c) = kernel(a⁻¹ c b⁻¹) on {self.group.name}; {', '.join(self.keys)}"

    def program(self) -> str:
        return printed.convolution(self.lens, self.group, self.kernel, self.ends)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return (
            at_least(
                OfKernel.KERNEL_AHEAD,
                concentration(self.split, self.whole),
                CONCENTRATED,
                MAYBE,
                controls={"lookup table": 0.0},
            ),
            at_least(
                OfKernel.ALL_PARTS,
                _fve(snapshot, places(snapshot.task, self.lens)),
                EXPLAINED,
                OPEN,
                controls=_wrong_groups(snapshot, self),
            ),
            Evidence(
                OfKernel.CLASS_FUNCTIONS,
                _class_function_fve(snapshot, self),
                why="all of it on an abelian group",
            ),
        )


@dataclass(frozen=True, eq=False)
class OnProduct(Circuit):
    """The parts `keys` of a table over products and answers."""

    lens: Lens
    keys: tuple[str, ...]
    whole: Float[Tensor, "point c"]  # a row for each product that occurs, in ascending order
    form: ClassVar[str] = "convolution"
    title: ClassVar[str] = TITLE
    how: ClassVar[str] = HOW
    algorithms: ClassVar[tuple[str, ...]] = ("convolution",)

    @property
    def parts(self) -> tuple[str, ...]:
        return self.keys

    @property
    def size(self) -> int:
        return (self.lens.fibres.split.part(self.keys).shape[1] + 1) * self.whole.shape[1]

    @property
    def table(self) -> Float[Tensor, "point c"]:
        """The table in its key parts and its mean for each answer."""
        return self.lens.fibres.project(("constant", *self.keys), self.whole)

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        product = lens_for(task, self.lens).product
        assert product is not None
        return self.table[torch.searchsorted(self.lens.fibres.points, product)]

    def keeping(self, parts: Iterable[str]) -> "OnProduct":
        return replace(self, keys=chosen_parts(self, parts))

    def others(self, seed: int) -> "OnProduct | None":
        names = drawn(self.lens.fibres.split, self.keys, seed)
        return None if names is None else replace(self, keys=names)

    @property
    def equation(self) -> str:
        return f"logit(c) = Σ_k u_kc cos(w_k x) + v_kc sin(w_k x); {self.lens.law}"

    def program(self) -> str:
        return printed.on_product(self.lens, self.table)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        fibres = self.lens.fibres
        power = fibres.power(self.whole)
        even = fibres.power(_lookup(fibres.answers, self.whole.shape[1]))
        return (
            at_least(
                OfKernel.TABLE_AHEAD,
                _divergence(fibres.split, power, even),
                CONCENTRATED,
                MAYBE,
                controls={"lookup table": 0.0},
            ),
        )


@finder(Convolution)
def find(snapshot: Snapshot) -> Convolution | OnProduct:
    """The kernel that fits the centred logits best, with the parts that hold at least 1 % of it.
    Raises `NotApplicable` if the task is no lens's product, or if no part holds as much."""
    lens = snapshot.lens
    if lens.group is None or not _is_one_to_one(lens):
        return _on_product(snapshot, lens)
    where = places(snapshot.task, lens)
    kernel, ends = fit(centred(snapshot.logits), where, lens.group.order)
    keys = key_parts_of(isotypic(lens.group), isotypic(lens.group).power(kernel[:, None]))
    return Convolution(lens, keys, kernel, ends)


def _on_product(snapshot: Snapshot, lens: Lens) -> OnProduct:
    fibres = lens.fibres
    means = centred(snapshot.mean_logits)
    return OnProduct(lens, key_parts_of(fibres.split, fibres.power(means)), means)


def key_parts_of(split: Split, power: Float[Tensor, " part"]) -> tuple[str, ...]:
    """The parts but the constants that hold at least 1 % of a power. Raises `NotApplicable` if none
    does."""
    shares = dict(zip(split.names, (power / power.sum().clamp(min=1e-300)).tolist(), strict=True))
    keys = tuple(k for k, share in shares.items() if k != "constant" and share >= KEY_SHARE)
    if not keys:
        raise NotApplicable("no part holds 1 % of the kernel, so none explains the logits.")
    return keys


def drawn(split: Split, keys: tuple[str, ...], seed: int) -> tuple[str, ...] | None:
    """Other parts, at random, of at least as many dimensions; None if there are too few."""
    need = split.part(keys).shape[1]
    rest = [name for name in split.names if name not in keys and name != "constant"]
    order = torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed)).tolist()
    names, dimensions = [], 0
    for i in order:
        if dimensions >= need:
            break
        names.append(rest[i])
        dimensions += split.parts[rest[i]].shape[1]
    return tuple(names) if dimensions >= need else None


def lens_for(task: Task, lens: Lens) -> Lens:
    """The lens as it reads this task's inputs, which may be some of those it was made for."""
    if lens.product is not None and len(lens.product) == len(task.inputs):
        return lens
    return next(x for x in task.lenses if x.name == lens.name)


def places(task: Task, lens: Lens, group: Group | None = None) -> Int[Tensor, "pair c"]:
    """The element a⁻¹ c b⁻¹ of each pair and answer, by default in the lens's own group. Where
    there is none: the order n of the group if neither product nor answer has an element, n + 1 if
    only the answer has, n + 2 if only the product has."""
    group = group or lens.group
    assert group is not None
    if task.group is not None:
        a, b = (group.inverse[x] for x in task.inputs.unbind(dim=1))
        return group.table[group.table[a], b[:, None]]
    assert lens.product is not None
    x = torch.arange(len(lens.answers))
    element = x if lens.element is None else lens.element
    c = torch.full((task.n_answers,), -1)
    c[lens.answers] = element
    s = element[lens.product][:, None]
    found = group.quotient.T[s.clamp(min=0), c.clamp(min=0)]  # c s⁻¹
    outside = group.order + torch.where(s < 0, (c >= 0).long(), 2)
    return torch.where((s >= 0) & (c >= 0), found, outside)


def fit(
    x: Float[Tensor, "pair c"], where: Int[Tensor, "pair c"], order: int
) -> tuple[Float[Tensor, " g"], tuple[float, float, float]]:
    """The mean of the centred logits at each place."""
    total, count = x.new_zeros(order + 3), x.new_zeros(order + 3)
    total.index_add_(0, where.flatten(), x.flatten())
    count.index_add_(0, where.flatten(), torch.ones((), dtype=x.dtype).expand(x.numel()))
    mean = total / count.clamp(min=1)
    first, second, third = mean[order:].tolist()
    return mean[:order], (first, second, third)


def at_places(
    kernel: Float[Tensor, " g"],
    ends: tuple[float, float, float],
    where: Int[Tensor, "pair c"],
) -> Float[Tensor, "pair c"]:
    """The logits of a kernel."""
    return torch.cat([kernel, kernel.new_tensor(ends)])[where]


def _fve(snapshot: Snapshot, where: Int[Tensor, "pair c"]) -> float:
    """The share of the centred logits that depends on the place alone."""
    x, order = centred(snapshot.logits), int(where.max()) + 1
    kernel, ends = fit(x, where, order)
    count = torch.bincount(where.flatten(), minlength=order + 3)
    kept = (torch.cat([kernel, kernel.new_tensor(ends)]).square() * count).sum()
    return float(kept / x.square().sum().clamp(min=1e-300))


def _class_function_fve(snapshot: Snapshot, circuit: Convolution) -> float:
    """The share of the centred logits that a class function of a⁻¹ c b⁻¹ explains."""
    where, group = places(snapshot.task, circuit.lens), circuit.group
    beyond = torch.arange(group.order, group.order + 3)
    return _fve(snapshot, torch.cat([group.conjugacy, beyond])[where])


def _wrong_groups(snapshot: Snapshot, circuit: Convolution) -> dict[str, float]:
    """What a kernel explains that takes the elements for others: relabelled at random, and as
    those of another group of the same order where one is known."""
    lens, group = circuit.lens, circuit.group
    found = {"relabelled elements": _relabelled(snapshot, circuit)}
    is_even = group.is_addition and group.order % 2 == 0 and group.order > 4
    other = dihedral(group.order // 2) if is_even else cyclic(group.order)
    if snapshot.task.group is not None and not torch.equal(other.table, group.table):
        wrong = _fve(snapshot, places(snapshot.task, lens, other))
        found[f"as if it were {other.name}"] = wrong
    return found


def _relabelled(snapshot: Snapshot, circuit: Convolution) -> float:
    """With the answers standing for other elements, drawn at random."""
    where = places(snapshot.task, circuit.lens)
    order = torch.randperm(where.shape[1], generator=torch.Generator().manual_seed(0))
    return _fve(snapshot, where[:, order])


def concentration(split: Split, kernel: Float[Tensor, " g"]) -> float:
    """Σ share · log(share / even share) over the parts of a kernel, in nats, the constants left
    out: 0 of a lookup table's kernel, 1 at the identity, whose share in each part is even."""
    one = torch.zeros_like(kernel)
    one[0] = 1
    return _divergence(split, split.power(kernel[:, None]), split.power(one[:, None]))


def _divergence(split: Split, power: Float[Tensor, " part"], even: Float[Tensor, " part"]) -> float:
    keep = torch.tensor([name != "constant" for name in split.names]) & (even > 1e-12 * even.sum())
    share, flat = power[keep] / power[keep].sum().clamp(min=1e-300), even[keep] / even[keep].sum()
    return float(torch.special.xlogy(share, share / flat).sum())


def _lookup(answers: Int[Tensor, " point"], n: int) -> Float[Tensor, "point c"]:
    """The centred logits of a lookup table."""
    return torch.nn.functional.one_hot(answers, n).double() - 1 / n


def _is_one_to_one(lens: Lens) -> bool:
    """Whether every answer stands for one point."""
    known = lens.answers[lens.answers >= 0]
    return len(known.unique()) == len(known) == len(lens.answers)
