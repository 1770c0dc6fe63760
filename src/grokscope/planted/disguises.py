"""Disguises: other weights for the same function, so that every verdict must be the same.

Each takes a network, planted or trained, to another. They act on its last hidden layer of neurons,

    logits = ... + act(x W) U ...        a neuron is a column of W, its biases, and a row of U

wherever its weights have the field's names: L, R and W_U; W and W_U; W_in, b_in and W_out. What
cannot be disguised so, as neurons rescaled where the activation is not homogeneous, is left as it
is.

Axes: neuron; new = a neuron of the disguised network.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from grokscope.errors import NotApplicable, lookup
from grokscope.models.model import Model
from grokscope.planted.planted import Planted, relabelled

INNER, OUTER = ("L", "R", "W", "W_in", "W_in_b", "b_in"), ("W_out", "W_U")
DECADES = 3.0  # a scale is 10^u, u between plus and minus this
MOST_PARTS = 3
DEAD = 0.25  # as a share of the neurons that are there


@dataclass(frozen=True)
class Layer:
    """The names of a hidden layer's weights: neurons are the last axis of those of `inner`, and the
    last but one of `outer`."""

    inner: tuple[str, ...]
    outer: str

    @classmethod
    def of(cls, model: Model) -> "Layer":
        """Raises `NotApplicable` for a network whose weights have other names."""
        names = dict(model.named_parameters())
        inner, outer = ([x for x in those if x in names] for those in (INNER, OUTER))
        if not inner or not outer:
            raise NotApplicable(
                f"{type(model).__name__} has no hidden layer of weights W_in and W_out, W and W_U, "
                "or L, R and W_U, so its neurons cannot be disguised."
            )
        return cls(tuple(inner), outer[0])


def rescaled(model: Model, random: Generator, decades: float = DECADES) -> Model:
    """Each neuron's input times c = ±10^u, u uniform in [-decades, decades], its output divided by
    c^degree: act(cx) = c^degree act(x) for c > 0, and for any c where act is even.

    Unchanged: the logits, to rounding. Changed: norms, spectra, shares that weigh by weight."""
    degree = model.act.degree
    if degree is None:
        return model
    n = _n_neurons(model)
    c = 10 ** (decades * (2 * torch.rand(n, generator=random, dtype=torch.float64) - 1))
    if model.act.is_even:
        c = c * (2 * torch.randint(2, (n,), generator=random) - 1)
    return _weighed(model, c, c**-degree)


def split(model: Model, random: Generator, most: int = MOST_PARTS) -> Model:
    """Each neuron as one, two or `most` with the same input up to a factor. Their outputs are
    fractions of its own that sum to 1; or, of half of the neurons where the activation is
    homogeneous, their inputs are scaled so that the activations are.

    Unchanged: the logits, to rounding. Changed: counts and shares of neurons."""
    n = _n_neurons(model)
    owner = torch.repeat_interleave(torch.randint(1, most + 1, (n,), generator=random))
    share = 0.2 + torch.rand(len(owner), generator=random, dtype=torch.float64)
    share = share / torch.zeros(n, dtype=share.dtype).index_add_(0, owner, share)[owner]
    parts, one = _picked(model, owner), torch.ones_like(share)
    degree = model.act.degree
    if not degree:
        return _weighed(parts, one, share)
    is_outer = torch.randint(2, (n,), generator=random)[owner].bool()
    inner = torch.where(is_outer, one, share ** (1 / degree))
    return _weighed(parts, inner, torch.where(is_outer, share, one))


def with_dead(model: Model, random: Generator, share: float = DEAD) -> Model:
    """With so many more neurons that do nothing, at least one of each kind: with outputs of 0; with
    inputs of 0, where act(0) = 0; and of a layer L[a] + R[b] those that are never active, where
    there are such, and constant ones that add one number to the logits of every answer.

    Unchanged: the logits but for a constant. Changed: counts and shares of neurons, norms."""
    layer, n = Layer.of(model), _n_neurons(model)
    kinds = [k for k in (_mute, _still, _asleep, _constant) if _has(model, layer, k)]
    count = max(1, round(share * n / len(kinds)))
    for kind in kinds:
        model = _joined(model, {name: x.to(w) for name, x, w in kind(model, layer, count, random)})
    return model


def permuted(model: Model, random: Generator) -> Model:
    """The neurons in another order. Unchanged: the logits, to the order of summation."""
    return _picked(model, torch.randperm(_n_neurons(model), generator=random))


def half_precision(model: Model) -> Model:
    """Every weight rounded to float16, and kept in its own format. Unchanged: the logits to about
    1e-3 of their size, so all that a margin decides."""
    return _with(model, {name: w.half().to(w) for name, w in model.named_parameters()})


def opposite(planted: Planted) -> Planted:
    """The network and its task under the opposite product, b a for a b: each element is renamed its
    inverse. Unchanged: the logits by pair and answer as renamed, so every verdict. Raises
    `NotApplicable` where the task is no group's product or the network no layer of neurons."""
    if planted.task.group is None:
        raise NotApplicable(f"`{planted.task.name}` is no group's product, so it has no opposite.")
    return relabelled(planted, planted.task.group.inverse)


