"""Lenses: where the symbols of a task stand in a group, and the named parts of its functions.

A lens reads a task as c = h(g(a) ∘ g'(b)), with a product ∘ on some points: each symbol has a
point, each point an answer. a+b stands in the frequencies of Z/n; ab in the characters of its
units, with 0 apart; ab+a+b too, once every symbol is moved by one; a²+b² is a sum of points that
several symbols share; a product of permutations stands in irreps.

Axes: point = where the lens's functions live; symbol = an operand's value, or an answer; pair = one
input; part = a part of the split; d = any width; many = any others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.splits import Split, isotypic
from grokscope.algebra.subgroups import left_cosets, right_cosets, subgroups
from grokscope.errors import NotApplicable


@dataclass(frozen=True, eq=False)
class View:
    """One role's symbols among the points: `matrix` takes a function of the symbol to one of the
    point (None: they are the same), and `split` names the parts it may lie in.

    Where several symbols share a point, the function on points is their mean, and 0 where no symbol
    is; where several points share a symbol, it is repeated. What of the weight is lost on the way
    is the part "rest". Squares and higher powers miss points, so there even a weight that is one
    wave of its point is spread: on frequency 5 of aⁿ mod 97 it keeps a share of .51 there for n =
    2, .36 for 3, .28 for 4.
    """

    split: Split
    matrix: Float[Tensor, "point symbol"] | None = None

    @property
    def names(self) -> list[str]:
        return self.split.names + (["rest"] if self._loses else [])

    def power(self, W: Float[Tensor, "*many symbol d"]) -> Float[Tensor, "*many part"]:
        """The squared norm of each `W` in each part, in the order of `names`; they sum to |W|²."""
        W = W.double()
        if self.matrix is None:
            return self.split.power(W)
        there = self.matrix @ W
        power, kept = self.split.power(there), _squared_norm(self._image.T @ W)
        power = power * (kept / power.sum(dim=-1, keepdim=True).clamp(min=1e-300))
        if not self._loses:
            return power
        return torch.cat([power, (_squared_norm(W) - kept).clamp(min=0)], dim=-1)

    @cached_property
    def parts(self) -> Split | None:
        """The parts as functions of the symbol, where symbols and points are one to one."""
        if self.matrix is None:
            return self.split
        square = self.matrix.T @ self.matrix
        if self._loses or not torch.equal(square, torch.eye(len(square), dtype=square.dtype)):
            return None
        return Split({name: self.matrix.T @ Q for name, Q in self.split.parts.items()})

    @cached_property
    def even(self) -> Float[Tensor, " part"]:
        """The share of each part in the power of white noise; without losses its dimension over
        the number of points."""
        n = len(self.split.basis) if self.matrix is None else self.matrix.shape[1]
        power = self.power(torch.eye(n, dtype=torch.float64))
        return power / power.sum()

    @cached_property
    def _image(self) -> Float[Tensor, "symbol kept"]:
        """Orthonormal functions of the symbol that span those which the points can tell."""
        assert self.matrix is not None
        _, scale, Vh = torch.linalg.svd(self.matrix, full_matrices=False)
        return Vh[scale > 1e-9].T

    @cached_property
    def _loses(self) -> bool:
        return self.matrix is not None and self._image.shape[1] < self.matrix.shape[1]


def _squared_norm(W: Float[Tensor, "*many symbol d"]) -> Float[Tensor, "*many 1"]:
    return W.square().sum(dim=(-2, -1))[..., None]


@dataclass(frozen=True, eq=False)
class Fibres:
    """The pairs gathered by their product: what a function of the product can tell.

    `split` is orthonormal over pairs: entry s of a function counts once for each pair there, so
    that projecting the means over fibres is projecting functions of the pair.
    """

    product: Int[Tensor, " pair"]  # an index into the rows below
    points: Int[Tensor, " s"]
    counts: Float[Tensor, " s"]
    answers: Int[Tensor, " s"]
    split: Split

    @cached_property
    def order(self) -> Int[Tensor, " pair"]:
        """The pairs, one fibre after the other."""
        return self.product.argsort(stable=True)

    @cached_property
    def starts(self) -> Int[Tensor, " s"]:
        """Where in `order` each fibre begins."""
        return self.counts.long().cumsum(0) - self.counts.long()

    def project(self, parts: Iterable[str], means: Float[Tensor, "s d"]) -> Float[Tensor, "s d"]:
        """The component in these parts of a function given by its means over the fibres."""
        root = self.counts.sqrt()[:, None]
        return self.split.project(parts, means.double() * root) / root

    def power(self, means: Float[Tensor, "s d"]) -> Float[Tensor, " part"]:
        """Its squared norm over all pairs in each part."""
        return self.split.power(means.double() * self.counts.sqrt()[:, None])


@dataclass(frozen=True, eq=False)
class Lens:
    """One way to read a task; see the head of this file.

    `product` is the point of each pair, where the task is this lens's product: then its logits can
    be taken apart too. Without it the lens reads weights alone. `element` is the element of `group`
    at each point, -1 where there is none.
    """

    name: str
    law: str
    views: dict[str, View]  # by role: "a", "b" the operands, "c" the answer
    answers: Int[Tensor, " point"]  # the answer that each point stands for, -1 for none
    product: Int[Tensor, " pair"] | None = None
    group: Group | None = None
    element: Int[Tensor, " point"] | None = None

    @property
    def split(self) -> Split:
        """The parts of the functions on points."""
        return self.views["c"].split

    def roles(self, weight: str) -> list[str]:
        """The roles in which a weight is read: one that both operands share may have two."""
        if weight != "ab":
            return [weight]
        return ["a"] if self.views["a"] is self.views["b"] else ["a", "b"]

    @cached_property
    def fibres(self) -> Fibres:
        """The pairs by their product. Raises `NotApplicable` where the task is not that product,
        or has too few of them to tell the parts apart."""
        if self.product is None:
            raise NotApplicable(f"the {self.name} lens reads weights alone of this task.")
        points, product, counts = self.product.unique(return_inverse=True, return_counts=True)
        basis = {name: Q[points] for name, Q in self.split.parts.items()}
        split = _orthonormal(basis, counts)
        if split is None:
            raise NotApplicable(
                f"only {len(points)} of {len(self.answers)} products occur, too few to tell the "
                f"parts of the {self.name} lens apart. Its weights still have parts."
            )
        return Fibres(product, points, counts.double(), self.answers[points], split)


def _orthonormal(parts: dict[str, Float[Tensor, "s _"]], counts: Int[Tensor, " s"]) -> Split | None:
    """The parts made orthonormal where row s counts `counts[s]` times: the constants first, then
    all others alike (Löwdin), so that none comes before another. Equal counts change nothing.
    A function that is the same on all that is left (0, if 0 does not occur) is left out; None if
    the others are not independent.
    """
    root = counts.double().sqrt()[:, None]
    scaled = {name: Q * root for name, Q in parts.items()}
    if bool((counts == counts[0]).all()) and len(counts) == sum(Q.shape[1] for Q in parts.values()):
        return Split({name: Q / root[0] for name, Q in scaled.items()})
    one = root / root.norm()
    names = [name for name in scaled if name != "constant"]
    others = torch.cat([scaled[name] for name in names], dim=1)
    others = others - one @ (one.T @ others)
    U, scale, Vh = torch.linalg.svd(others, full_matrices=False)
    keep = scale > 1e-9 * scale.max()
    alike = (U[:, keep] @ Vh[keep]).split([scaled[name].shape[1] for name in names], dim=1)
    there = {name: Q[:, Q.norm(dim=0) > 1e-6] for name, Q in zip(names, alike, strict=True)}
    if sum(Q.shape[1] for Q in there.values()) > int(keep.sum()):
        return None
    return Split({"constant": one, **{name: Q for name, Q in there.items() if Q.shape[1]}})


def own(group: Group, product: Int[Tensor, " pair"]) -> Lens:
    """The group itself: frequencies, irreps or Walsh functions of its symbols as they are."""
    x = torch.arange(group.order)
    view = View(isotypic(group))
    law = "c = ab"
    return Lens("group", law, dict.fromkeys("abc", view), x, product, group, x)


def coset_lenses(group: Group) -> list[Lens]:
    """For each class of subgroups H: the functions constant on the right cosets Hx of the left
    operand, on the left cosets yH of the right one, and on both of the answer (Stander et al.
    2023). H is the class's representative; neurons may use its conjugates.

    Normal subgroups are left out: their cosets only put parts of the group's own lens together. So
    an abelian group has none.
    """
    x, lenses = torch.arange(group.order), []
    if bool((group.table == group.table.T).all()):
        return lenses
    for subgroup in subgroups(group):
        if subgroup.is_normal:
            continue
        H = subgroup.representative
        sides = {"a": right_cosets(group, H), "b": left_cosets(group, H)}
        views = {role: View(_by_coset(labels)) for role, labels in sides.items()}
        both = torch.cat([views[role].split.parts["cosets"] for role in "ab"], dim=1)
        U, scale, _ = torch.linalg.svd(both, full_matrices=False)
        shared = {"constant": _constant(group.order), "cosets": U[:, scale > 1e-9]}
        views["c"] = View(_completed(shared))
        lenses.append(Lens(f"cosets of {subgroup.name}", "weights alone", views, x, None, group, x))
    return lenses


def _by_coset(labels: Int[Tensor, " g"]) -> Split:
    """Constants, other functions constant on cosets, and the rest."""
    member = torch.nn.functional.one_hot(labels).double()
    member = member / member.norm(dim=0)
    one = _constant(len(labels))
    centred = member - one @ (one.T @ member)
    U, scale, _ = torch.linalg.svd(centred, full_matrices=False)
    return _completed({"constant": one, "cosets": U[:, scale > 1e-9]})


def _constant(n: int) -> Float[Tensor, "g 1"]:
    return torch.full((n, 1), n**-0.5, dtype=torch.float64)


def _completed(parts: dict[str, Float[Tensor, "g _"]]) -> Split:
    """These orthonormal parts, and "rest" for what is orthogonal to them all."""
    span = torch.cat(list(parts.values()), dim=1)
    U, _, _ = torch.linalg.svd(span, full_matrices=True)
    return Split({**parts, "rest": U[:, span.shape[1] :]})
