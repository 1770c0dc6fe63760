"""The layers of a Transformer: attention, an MLP, what they fold to, and normalisation where it has
any.

A model keeps its weights under their names, W_Q to ln2_b, each with a leading layer axis if there
are several layers; `layers_of` reads them. Activations of all layers but the last are called
"layer0.mlp_post" and so on.

Axes: pair = one input; pos = position, query = a position that asks; d = d_model, e = d_head;
head; row = a symbol at a position; neuron, c = an output class; width = neurons, then classes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import layer_norm

from grokscope.activations import Activation
from grokscope.errors import BadInput, must_be
from grokscope.models.model import Fold, pad_classes
from grokscope.tap import Tap, no_tap

# Of a softmax over positions, whatever its axes, and of what gives each position seen the same.
Mix = Callable[[Tensor, Tensor | float], Tensor]


# Of x along its last axis, of scales and shifts, and of what is added to a variance.
Normalise = Callable[[Tensor, Tensor, Tensor | None, float], Tensor]


def layer_normed(x: Tensor, w: Tensor, b: Tensor | None, eps: float) -> Tensor:
    """w (x - mean) / sqrt(variance + eps) + b (Ba et al. 2016)."""
    return layer_norm(x, x.shape[-1:], w, b, eps)


def rms_normed(x: Tensor, w: Tensor, b: Tensor | None, eps: float) -> Tensor:
    """w x / sqrt(mean of x² + eps), without a shift (Zhang and Sennrich 2019)."""
    return x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt() * w


NORMS: dict[str, Normalise | None] = {"none": None, "layer": layer_normed, "rms": rms_normed}


class Norm(NamedTuple):
    """How a Transformer is normalised: by which function, and before attention and MLP, of what
    they read, or after them, of the sum."""

    normalise: Normalise
    is_after: bool = False
    eps: float = 1e-5

    def before(self, x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        return x if self.is_after else self.normalise(x, w, b, self.eps)

    def after(self, x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        return self.normalise(x, w, b, self.eps) if self.is_after else x


class Layer(NamedTuple):
    """The weights of one layer, its nonlinearity and its norm; biases are None where there are
    none, and so are the MLP's weights where a model has attention alone (it then calls neither
    `mlp` nor a fold). With W_gate the hidden layer is gated; see `mlp`."""

    W_Q: Float[Tensor, "head d e"]
    W_K: Float[Tensor, "head d e"]
    W_V: Float[Tensor, "head d e"]
    W_O: Float[Tensor, "head e d"]
    W_in: Float[Tensor, "d neuron"]
    W_out: Float[Tensor, "neuron d"]
    b_in: Float[Tensor, " neuron"] | None
    b_out: Float[Tensor, " d"] | None
    W_gate: Float[Tensor, "d neuron"] | None
    b_Q: Float[Tensor, "head e"] | None
    b_K: Float[Tensor, "head e"] | None
    b_V: Float[Tensor, "head e"] | None
    b_O: Float[Tensor, " d"] | None
    ln1_w: Float[Tensor, " d"] | None
    ln1_b: Float[Tensor, " d"] | None
    ln2_w: Float[Tensor, " d"] | None
    ln2_b: Float[Tensor, " d"] | None
    act: Activation
    norm: Norm | None

    def before(self, x: Float[Tensor, "pair pos d"], name: str) -> Float[Tensor, "pair pos d"]:
        """What attention (`name` "ln1") or MLP ("ln2") reads of the residual stream."""
        return x if self.norm is None else self.norm.before(x, *self._of_norm(name))

    def after(self, x: Float[Tensor, "pair query d"], name: str) -> Float[Tensor, "pair query d"]:
        """What becomes of the residual stream once they have added to it."""
        return x if self.norm is None else self.norm.after(x, *self._of_norm(name))

    def _of_norm(self, name: str) -> tuple[Tensor, Tensor | None]:
        return getattr(self, f"{name}_w"), getattr(self, f"{name}_b")


WEIGHTS = tuple(name for name in Layer._fields if name not in ("act", "norm"))


def layers_of(model: Any) -> list[Layer]:
    """The layers of a model that names its weights as `Layer` does."""
    weights = [getattr(model, name, None) for name in WEIGHTS]
    kinds = model.act, getattr(model, "norm", None)
    if model.W_Q.ndim == 3:
        return [Layer(*weights, *kinds)]  # pyright: ignore
    return [
        Layer(*(None if w is None else w[i] for w in weights), *kinds)  # pyright: ignore
        for i in range(len(model.W_Q))
    ]


def width_of_heads(d_model: int, n_heads: int) -> int:
    """d_model / n_heads. Raises `BadInput` if it is not whole."""
    if d_model % n_heads:
        near = max(h for h in range(1, n_heads + 1) if d_model % h == 0)
        raise BadInput(
            f"model.n_heads={n_heads} does not divide model.d_model={d_model}. "
            f"Choose model.n_heads={near}, say."
        )
    return d_model // n_heads


def rate_of(attention_rate: int | float) -> float:
    """How much of attention is learned. Raises `BadInput` unless it is from 0 to 1."""
    if not 0 <= attention_rate <= 1:
        raise must_be("model.attention_rate", "from 0 to 1", attention_rate)
    return float(attention_rate)


def toward_uniform(attention_rate: int | float) -> Mix | None:
    """A' = rate A + (1 - rate) / n on each of the n positions seen: at rate 0 every one has the
    same, whatever the scores, and rows sum to 1 at every rate. None at rate 1, where A' is A."""
    rate = rate_of(attention_rate)
    return None if rate == 1 else lambda A, uniform: rate * A + (1 - rate) * uniform