Disguise = Callable[[Planted, Generator], Planted]


def _of_neurons(change: Callable[[Model, Generator], Model]) -> Disguise:
    return lambda planted, random: replace(planted, model=change(planted.model, random))


def _opposite_if_any(planted: Planted, random: Generator) -> Planted:
    try:
        return opposite(planted)
    except NotApplicable:
        return planted


DISGUISES: dict[str, Disguise] = {
    "half precision": lambda planted, _: replace(planted, model=half_precision(planted.model)),
    "opposite": _opposite_if_any,
    "split": _of_neurons(split),
    "with dead": _of_neurons(with_dead),
    "rescaled": _of_neurons(rescaled),
    "permuted": _of_neurons(permuted),
}
ALL = "all at once"


def disguised(planted: Planted, names: Sequence[str] = tuple(DISGUISES), seed: int = 0) -> Planted:
    """A planted network in these disguises, one after the other. Raises `UnknownName` for one that
    does not exist."""
    random = torch.Generator().manual_seed(seed)
    for name in names:
        planted = lookup("disguise", name, DISGUISES)(planted, random)
    return planted


# ---- neurons that do nothing ---------------------------------------------------------------------

Rows = list[tuple[str, Tensor, Tensor]]  # the name of a weight, what is added to it, the weight
Dead = Callable[[Model, Layer, int, Generator], Rows]


def _has(model: Model, layer: Layer, kind: Dead) -> bool:
    """Whether neurons of this kind would do nothing in this network."""
    zero, low = model.act(torch.zeros(1)), model.act(torch.tensor([-1.0, -9.0]))
    is_sum = layer.inner == ("L", "R")
    if kind is _still:
        return not zero.any()
    return kind is _mute or (is_sum and (kind is _constant or not low.any()))


def _mute(model: Model, layer: Layer, count: int, random: Generator) -> Rows:
    return _new(model, layer, count, random, outer=0.0)


def _still(model: Model, layer: Layer, count: int, random: Generator) -> Rows:
    return _new(model, layer, count, random, inner=0.0)


def _asleep(model: Model, layer: Layer, count: int, random: Generator) -> Rows:
    *inner, last = _new(model, layer, count, random)
    return [*((name, -x.abs(), w) for name, x, w in inner), last]


def _constant(model: Model, layer: Layer, count: int, random: Generator) -> Rows:
    (left, x, L), (right, y, R), (outer, u, U) = _new(model, layer, count, random)
    return [(left, x[:1].expand_as(x), L), (right, 0 * y, R), (outer, u[:, :1].expand_as(u), U)]


def _new(
    model: Model,
    layer: Layer,
    count: int,
    random: Generator,
    inner: float = 1.0,
    outer: float = 1.0,
) -> Rows:
    """Random neurons as large as those that are there, times these factors."""
    weights, rows = dict(model.named_parameters()), []
    for name, factor in [*((x, inner) for x in layer.inner), (layer.outer, outer)]:
        w, axis = weights[name], _axis(layer, name)
        shape = list(w.shape)
        shape[axis] = count
        x = torch.randn(shape, generator=random, dtype=torch.float64)
        rows.append((name, factor * x * float(w.double().square().mean()) ** 0.5, w))
    return rows


# ---- weights put in the place of others ----------------------------------------------------------


def _axis(layer: Layer, name: str) -> int:
    return -2 if name == layer.outer else -1


def _n_neurons(model: Model) -> int:
    layer = Layer.of(model)
    return model.get_parameter(layer.outer).shape[-2]


def _weighed(
    model: Model, inner: Float[Tensor, " neuron"], outer: Float[Tensor, " neuron"]
) -> Model:
    """Each neuron's input and output times these factors."""
    layer, w = Layer.of(model), dict(model.named_parameters())
    scaled = {name: (w[name].double() * inner).to(w[name]) for name in layer.inner}
    out = (w[layer.outer].double() * outer[:, None]).to(w[layer.outer])
    return _with(model, {**scaled, layer.outer: out})


def _picked(model: Model, those: Int[Tensor, " new"]) -> Model:
    """These neurons, which may be there more than once."""
    layer, w = Layer.of(model), dict(model.named_parameters())
    names = (*layer.inner, layer.outer)
    return _with(model, {x: w[x].index_select(w[x].ndim + _axis(layer, x), those) for x in names})


def _joined(model: Model, more: dict[str, Tensor]) -> Model:
    """With more neurons, after those that are there."""
    layer, w = Layer.of(model), dict(model.named_parameters())
    return _with(model, {x: torch.cat([w[x], y], _axis(layer, x)) for x, y in more.items()})


def _with(model: Model, weights: dict[str, Tensor]) -> Model:
    """A copy with these weights in place of its own."""
    copy = deepcopy(model)
    for name, w in weights.items():
        module, _, last = name.rpartition(".")
        setattr(copy.get_submodule(module), last, nn.Parameter(w.detach().clone(), False))
    return copy
