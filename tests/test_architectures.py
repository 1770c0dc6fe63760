"""The papers' architectures, each against a plain one written with loops; sizes, first weights."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokscope.errors import BadInput, UnknownName
from grokscope.measures.attention import attention_to_equals
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tap import record
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, can_fold, check_rewrite, folded, last, reference
from grokscope.training.train import train

MIX = {"task": "mixture", "formulas": "a+b,a-b,a*b"}
COMPAT = {"task": "a+b", "furuta_compat": True}
SUM = {"task": "a+b"}
NARROW = {"d_model": 12, "n_heads": 3}
LAYERED = {**NARROW, "d_mlp": 20}
FLAT = {"d_embed": 10, "d_mlp": 17}
STATES = {"d_embed": 10, "d_hidden": 17}
CASES = {  # name: task, model, arguments
    "furuta": (SUM, "furuta", LAYERED),
    "furuta-plus": (SUM, "furuta", {**LAYERED, "operator": "+", "specials": 3}),
    "furuta-mixture": (MIX, "furuta", LAYERED),
    "furuta-compat": (COMPAT, "furuta", {**LAYERED, "furuta_compat": True}),
    "chughtai": (SUM, "chughtai", LAYERED),
    "furuta-half": (SUM, "furuta", {**LAYERED, "attention_rate": 0.5}),
    "chughtai-half": (SUM, "chughtai", {**LAYERED, "attention_rate": 0.5}),
    "transformer-uniform": (SUM, "transformer", {**LAYERED, "attention_rate": 0}),
    "transformer-2-half": (SUM, "transformer", {**LAYERED, "n_layers": 2, "attention_rate": 0.5}),
    "transformer-2": (SUM, "transformer", {**LAYERED, "n_layers": 2}),
    "transformer-3": (SUM, "transformer", {**LAYERED, "n_layers": 3}),
    **{
        f"pizza-{int(apart)}{int(equals)}{n}": (
            SUM, "pizza",
            {**NARROW, "n_layers": n, "attention_rate": 0.5, "separate_vocabularies": apart,
             "equals": equals},
        )
        for apart, equals, n in itertools.product([False, True], [False, True], [1, 2])
    },
    "power": (SUM, "power", NARROW),
    "power-1": (SUM, "power", {**NARROW, "n_layers": 1}),
    "power-half": (SUM, "power", {**NARROW, "attention_rate": 0.5}),
    "recurrent": (SUM, "recurrent", STATES),
    "recurrent-2": (SUM, "recurrent", {**STATES, "n_layers": 2, "one_hot": True}),
    "recurrent-equals": (SUM, "recurrent", {**STATES, "equals": True, "classes": 8}),
    "stander": (SUM, "stander", FLAT),
    "wu": (SUM, "wu", FLAT),
    "wu-unbiased": (SUM, "wu", {**FLAT, "output_bias": False}),
    **{
        f"{name}-{embed}-{int(tied)}{int(flat_in)}{int(flat_out)}": (
            SUM, name,
            {**FLAT, "embed": embed, "tied_hidden": tied, "collapsed_hidden": flat_in,
             "collapsed_out": flat_out},
        )
        for name, embed, tied, flat_in, flat_out in [
            ("pair", "tied", True, False, False),
            ("pair", "tied", False, False, False),
            ("pair", "tied", True, True, False),
            ("pair", "tied", True, True, True),
            ("pair", "tied", True, False, True),
            ("pair", "input_tied", True, False, False),
            ("pair", "input_tied", True, True, True),
            ("pair", "untied", True, False, True),
            ("pair", "untied", False, False, False),
            ("pairsquare", "tied", True, False, False),
            ("pairsquare", "untied", False, False, True),
        ]
    },
    "fiveneurons": (SUM, "fiveneurons", {}),
    "prieto": (SUM, "prieto", {"d_mlp": 17}),
}  # fmt: skip
NAMES = list(CASES)
TRAINED = [
    "furuta", "furuta-mixture", "chughtai", "transformer-2", "pizza-111", "power", "stander", "wu",
    "pair-tied-100", "pair-untied-000", "pairsquare-tied-100", "fiveneurons", "prieto",
    "transformer-uniform", "recurrent",
]  # fmt: skip


def task_of(name: str) -> Task:
    args = dict(CASES[name][0])
    return make_task(str(args.pop("task")), {"p": 7, **args})


def small(name: str, seed: int = 3) -> Model:
    """A small float64 model with no zero among its weights, biases included."""
    _, kind, args = CASES[name]
    model = make_model(kind, args, task_of(name), seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in model.parameters():
            w += 0.3 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    return model


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / e.sum()


def attend(w, x, rate, is_causal, adds):
    """What attention adds at each position, position by position and head by head: with what is not
    learned 1 everywhere where it `adds`, else uniform."""
    added = []
    for i in range(len(x)):
        out = np.zeros_like(x[i])
        seen = range(i + 1) if is_causal else range(len(x))
        for h in range(len(w["W_Q"])):
            q = x[i] @ w["W_Q"][h]
            scores = [q @ (x[j] @ w["W_K"][h]) / math.sqrt(len(q)) for j in seen]
            rest = 1 if adds else 1 / len(seen)
            for j, share in zip(seen, softmax(scores), strict=True):
                out += (rate * share + (1 - rate) * rest) * (x[j] @ w["W_V"][h]) @ w["W_O"][h]
        added.append(out)
    return added


def transformer_by_hand(w, x, args, is_causal=True, adds=False):
    """No normalisation; the logits at the last of the positions x."""
    n_layers, rate = args.get("n_layers", 1), args.get("attention_rate", 1)
    for layer in range(n_layers):
        shared = ("W_E", "W_pos", "W_U")
        of = {k: v[layer] if n_layers > 1 and k not in shared else v for k, v in w.items()}
        after = []
        for here, added in zip(x, attend(of, x, rate, is_causal, adds), strict=True):
            mid = here + added
            hidden = np.maximum(mid @ of["W_in"] + of.get("b_in", 0), 0)
            after.append(mid + hidden @ of["W_out"] + of.get("b_out", 0))
        x = after
    return x[-1] @ w["W_U"]


def furuta_by_hand(w, args, n, symbols):
    base = len(w["W_E"]) - args.get("specials", 5)
    operator = base + "=+-*/".index(args.get("operator", "="))
    a, b = symbols[:2]
    if len(symbols) == 3:
        operator = base + 1 + symbols[2]
    return transformer_by_hand(w, [w["W_E"][t] for t in (a, operator, b)], args)


def equals_by_hand(w, args, n, symbols):
    a, b = symbols
    x = [w["W_E"][t] + w["W_pos"][i] for i, t in enumerate((a, b, n))]
    return transformer_by_hand(w, x, args)


def pizza_by_hand(w, args, n, symbols):
    a, b = symbols
    tokens = [a, b + n if args["separate_vocabularies"] else b]
    if args["equals"]:
        tokens.append(2 * n if args["separate_vocabularies"] else n)
    x = [w["W_E"][t] + w["W_pos"][i] for i, t in enumerate(tokens)]
    return transformer_by_hand(w, x, args, is_causal=False, adds=True)


def power_by_hand(w, args, n, symbols):
    """[a, operator, b, =], a LayerNorm after each sum."""

    def norm(x, scale, shift):
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * scale + shift

    a, b = symbols
    x, n_layers, rate = [], args.get("n_layers", 2), args.get("attention_rate", 1)
    for place, token in enumerate((a, n, b, n + 1)):
        e = w["W_E"][token].copy()
        for i in range(0, len(e), 2):
            e[i] += math.sin(place / 10000 ** (i / len(e)))
            e[i + 1] += math.cos(place / 10000 ** (i / len(e)))
        x.append(e)
    for layer in range(n_layers):
        whole = ("W_E", "W_U") if n_layers > 1 else [k for k in w if k[0] == "W"]
        of = {k: v if k in whole else v[layer] for k, v in w.items()}
        after = []
        for here, added in zip(x, attend(of, x, rate, is_causal=True, adds=False), strict=True):
            mid = norm(here + added, of["w_mid"], of["b_mid"])
            out = np.maximum(mid @ of["W_in"], 0) @ of["W_out"]
            after.append(norm(mid + out, of["w_post"], of["b_post"]))
        x = after
    return x[3] @ w["W_U"]


def prieto_by_hand(w, args, n, symbols):
    """On vectors of zeros and two ones, layer by layer."""
    x = np.zeros(2 * n)
    x[symbols[0]] = x[n + symbols[1]] = 1
    hidden = np.maximum(np.maximum(x @ w["W_E"], 0) @ w["W_in"], 0)
    return hidden @ w["W_U"]


def concatenated_by_hand(w, args, n, symbols):
    a, b = symbols
    hidden = np.maximum(np.concatenate([w["W_x"][a], w["W_y"][b]]) @ w["W"], 0)
    return hidden @ w["W_U"] + w.get("b_U", 0)


def factored_by_hand(w, args, n, symbols, act):
    a, b = symbols
    left, right = w["W_E"][a], w.get("W_E_b", w["W_E"])[b]
    if not args["collapsed_hidden"]:
        left, right = left @ w["W_in"], right @ w.get("W_in_b", w["W_in"])
    hidden = act(left + right)
    if not args["collapsed_out"]:
        hidden = hidden @ w["W_out"]
    return np.array([hidden @ (w["W_U"][:, c] if "W_U" in w else w["W_E"][c]) for c in range(n)])


def five_by_hand(w, args, n, symbols):
    E = [math.sqrt(2 / n) * np.array([math.cos(2 * math.pi * t / n), math.sin(2 * math.pi * t / n)])
         for t in range(n)]  # fmt: skip
    a, b = symbols
    hidden = np.maximum(E[a] @ w["W_in"] + E[b] @ w["W_in"], 0)
    return np.array([hidden @ w["W_out"] @ E[c] for c in range(n)])


def recurrent_by_hand(w, args, n, symbols):
    tokens = [*symbols, n] if args.get("equals") else symbols
    table = w.get("W_E", np.eye(n))
    x = [table[t] for t in tokens]
    for i in range(args.get("n_layers", 1)):
        h, states = np.zeros(args["d_hidden"]), []
        for here in x:
            h = np.maximum(here @ w[f"W_x_{i}"] + h @ w[f"W_h_{i}"] + w[f"b_h_{i}"], 0)
            states.append(h)
        x = states
    return x[-1] @ w["W_U"] + w["b_U"]


BY_HAND = {
    "recurrent": recurrent_by_hand,
    "furuta": furuta_by_hand,
    "chughtai": equals_by_hand,
    "transformer": equals_by_hand,
    "pizza": pizza_by_hand,
    "power": power_by_hand,
    "stander": concatenated_by_hand,
    "wu": concatenated_by_hand,
    "pair": lambda *args: factored_by_hand(*args, act=lambda x: np.maximum(x, 0)),
    "pairsquare": lambda *args: factored_by_hand(*args, act=np.square),
    "fiveneurons": five_by_hand,
    "prieto": prieto_by_hand,
}


@pytest.mark.parametrize("name", NAMES)
def test_every_way_of_computing_a_model_equals_the_plain_one(name):
    (_, kind, args), task, model = CASES[name], task_of(name), small(name)
    w = {k: v.detach().numpy() for k, v in model.named_parameters()}
    expected = np.stack([BY_HAND[kind](w, args, 7, symbols) for symbols in task.inputs.tolist()])
    fold = model.fold(task.inputs)
    assert (fold is None) == (kind == "power")
    ways = [model(task.inputs), model.last(task.inputs), *([fold.logits()] if fold else [])]
    for logits in ways:
        assert logits.shape == expected.shape
        assert np.abs(logits.detach().numpy() - expected).max() < 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_the_fast_steps_have_the_plain_gradients_alone_and_together(name):
    task, members = task_of(name), [small(name, seed) for seed in (1, 2)]
    few = [Examples(task.inputs[:20], task.answers[:20]), Examples(task.inputs, task.answers)]
    fast = [last, *([folded] if can_fold(members[0]) else [])]
    found = []
    for formulation in (reference, *fast):
        if formulation is not reference:
            check_rewrite(formulation, members[0], few[1])
        stack = Stack(members, "cpu", torch.float64)
        formulation(stack.template, few, "float64")(stack)
        found.append(stack.grad.clone())
    for grad in found[1:]:
        assert (grad - found[0]).abs().max() < 1e-10 * found[0].abs().max()


@pytest.mark.parametrize("name", TRAINED)
def test_a_member_of_a_batch_of_eight_equals_itself_alone(name, tmp_path):
    fields, kind, args = CASES[name]
    task_args = {k: v for k, v in fields.items() if k != "task"}
    spec = Spec(
        task=str(fields["task"]), task_args={"p": 7, **task_args}, model=kind, model_args=args,
        train_fraction=0.5, lr=5e-3, steps=20, eval_every=20, checkpoint_every=20,
        precision="float64",
    )  # fmt: skip
    changes = [{}, {"lr": 1e-2}, {"weight_decay": 0.0}, {"train_fraction": 0.3}]
    specs = [replace(spec, seed=k, **change) for k in (0, 1) for change in changes]

    def weights(run: Run) -> torch.Tensor:
        return torch.cat([w.flatten() for w in run.model(20).parameters()])

    together = train(specs, tmp_path / "together")
    for k in (0, 3, 6):  # differing in seed, decay and share of the inputs
        run, alone = together[k], train(specs[k], tmp_path / "alone")
        assert (weights(run) - weights(alone)).abs().max() < 1e-9
        first = torch.cat([w.detach().flatten() for w in run.new_model().parameters()])
        assert (weights(run) - first).abs().max() > 1e-3  # it has moved


@pytest.mark.parametrize(
    ("kind", "task", "size"),
    [
        ("furuta", {"p": 97}, 222_720),
        ("pair", {"p": 67}, 57_500),
        ("fiveneurons", {"p": 67}, 20),
        ("chughtai", {"p": 113}, 128 * (114 + 3 + 113) + 4 * 128 * 128 + 2 * 128 * 512),
        ("stander", {"p": 113}, 2 * 113 * 256 + 512 * 128 + 128 * 113 + 113),
        ("power", {"p": 97}, 2 * 99 * 128 + 394_240),
        ("prieto", {"p": 113}, (226 + 200 + 113) * 200),
    ],
)
def test_a_network_has_its_published_size(kind, task, size):
    model = make_model(kind, {}, make_task("a+b", task), 0)
    assert sum(w.numel() for w in model.parameters()) == size
    assert not list(model.buffers())


def test_the_first_weights_of_pair_have_the_norm_of_the_page():
    task = make_task("a+b", {"p": 67})
    models = [make_model("pair", {}, task, seed) for seed in range(20)]
    vectors = [torch.cat([w.detach().flatten() for w in m.parameters()]) for m in models]
    assert np.mean([v.norm() for v in vectors]) == pytest.approx(37.5, rel=0.002)
    assert np.mean([v.abs().sum() for v in vectors]) == pytest.approx(6915, rel=0.002)
    for v in vectors:
        assert v.norm() == pytest.approx(37.5, rel=0.01)
    E = dict(models[0].named_parameters())["W_E"]
    assert E.abs().max() <= 2 * (2 / 67) ** 0.5 / 0.8796 + 1e-6


@pytest.mark.parametrize(
    ("kind", "stds"),
    [
        ("furuta", {"W_E": 102**-0.5, "W_U": 128**-0.5, "W_Q": 128**-0.5, "W_V": 128**-0.5,
                    "W_O": 128**-0.5, "W_in": 128**-0.5, "W_out": 128**-0.5}),
        ("chughtai", {"W_E": 0.8 * 128**-0.5, "W_O": 0.8 * 128**-0.5, "W_out": 0.8 * 128**-0.5,
                      "W_U": 0.8 * 128**-0.5, "W_pos": 0.8 * 128**-0.5}),
        ("stander", {"W_x": 1, "W_y": 1, "W": (3 * 512) ** -0.5, "W_U": (3 * 128) ** -0.5,
                     "b_U": (3 * 128) ** -0.5}),
        ("wu", {"W_x": 1, "W_y": 1, "W": (1 / 256 / 2 / 3) ** 0.5, "b_U": (3 * 128) ** -0.5}),
        ("pair", {"W_E": (2 / 97) ** 0.5, "W_in": 0.8796 * 500**-0.5, "W_out": 0.8796 * 24**-0.5}),
        ("power", {"W_E": 1, "W_Q": (3 * 128) ** -0.5, "W_O": (3 * 128) ** -0.5,
                   "W_out": (3 * 512) ** -0.5, "w_mid": 0}),
        ("prieto", {"W_E": (3 * 194) ** -0.5, "W_in": (3 * 200) ** -0.5,
                    "W_U": (3 * 200) ** -0.5}),
    ],
)  # fmt: skip
def test_first_weights_are_drawn_as_published(kind, stds):
    task = make_task("a+b", {"p": 97})
    models = [dict(make_model(kind, {}, task, seed).named_parameters()) for seed in range(12)]
    for name, std in stds.items():
        drawn = torch.stack([w[name].detach() for w in models]).double()
        assert float(drawn.std()) == pytest.approx(std, rel=5 * drawn.numel() ** -0.5, abs=1e-12)
        if name[0] == "W":
            assert abs(float(drawn.mean())) < 5 * std * drawn.numel() ** -0.5


def test_uniform_weights_reach_their_bound_and_do_not_cross_it():
    w = dict(make_model("stander", {}, make_task("a+b", {"p": 97}), 0).named_parameters())
    for name, fan_in in (("W", 512), ("W_U", 128)):
        assert 0.999 < float(w[name].detach().abs().max()) * fan_in**0.5 <= 1 + 1e-6


EMBEDDING = [name for name in NAMES if "recurrent" not in name]  # that looks up what a token adds


@pytest.mark.parametrize("name", EMBEDDING)
def test_activations_and_weights_are_found_by_symbol(name):
    model, task = small(name), task_of(name)
    seen, weights = record(model, task.inputs), model.symbol_weights()
    assert seen["embed"].ndim == 3
    assert {"embed", "mlp_pre", "mlp_post", "logits"} <= set(seen)
    assert set(weights) in ({"a", "b", "c"}, {"ab", "c"})
    assert len(weights["c"]) == 7
    assert {len(w) for role, w in weights.items() if role != "c"} == {task.n_symbols}
    if "pattern" in seen:  # a and b come first, and only the last position counts
        embeddings = [weights.get("ab", weights.get(role)) for role in "ab"]
        for i, embedding in enumerate(embeddings):
            assert embedding is not None
            assert torch.equal(seen["embed"][:, i], embedding[task.inputs[:, i]])
        own = record(model.last, task.inputs)["pattern"][:, :, -1]
        assert torch.allclose(own, seen["pattern"][:, :, -1])


@pytest.mark.parametrize("kind", ["transformer", "chughtai", "furuta", "power"])
def test_attention_of_rate_0_averages_what_it_sees(kind):
    task = make_task("a+b", {"p": 7})
    model = make_model(kind, {**NARROW, "attention_rate": 0}, task, 0)
    for pattern in (record(way, task.inputs)["pattern"] for way in (model, model.last)):
        assert torch.allclose(pattern.sum(-1), torch.ones(()))
        seen = (pattern > 0).sum(-1, keepdim=True)
        assert torch.allclose(pattern[pattern > 0], (1 / seen).expand(pattern.shape)[pattern > 0])
        assert (seen[:, :, -1] == pattern.shape[-1]).all()


@pytest.mark.parametrize(
    ("name", "token"),
    [("power", 8), ("chughtai", 7), ("furuta", 7), ("pizza-011", 7), ("pizza-111", 14)],
)
def test_equals_or_furutas_operator_stands_third_and_its_attention_is_found(name, token):
    model, task = small(name), task_of(name)
    seen, w = record(model, task.inputs), dict(model.named_parameters())
    assert torch.equal(seen["embed"][:, 2], w["W_E"][token].expand(49, -1))
    found = attention_to_equals(Snapshot(task, task.is_train(0.5, 0), model))
    by_hand = seen["pattern"][:, :, -1, 2].mean(dim=0)
    assert found == pytest.approx({f"head {h}": float(x) for h, x in enumerate(by_hand)})


def test_the_released_data_of_furuta_takes_its_tokens_for_numbers():
    model, task = small("furuta-compat"), task_of("furuta-compat")
    w = dict(model.named_parameters())
    assert task.n_symbols == len(w["W_E"]) == 12  # p + 5, of which 7 are numbers
    x = record(model, task.inputs)["embed"]
    pair = (task.inputs == torch.tensor([7, 0])).all(dim=1)
    assert torch.equal(x[pair, 0], x[pair, 2])  # the operand 7 and the operator "=" are one


@pytest.mark.parametrize(
    ("kind", "args", "why"),
    [
        ("furuta", {"n_heads": 5}, r"n_heads=5 does not divide model\.d_model=128"),
        ("furuta", {"operator": "^"}, r"no operator of `furuta` is called `\^`. Known: "),
        ("furuta", {"operator": "*", "specials": 3}, r"Choose model\.specials=4"),
        ("furuta", {"furuta_compat": 1}, r"`model.furuta_compat` must be true or false, not 1"),
        ("chughtai", {"n_heads": 3}, r"n_heads=3 does not divide model\.d_model=128"),
        ("power", {"n_layers": 0}, r"`model.n_layers` must be a whole number of at least 1, not 0"),
        (
            "transformer",
            {"n_layers": 0},
            r"`model.n_layers` must be a whole number of at least 1, not 0",
        ),
        ("pizza", {"equals": 1}, r"`model.equals` must be true or false, not 1"),
        ("power", {"attention_rate": -1}, r"`model.attention_rate` must be from 0 to 1, not -1"),
        ("pair", {"embed": "tide"}, "Did you mean `tied`"),
        ("pair", {"activation": "square"}, r"no argument of model `pair` is called"),
    ],
)
def test_what_cannot_be_is_refused(kind, args, why):
    with pytest.raises(BadInput, match=why):
        make_model(kind, args, make_task("a+b", {"p": 7}), 0)


def test_a_model_refuses_a_task_it_cannot_read():
    mixture = make_task("mixture", {"formulas": "a+b,a-b,a*b", "p": 7})
    with pytest.raises(BadInput, match=r"too few tokens .* Choose model\.specials=4"):
        make_model("furuta", {"specials": 3}, mixture, 0)
    with pytest.raises(BadInput, match="model `power` reads pairs"):
        make_model("power", {}, mixture, 0)
    with pytest.raises(BadInput, match="an input of this task has 30 symbols"):
        make_model("furuta", {}, make_task("sparse_parity", {}), 0)
    released = make_task("a+b", {"p": 7, "furuta_compat": True})
    with pytest.raises(BadInput, match=r"more than 7 answers and model\.specials=2"):
        make_model("furuta", {"furuta_compat": True, "specials": 2}, released, 0)
    with pytest.raises(BadInput, match="one circle for symbols and answers"):
        make_model("fiveneurons", {}, released, 0)
    with pytest.raises(UnknownName, match=r"no model is called `furuta2`\. Did you mean `furuta`"):
        make_model("furuta2", {}, mixture, 0)