def future(n_pos: int, first_query: int, x: Tensor) -> Bool[Tensor, "query pos"]:
    """What causal attention does not see, on the device of `x`, of the queries from the first."""
    return torch.ones(n_pos, n_pos, dtype=torch.bool, device=x.device).triu(1)[first_query:]


def attention(
    here: Float[Tensor, "pair query d"],
    x: Float[Tensor, "pair pos d"],
    layer: Layer,
    tap: Tap,
    prefix: str = "",
    unseen: Bool[Tensor, "query pos"] | None = None,
    mix: Mix | None = None,
) -> Float[Tensor, "pair query d"]:
    """What the heads add at the positions `here`: Σ_head A (x W_V + b_V) W_O + b_O, where A is
    `mix` of softmax(q k / sqrt(d_head))."""
    q = einsum(here, layer.W_Q, "pair query d, head d e -> pair head query e")
    k = einsum(x, layer.W_K, "pair pos d, head d e -> pair head pos e")
    q = _tapped(tap, prefix + "q", _plus(q, layer.b_Q))
    k = _tapped(tap, prefix + "k", _plus(k, layer.b_K))
    scores = einsum(q, k, "pair head query e, pair head pos e -> pair head query pos")
    scores = scores / q.shape[-1] ** 0.5
    uniform: Tensor | float = 1 / x.shape[1]
    if unseen is not None:
        scores = scores.masked_fill(unseen, -torch.inf)
        uniform = (~unseen).to(scores) / (~unseen).sum(dim=-1, keepdim=True)
    softmax = tap(prefix + "attn_scores", scores).softmax(dim=-1)
    pattern = tap(prefix + "pattern", mix(softmax, uniform) if mix else softmax)
    v = einsum(x, layer.W_V, "pair pos d, head d e -> pair head pos e")
    v = _tapped(tap, prefix + "v", _plus(v, layer.b_V))
    z = einsum(pattern, v, "pair head query pos, pair head pos e -> pair query head e")
    z = tap(prefix + "z", z)
    out = einsum(z, layer.W_O, "pair query head e, head e d -> pair query d")
    return tap(prefix + "attn_out", out if layer.b_O is None else out + layer.b_O)


def _plus(
    x: Float[Tensor, "pair head pos e"], b: Float[Tensor, "head e"] | None
) -> Float[Tensor, "pair head pos e"]:
    return x if b is None else x + b[:, None]


def _tapped(tap: Tap, name: str, x: Float[Tensor, "pair head pos e"]) -> Tensor:
    """x after the tap, which sees positions before heads, as TransformerLens has them."""
    return x if tap is no_tap else tap(name, x.transpose(1, 2)).transpose(1, 2)


def mlp(
    mid: Float[Tensor, "pair query d"], layer: Layer, tap: Tap, prefix: str = ""
) -> Float[Tensor, "pair query d"]:
    """What the hidden layer adds: h W_out + b_out, where h = act(mid W_in + b_in), or gated
    h = act(mid W_gate) (mid W_in) + b_in (Shazeer 2020; b_in as TransformerLens has it)."""
    inner = mid @ layer.W_in
    if layer.W_gate is None:
        pre = inner if layer.b_in is None else inner + layer.b_in
        h = layer.act(tap(prefix + "mlp_pre", pre))
    else:
        gate = layer.act(tap(prefix + "mlp_pre", mid @ layer.W_gate))
        h = gate * tap(prefix + "mlp_pre_linear", inner)
        h = h if layer.b_in is None else h + layer.b_in
    h = tap(prefix + "mlp_post", h)
    out = h @ layer.W_out if layer.b_out is None else h @ layer.W_out + layer.b_out
    return tap(prefix + "mlp_out", out)


