"""What people train with libraries: each form is read with the logits of its own code, or refused
by its true reason. The papers' own forms are in `test_foreign.py`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, one_hot, relu, silu

from grokscope.errors import BadInput
from tests.layouts import State, imported, write

P = 5
PAIRS = torch.cartesian_prod(torch.arange(P), torch.arange(P))
EQUALS = torch.nn.functional.pad(PAIRS, (0, 1), value=P)
WIDE: dict[str, Any] = {"d": 8, "heads": 2, "e": 4, "mlp": 12}


@dataclass(frozen=True, eq=False)
class Form:
    """A state with the JSON beside it, what is said on import, and the logits of its own code or
    the reason why it is refused."""

    state: State
    config: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    logits: Tensor | None = None
    reason: str = ""
    model: str = "decoder"
    activation: str | None = "relu"  # what is said of it; None where the form says it


def random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64) / 2


# ---- TransformerLens -----------------------------------------------------------------------------


def hooked(
    tokens: Tensor, n_layers: int = 1, classes: int = P, norm: str = "", gated: bool = False,
    d: int = 8, heads: int = 2, e: int = 4, mlp: int = 12, n_ctx: int = 0,
) -> State:  # fmt: skip
    """The state of a `HookedTransformer` with random weights, biases and norms."""
    w = {"embed.W_E": random(int(tokens.max()) + 1, d), "unembed.W_U": random(d, classes)}
    w |= {"pos_embed.W_pos": random(n_ctx or tokens.shape[1], d), "unembed.b_U": random(classes)}
    for i in range(n_layers):
        attn, inner = f"blocks.{i}.attn.", f"blocks.{i}.mlp."
        w |= {f"{attn}W_{x}": random(heads, d, e) for x in "QKV"}
        w |= {f"{attn}b_{x}": random(heads, e) for x in "QKV"}
        w |= {f"{attn}W_O": random(heads, e, d), f"{attn}b_O": random(d)}
        w |= {f"{attn}mask": torch.ones(3, 3).bool().tril()}
        if mlp:
            w |= {f"{inner}W_in": random(d, mlp), f"{inner}b_in": random(mlp)}
            w |= {f"{inner}W_out": random(mlp, d), f"{inner}b_out": random(d)}
            w |= {f"{inner}W_gate": random(d, mlp)} if gated else {}
    if norm:
        ends = "wb" if norm == "LN" else "w"
        places = [f"blocks.{i}.ln{k}" for i in range(n_layers) for k in (1, 2)[: 2 if mlp else 1]]
        w |= {f"{at}.{x}": random(d) for at in [*places, "ln_final"] for x in ends}
    return w


def run_hooked(
    w: State, tokens: Tensor, act: Callable[[Tensor], Tensor] = relu, norm: str = "",
    scale: float | None = None, causal: bool = True,
) -> Tensor:  # fmt: skip
    """Its logits at the last token, written out."""

    def normed(x: Tensor, at: str) -> Tensor:
        if norm == "RMS":
            return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * w[f"{at}.w"]
        return layer_norm(x, x.shape[-1:], w.get(f"{at}.w"), w.get(f"{at}.b")) if norm else x

    x = w["embed.W_E"][tokens] + w["pos_embed.W_pos"][: tokens.shape[1]]
    n_layers = len({name.split(".")[1] for name in w if name.startswith("blocks.")})
    for i in range(n_layers):
        a, m, n = f"blocks.{i}.attn.", f"blocks.{i}.mlp.", tokens.shape[1]
        here = normed(x, f"blocks.{i}.ln1")
        q, k, v = (
            torch.einsum("bpd,hde->bphe", here, w[f"{a}W_{y}"]) + w[f"{a}b_{y}"] for y in "QKV"
        )
        scores = torch.einsum("bqhe,bkhe->bhqk", q, k) / (scale or q.shape[-1] ** 0.5)
        if causal:
            scores = scores.masked_fill(torch.ones(n, n).bool().triu(1), -torch.inf)
        z = torch.einsum("bhqk,bkhe->bqhe", scores.softmax(-1), v)
        x = x + torch.einsum("bqhe,hed->bqd", z, w[f"{a}W_O"]) + w[f"{a}b_O"]
        if f"{m}W_in" not in w:
            continue
        here = normed(x, f"blocks.{i}.ln2")
        if f"{m}W_gate" in w:
            h = act(here @ w[f"{m}W_gate"]) * (here @ w[f"{m}W_in"]) + w[f"{m}b_in"]
        else:
            h = act(here @ w[f"{m}W_in"] + w[f"{m}b_in"])
        x = x + h @ w[f"{m}W_out"] + w[f"{m}b_out"]
    return normed(x, "ln_final")[:, -1] @ w["unembed.W_U"] + w["unembed.b_U"]


def lens(
    tokens: Tensor = EQUALS, config: dict | None = None, said: dict | None = None, act: Any = relu,
    scale: float | None = None, causal: bool = True, folded: bool = False, **sizes: Any,
) -> Form:  # fmt: skip
    w, norm = hooked(tokens, **sizes), sizes.get("norm", "")
    w = {name: x for name, x in w.items() if not (folded and ".ln" in f".{name}")}
    logits = run_hooked(w, tokens, act, norm, scale, causal)
    activation = None if config and "act_fn" in config else "relu"
    return Form(w, config or {}, said or {}, logits, activation=activation)


def of_transformer_lens() -> Iterator[tuple[str, Form]]:
    yield "trained biases", lens()
    yield "trained biases, a class for =", lens(classes=P + 1)
    yield "LayerNorm", lens(norm="LN")
    yield (
        "LayerNorm folded away",
        lens(norm="LN", folded=True, config={"normalization_type": "LNPre"}),
    )
    yield "RMSNorm", lens(norm="RMS")
    yield "GELU", lens(act=gelu, config={"act_fn": "gelu"})
    yield "gated SiLU", lens(act=silu, gated=True, config={"act_fn": "silu"})
    yield "two tokens", lens(PAIRS)
    yield "attention alone", lens(mlp=0)
    yield "attention alone, two layers", lens(mlp=0, n_layers=2)
    yield "two layers, LayerNorm", lens(n_layers=2, norm="LN")
    two_sided = {"attention_dir": "bidirectional"}
    yield "two layers that see all", lens(n_layers=2, causal=False, config=two_sided)
    yield "narrow heads", lens(e=3)
    yield "scores as they are", lens(scale=1.0, config={"use_attn_scale": False})
    four = torch.stack(
        [PAIRS[:, 0], torch.full((P * P,), P), PAIRS[:, 1], torch.full((P * P,), P + 1)], 1
    )
    yield "an operator between", lens(four)
    yield "read at b, as is said", lens(four[:, :3], said={"reads": "a 5 b"})
    yield "more positions than are read", lens(n_ctx=6)
    own = torch.stack([PAIRS[:, 0], PAIRS[:, 1] + P], dim=1)
    declared = {"model": "decoder", "symbols": P, "weights": {
        "W_E": "embed.W_E", "W_pos": "pos_embed.W_pos", "W_U": "unembed.W_U", "b_U": "unembed.b_U",
        **{f"W_{x}": f"blocks.{{i}}.attn.W_{x}" for x in "QKVO"},
        **{f"b_{x}": f"blocks.{{i}}.attn.b_{x}" for x in "QKVO"},
        **{x: f"blocks.{{i}}.mlp.{x}" for x in ("W_in", "b_in", "W_out", "b_out")}}}  # fmt: skip
    args = {
        "d_model": 8,
        "n_heads": 2,
        "d_mlp": 12,
        "sequence": "a b",
        "separate_vocabularies": True,
    }
    yield (
        "two vocabularies, declared",
        lens(own, config={"grokscope": declared | {"model_args": args}}),
    )


# ---- PyTorch, GPT --------------------------------------------------------------------------------


class Encoder(nn.Module):
    def __init__(self, n_layers: int, **how: Any):
        super().__init__()
        self.embedding, self.pos = nn.Embedding(P + 1, 8), nn.Parameter(torch.randn(1, 3, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, **how)
        self.encoder = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)
        self.fc_out = nn.Linear(8, P)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc_out(self.encoder(self.embedding(tokens) + self.pos)[:, -1])


def gpt(is_conv1d: bool, tied: bool) -> Form:
    """A network of TransformerLens's form as nanoGPT or Hugging Face store GPT-2's."""
    w = hooked(EQUALS, norm="LN", classes=P + 1)
    w["unembed.b_U"] = torch.zeros(P + 1, dtype=torch.float64)
    w["unembed.W_U"] = w["embed.W_E"].T if tied else w["unembed.W_U"]
    a, m, h = "blocks.0.attn.", "blocks.0.mlp.", "transformer.h.0."
    qkv = torch.cat([w[f"{a}W_{x}"].mT.flatten(0, 1) for x in "QKV"])
    turned = {"attn.c_attn": qkv, "attn.c_proj": w[f"{a}W_O"].flatten(0, 1).T,
              "mlp.c_fc": w[f"{m}W_in"].T, "mlp.c_proj": w[f"{m}W_out"].T}  # fmt: skip
    state = {f"{h}{name}.weight": x.T if is_conv1d else x for name, x in turned.items()}
    state |= {f"{h}attn.c_attn.bias": torch.cat([w[f"{a}b_{x}"].flatten() for x in "QKV"])}
    state |= {f"{h}attn.c_proj.bias": w[f"{a}b_O"], f"{h}attn.bias": torch.ones(1, 1, 3, 3)}
    state |= {f"{h}mlp.c_fc.bias": w[f"{m}b_in"], f"{h}mlp.c_proj.bias": w[f"{m}b_out"]}
    norms = {"blocks.0.ln1": f"{h}ln_1", "blocks.0.ln2": f"{h}ln_2", "ln_final": "transformer.ln_f"}
    state |= {
        f"{n}.{kind}": w[f"{o}.{kind[0]}"] for o, n in norms.items() for kind in ("weight", "bias")
    }
    state |= {
        "transformer.wte.weight": w["embed.W_E"],
        "transformer.wpe.weight": w["pos_embed.W_pos"],
    }
    state |= {} if is_conv1d and tied else {"lm_head.weight": w["unembed.W_U"].T}
    state = {name: x.clone() for name, x in state.items()}
    return Form(state, {"n_head": 2}, logits=run_hooked(w, EQUALS, gelu, "LN"), activation=None)


def of_libraries() -> Iterator[tuple[str, Form]]:
    for name, n, how in (
        ("nn.TransformerEncoder", 1, {}),
        ("nn.TransformerEncoder, norms first", 2, {"norm_first": True, "activation": "gelu"}),
    ):
        torch.manual_seed(0)
        module = Encoder(n, **how).double().eval()
        logits = module(EQUALS).detach()
        config, said = {"nhead": 2, **how}, None if "activation" in how else "relu"
        yield name, Form(dict(module.state_dict()), config, logits=logits, activation=said)
    yield "nanoGPT", gpt(is_conv1d=False, tied=False)
    yield "GPT-2 of Hugging Face, tied", gpt(is_conv1d=True, tied=True)


# ---- nn.Embedding and nn.Linear ------------------------------------------------------------------


class Perceptron(nn.Module):
    def __init__(
        self,
        join: str,
        embeddings: int = 1,
        widths: tuple[int, ...] = (11,),
        bias: bool = True,
        tied: bool = False,
    ):
        super().__init__()
        if embeddings == 1:
            self.embed = nn.Embedding(P, 6)
        if embeddings == 2:
            self.emb_a, self.emb_b = nn.Embedding(P, 6), nn.Embedding(P, 6)
        width = (6 if embeddings else P) * (2 if join == "concat" else 1)
        sizes = [width, *widths, 6 if tied else P]
        self.fc = nn.ModuleList(nn.Linear(i, o, bias) for i, o in pairwise(sizes))
        self.join, self.embeddings, self.tied = join, embeddings, tied

    def forward(self, pairs: Tensor) -> Tensor:
        a, b = pairs.unbind(dim=1)
        if self.embeddings == 0:
            x, y = one_hot(a, P).double(), one_hot(b, P).double()
        else:
            of_a, of_b = (self.embed,) * 2 if self.embeddings == 1 else (self.emb_a, self.emb_b)
            x, y = of_a(a), of_b(b)
        h = torch.cat([x, y], dim=1) if self.join == "concat" else x + y
        for map in self.fc[:-1]:
            h = map(h).relu()
        h = self.fc[-1](h)
        return h @ self.embed.weight.T if self.tied else h


def perceptron(*args: Any, **how: Any) -> Form:
    torch.manual_seed(1)
    module = Perceptron(*args, **how).double()
    return Form(dict(module.state_dict()), logits=module(PAIRS).detach(), model="dense")


def of_plain_maps() -> Iterator[tuple[str, Form]]:
    yield "an embedding, side by side", perceptron("concat")
    yield "an embedding, added", perceptron("add")
    yield "an embedding each", perceptron("concat", 2)
    yield "an embedding each, added", perceptron("add", 2)
    yield "one-hot", perceptron("concat", 0)
    yield "one-hot, added", perceptron("add", 0)
    yield "no biases", perceptron("concat", bias=False)
    yield "two hidden layers", perceptron("concat", widths=(11, 9))
    yield "a tied output", perceptron("add", bias=False, tied=True)
    own = {"W1": random(2 * P, 9), "b1": random(9), "W2": random(9, P), "b2": random(P)}
    both = torch.cat([one_hot(PAIRS[:, 0], P), one_hot(PAIRS[:, 1], P)], dim=1).double()
    logits = (both @ own["W1"] + own["b1"]).relu() @ own["W2"] + own["b2"]
    yield "matrices of one's own", Form(own, logits=logits, model="dense")
    E, U = random(P, 9), random(P, 9)
    logits = (E[PAIRS[:, 0]] + E[PAIRS[:, 1]]).square() @ U.T
    state, config = {"embed.weight": E, "head.weight": U}, {"act_fn": "square"}
    yield (
        "embeddings that are the hidden layer",
        Form(state, config, logits=logits, model="dense", activation=None),
    )


# ---- nn.RNN -------------------------------------------------------------------------------------


class Reader(nn.Module):
    def __init__(self, tokens: int = P, classes: int = P, d: int = 6, **how: Any):
        super().__init__()
        self.embed = nn.Embedding(tokens, d) if d else None
        self.rnn, self.tokens = nn.RNN(d or tokens, 9, batch_first=True, **how), tokens
        self.linear = nn.Linear(9, classes, bias=how.get("bias", True))

    def forward(self, x: Tensor) -> Tensor:
        read = one_hot(x, self.tokens).double() if self.embed is None else self.embed(x)
        return self.linear(self.rnn(read)[0][:, -1])


def reader(inputs: Tensor = PAIRS, said: dict | None = None, **how: Any) -> Form:
    torch.manual_seed(2)
    act = how.get("nonlinearity", "tanh")
    module = Reader(**how).double()
    logits = module(inputs).detach()
    state = dict(module.state_dict())
    return Form(state, {}, said or {}, logits, model="recurrent", activation=act)


def of_recurrent() -> Iterator[tuple[str, Form]]:
    two, relus = {"reads": "a b"}, {"nonlinearity": "relu"}
    yield "nn.RNN", reader(PAIRS, two)
    yield "nn.RNN of ReLUs, one-hot, no biases", reader(PAIRS, two, d=0, bias=False, **relus)
    yield "nn.RNN of two layers", reader(PAIRS, two, num_layers=2, **relus)
    yield "nn.RNN that reads =", reader(EQUALS, tokens=P + 1)
    yield (
        "nn.RNN with a class for =",
        reader(EQUALS, {"reads": "a b ="}, tokens=P + 1, classes=P + 1),
    )


# ---- what is refused ----------------------------------------------------------------------------


def of_others() -> Iterator[tuple[str, Form]]:
    words = {"embed.weight": random(P, 6), "fc.weight": random(P, 8)}
    for gated in (nn.LSTM(6, 8), nn.GRU(6, 8)):
        state = words | {f"rnn.{k}": x for k, x in gated.state_dict().items()}
        yield f"an nn.{type(gated).__name__}", Form(state, reason="is recurrent and has gates")
    both = nn.RNN(6, 8, bidirectional=True).state_dict()
    yield (
        "a recurrent network in both directions",
        Form(words | {f"rnn.{k}": x for k, x in both.items()}, reason="recurrent in both"),
    )
    algzoo = {
        "rnn.weight_ih_l0": random(8, 1),
        "rnn.weight_hh_l0": random(8, 8),
        "linear.weight": random(1, 8),
    }
    yield "a median of numbers", Form(algzoo, reason="reads numbers and gives a number")
    yield (
        "rotary buffers",
        Form(
            hooked(EQUALS) | {"blocks.0.attn.rotary_sin": random(3, 4)},
            reason="has rotary positions",
        ),
    )
    for field_, value, reason in (
        ("positional_embedding_type", "rotary", "has rotary positions"),
        ("parallel_attn_mlp", True, "attention and MLP side by side"),
        ("attn_scores_soft_cap", 30.0, "scores that are capped"),
        ("num_experts", 4, "a mixture of experts"),
        ("act_fn", "solu_ln", "its activation is solu_ln"),
        ("normalization_type", "Batch", "its normalisation is Batch"),
    ):
        yield f"{field_} {value}", Form(hooked(EQUALS), {field_: value}, reason=reason)
    shared = {name.replace("W_K", "_W_K"): x for name, x in hooked(EQUALS).items()}
    yield "shared keys", Form(shared, reason="grouped-query")
    long = torch.randint(0, P, (25, 18))
    yield (
        "18 positions",
        Form(hooked(torch.cat([long[:, :-1], long[:, :1] * 0 + 11], 1)), reason="18 positions"),
    )
    conv = {
        "embed.weight": random(P, 6),
        "conv1.weight": random(8, 6, 2),
        "fc.weight": random(P, 8),
    }
    yield "a convolution", Form(conv, reason="has convolutions")
    mlp = perceptron("concat").state
    yield (
        "batch normalisation",
        Form(mlp | {"bn.running_mean": random(11)}, reason="has batch normalisation"),
    )
    yield (
        "a norm in an MLP",
        Form(mlp | {"norm.weight": random(11)}, reason="has a norm where no layout has one"),
    )
    own = {f"attn.{x}_proj.weight": random(8, 8) for x in "qkvo"}
    yield (
        "attention under other names",
        Form(words | own, reason="attention under names that nothing here"),
    )
    lora = {"fc.lora_A": random(2, 8), "fc.lora_B": random(8, 2)}
    yield "LoRA alone", Form(lora, reason="has LoRA weights alone")
    linear = {"fc.weight": random(P, 2 * P), "fc.bias": random(P)}
    yield "no hidden layer", Form(linear, reason="has no hidden layer")
    broken = {"a.weight": random(9, 2 * P), "b.weight": random(P, 8)}
    yield (
        "maps that do not fit",
        Form(broken, reason="no order in which each of its maps takes what"),
    )
    gpt2 = gpt(is_conv1d=False, tied=False)
    yield "heads that nothing says", Form(gpt2.state, reason="Put a JSON with n_heads beside it")


torch.manual_seed(0)
FORMS = {
    name: form
    for forms in (of_transformer_lens, of_libraries, of_plain_maps, of_recurrent, of_others)
    for name, form in forms()
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_is_read_rightly_or_refused_by_its_true_reason(form: Form, tmp_path: Path):
    path = write(tmp_path, {"net.pt": form.state, "net.json": form.config})
    said = {"task": "a+b", "activation": form.activation} | form.said
    if form.logits is None:
        with pytest.raises(BadInput, match=form.reason) as refusal:
            imported(path, tmp_path / "out", task="a+b")
        assert "\n" not in str(refusal.value)
        return
    run = imported(path, tmp_path / "out", **said)
    assert run.spec.model == form.model
    torch.testing.assert_close(run.model()(PAIRS), form.logits, atol=1e-10, rtol=0)


def test_there_are_forty_forms():
    assert len(FORMS) >= 40