def embedded(
    tokens: Int[Tensor, "pair pos"],
    W_E: Float[Tensor, "symbol d"],
    W_pos: Float[Tensor, "pos d"] | None,
    tap: Tap,
) -> Float[Tensor, "pair pos d"]:
    """The residual stream at its beginning: each token's embedding plus that of its position, if
    positions have any."""
    if W_pos is None:
        return tap("embed", W_E[tokens])
    at = W_pos if tap is no_tap else tap("pos_embed", W_pos.expand(len(tokens), *W_pos.shape))
    return tap("embed", W_E[tokens]) + at


def last_mid(
    x: Float[Tensor, "pair pos d"],
    layers: list[Layer],
    tap: Tap,
    first_query: int,
    is_causal: bool = True,
    mix: Mix | None = None,
    has_mlp: bool = True,
) -> Float[Tensor, "pair query d"]:
    """The residual stream before the last MLP, or where it would be, from position `first_query`
    on."""
    for i, layer in enumerate(layers):
        is_last = i == len(layers) - 1
        prefix, first = ("", first_query) if is_last else (f"layer{i}.", 0)
        x = tap(prefix + "resid_pre", x)
        unseen, seen = future(x.shape[1], first, x) if is_causal else None, layer.before(x, "ln1")
        out = attention(seen[:, first:], seen, layer, tap, prefix, unseen, mix)
        x = layer.after(x[:, first:] + out, "ln1")
        x = tap(prefix + "resid_mid", x) if has_mlp else x
        if not is_last:
            x = tap(prefix + "resid_post", past_mlp(x, layer, tap, prefix) if has_mlp else x)
    return x


def past_mlp(
    mid: Float[Tensor, "pair query d"], layer: Layer, tap: Tap, prefix: str = ""
) -> Float[Tensor, "pair query d"]:
    """The residual stream once the MLP has added to it."""
    return layer.after(mid + mlp(layer.before(mid, "ln2"), layer, tap, prefix), "ln2")


def read(
    mid: Float[Tensor, "pair query d"], layer: Layer, W_U: Float[Tensor, "d c"], tap: Tap
) -> Float[Tensor, "pair c"]:
    """The logits, read at the last position after the last MLP."""
    post = tap("resid_post", past_mlp(mid, layer, tap))
    return tap("logits", post[:, -1] @ W_U)


def fold_pairs(
    mid: Float[Tensor, "pair query d"],
    layer: Layer,
    W_U: Float[Tensor, "d c"],
    b_U: Float[Tensor, " c"] | None = None,
) -> Fold:
    """The fold of several layers: its table has a row for each pair."""
    out, biases = outward(layer, W_U, b_U)
    rows = torch.arange(len(mid), device=mid.device)[:, None]
    W_L, n_classes = layer.W_out @ pad_classes(W_U), W_U.shape[1]
    return Fold(mid[:, -1] @ out + biases, rows, None, W_L, n_classes, layer.act)


def fold_rows(
    x: Float[Tensor, "row d"],
    rows: Int[Tensor, "pair pos"],
    query: int,
    first: int,
    layer: Layer,
    W_U: Float[Tensor, "d c"],
    mix: Mix | None = None,
    b_U: Float[Tensor, " c"] | None = None,
) -> Fold:
    """The fold of one layer in which the embedding x of a symbol at a position is one of few rows.

    `rows` says which row stands at each position; position `query` asks, and its row is from
    `first` on. Scores are a table over (row that asks, row), values a table over rows, pushed
    through W_O and [W_in | W_U]; the skip path of the query is one row more.
    """
    out, biases = outward(layer, W_U, b_U)
    biases = biases if layer.b_O is None else biases + layer.b_O @ out
    n, n_heads, asking = len(x), len(layer.W_Q), rows[:, query]
    q, k = _by_head(x[first:], layer.W_Q, layer.b_Q), _by_head(x, layer.W_K, layer.b_K)
    score = q @ k.mT / layer.W_Q.shape[2] ** 0.5
    seen = torch.stack([score[:, asking - first, row] for row in rows.unbind(dim=1)])
    softmax = seen.softmax(dim=0)
    pattern = mix(softmax, 1 / len(seen)) if mix else softmax
    pattern = pattern.mT  # pos x pair x head

    v = _by_head(x, layer.W_V, layer.b_V)
    heads = v @ (layer.W_O @ out)  # head x row x width
    head = torch.arange(n_heads, device=rows.device) * n
    skip = asking[:, None] - first + n * n_heads
    return Fold(
        table=torch.cat([heads.flatten(0, 1), x[first:] @ out + biases]),
        rows=torch.cat([*(row[:, None] + head for row in rows.unbind(dim=1)), skip], dim=1),
        weights=torch.cat([*pattern, torch.ones_like(pattern[0, :, :1])], dim=1),
        W_L=layer.W_out @ pad_classes(W_U),
        n_classes=W_U.shape[1],
        act=layer.act,
    )


def _by_head(
    x: Float[Tensor, "row d"], W: Float[Tensor, "head d e"], b: Float[Tensor, "head e"] | None
) -> Float[Tensor, "head row e"]:
    return x @ W if b is None else x @ W + b[:, None]


def fold_at_equals(
    inputs: Int[Tensor, "pair 2"],
    W_E: Float[Tensor, "symbol d"],
    W_pos: Float[Tensor, "3 d"],
    layer: Layer,
    W_U: Float[Tensor, "d c"],
    mix: Mix | None = None,
) -> Fold:
    """The fold of one layer read at "=", the last symbol: its query is one vector.

    Scores and values are tables over (position, symbol). Each head's table is pushed through W_O
    and [W_in | W_U], the weight on "=" is one less the weights on a and b (so `mix` must keep their
    sum), and the skip path goes to the logits directly.
    """
    n, n_heads = len(W_E) - 1, len(layer.W_Q)
    at_equals = W_E[n] + W_pos[2]
    x = torch.cat([W_E[:n] + W_pos[0], W_E[:n] + W_pos[1]]) - at_equals

    q = einsum(at_equals, layer.W_Q, "d, head d e -> head e")
    W_K_q = einsum(layer.W_K, q, "head d e, head e -> d head") / layer.W_Q.shape[2] ** 0.5
    score = x @ W_K_q  # less the score of "=", (position and symbol) x head
    a, b = inputs[:, 0], inputs[:, 1] + n
    scores = torch.stack([score[a], score[b], torch.zeros_like(score[a])])
    softmax = scores.softmax(dim=0)
    on_a, on_b, _ = mix(softmax, 1 / 3) if mix else softmax  # attention: pair x head each

    out, biases = outward(layer, W_U)
    W_O_out = layer.W_O @ out  # head x e x width
    heads = (x @ layer.W_V) @ W_O_out  # head x (position and symbol) x width
    base = at_equals @ out + einsum(at_equals @ layer.W_V, W_O_out, "h e, h e w -> w") + biases
    head = torch.arange(n_heads, device=inputs.device) * 2 * n
    always = torch.full_like(a, 2 * n * n_heads)[:, None]  # the row of `base`
    one = torch.ones_like(always, dtype=x.dtype)
    return Fold(
        table=torch.cat([heads.flatten(0, 1), base[None]]),
        rows=torch.cat([a[:, None] + head, b[:, None] + head, always], dim=1),
        weights=torch.cat([on_a, on_b, one], dim=1),
        W_L=layer.W_out @ pad_classes(W_U),
        n_classes=W_U.shape[1],
        act=layer.act,
    )


def outward(
    layer: Layer, W_U: Float[Tensor, "d c"], b_U: Float[Tensor, " c"] | None = None
) -> tuple[Float[Tensor, "d width"], Float[Tensor, " width"]]:
    """[W_in | W_U] and the biases [b_in | b_out W_U + b_U], classes padded: from the residual
    stream to the hidden layer and, past it, to the logits."""
    padded = pad_classes(W_U)
    out = torch.cat([layer.W_in, padded], dim=1)
    n_neurons = layer.W_in.shape[1]
    biases = out.new_zeros(out.shape[1])
    if layer.b_in is None and layer.b_out is None and b_U is None:
        return out, biases
    inner = biases[:n_neurons] if layer.b_in is None else layer.b_in
    direct = biases[n_neurons:] if layer.b_out is None else layer.b_out @ padded
    direct = direct if b_U is None else direct + pad_classes(b_U[None])[0]
    return out, torch.cat([inner, direct])
