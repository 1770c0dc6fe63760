"""Neurons, attention and key parts: plain loops, the weights themselves, and planted networks."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grokscope.algebra.splits import isotypic
from grokscope.errors import NotApplicable
from grokscope.measures.attention import attention_scores
from grokscope.measures.key_rules import RULES, key_sets
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import evaluate
from grokscope.measures.neurons import neuron_parts
from grokscope.models import make_model
from grokscope.models.mlp import MLP
from grokscope.models.model import Model
from grokscope.models.transformer import Transformer
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.task import Task
from grokscope.tasks import make_task

PRIME, ROOT = 11, 2


class Planted(Model):
    """A network whose hidden layer, logits and weights are given tables."""

    def __init__(self, logits: Tensor, hidden: Tensor | None = None, **weights: Tensor):
        super().__init__()
        self.n_answers = logits.shape[1]
        self.logits = logits
        self.hidden = logits if hidden is None else hidden
        self.weights = weights

    def forward(self, inputs, tap=no_tap):
        tap("mlp_post", tap("mlp_pre", self.hidden).relu())
        return tap("logits", self.logits)

    def symbol_weights(self):
        return self.weights


class Unrectified(Planted):
    """The same with no nonlinearity."""

    def forward(self, inputs, tap=no_tap):
        tap("mlp_post", tap("mlp_pre", self.hidden))
        return tap("logits", self.logits)


def task(formula: str, p: int = PRIME) -> Task:
    return make_task(formula, {"p": p})


def reading(task: Task, model: Model, keys: tuple[str, ...] | None = None) -> Snapshot:
    return Snapshot(task, task.is_train(0.4, 0), model, keys=keys)


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def logarithm(p: int = PRIME, root: int = ROOT) -> Tensor:
    log, x = torch.zeros(p, dtype=torch.float64), 1
    for j in range(p - 1):
        log[x], x = j, x * root % p
    return log


def characters(p: int = PRIME, root: int = ROOT) -> dict[str, list[Tensor]]:
    """Orthonormal functions of each multiplicative part, from the logarithm."""
    log = logarithm(p, root)
    at_zero = torch.full((p,), -1 / p, dtype=torch.float64)
    at_zero[0] += 1
    found = {"{0}": [at_zero / at_zero.norm()]}
    for k in range(1, (p - 1) // 2 + 1):
        angle = 2 * math.pi * k * log / (p - 1)
        waves = [angle.cos()] if 2 * k == p - 1 else [angle.cos(), angle.sin()]
        for wave in waves:
            wave[0] = 0
        found[f"character {k}"] = [wave / wave.norm() for wave in waves]
    return found


def frequencies(p: int) -> dict[str, list[Tensor]]:
    x = torch.arange(p, dtype=torch.float64) * 2 * math.pi / p
    waves = {k: [(k * x).cos(), (k * x).sin()] for k in range(1, (p + 1) // 2)}
    return {f"frequency {k}": [w / w.norm() for w in both] for k, both in waves.items()}


# Neurons


@pytest.mark.parametrize(
    ("formula", "parts", "move"),
    [
        ("a*b", characters(), lambda b: b),
        ("a+b", frequencies(PRIME), lambda b: b),
        ("a-b", frequencies(PRIME), lambda b: b),
        ("a*b+b", characters(), None),  # a is moved by one
    ],
)
def test_a_neurons_parts_equal_a_plain_loop_over_pairs(formula, parts, move):
    t, p = task(formula), PRIME
    model = make_model("mlp", {"d_embed": 8, "d_mlp": 5}, t, 1).double().requires_grad_(False)
    assert isinstance(model, MLP)
    s = reading(t, model)
    names, shares = neuron_parts(s)
    assert names == list(parts)
    a, b = t.inputs.unbind(dim=1)
    left = a if move is not None else (a + 1) % p
    post = model.W_x[a] @ model.W[:8] + model.W_y[b] @ model.W[8:]
    post = post.relu()
    for m in range(5):
        neuron = post[:, m] - post[:, m].mean()
        for name, waves in parts.items():
            explained = 0.0
            for f in waves:
                explained += float(neuron @ f[left]) ** 2 / p  # f(a), of norm √p over pairs
                explained += float(neuron @ f[b]) ** 2 / p
                for g in waves:
                    explained += float(neuron @ (f[left] * g[b])) ** 2
            share = float(shares[names.index(name), m])
            assert share == pytest.approx(explained / float(neuron @ neuron), abs=1e-12), name


def test_neurons_of_characters_are_localised_and_counted():
    t, parts = task("a*b"), characters()
    a, b = t.inputs.unbind(dim=1)
    u, v = parts["character 2"], parts["character 4"]
    hidden = torch.stack(
        [
            u[0][a],
            u[1][a] * u[0][b] + 0.2 * u[0][a],
            v[0][a] + v[1][b],
            parts["{0}"][0][a] + parts["{0}"][0][b],
            u[0][a] * v[0][b],  # of two parts: of none
            u[0][a] + v[0][b],  # half and half
            torch.ones(len(a), dtype=torch.float64),
        ],
        dim=1,
    )
    s = reading(t, Unrectified(hidden, hidden))
    found = evaluate(s, ["neurons_localised", "neurons_by_part"])
    assert found["neurons_localised"] == pytest.approx(4 / 7)
    counts = {k: x for k, x in found.items() if x and "by_part" in k}
    assert counts == {
        "neurons_by_part[character 2]": 2,
        "neurons_by_part[character 4]": 1,
        "neurons_by_part[{0}]": 1,
    }
    assert sorted(RULES["neurons"](s)) == ["character 2", "character 4", "{0}"]


def test_a_neuron_just_below_the_threshold_is_not_localised():
    t, parts = task("a+b"), frequencies(PRIME)
    a, _ = t.inputs.unbind(dim=1)
    f, g = parts["frequency 1"][0], parts["frequency 3"][0]
    shares = torch.tensor([0.84, 0.86], dtype=torch.float64)
    hidden = shares.sqrt() * f[a][:, None] + (1 - shares).sqrt() * g[a][:, None]
    s = reading(t, Unrectified(hidden, hidden))
    assert evaluate(s, ["neurons_localised"])["neurons_localised"] == 0.5


@pytest.mark.parametrize("formula", ["a**2+b**2", "a/b"])
def test_where_operands_are_no_points_neurons_have_no_part(formula):
    s = reading(task(formula), make_model("mlp", {}, task(formula), 0).requires_grad_(False))
    with pytest.raises(NotApplicable, match="each a point of its own"):
        evaluate(s, ["neurons_localised"])


def test_the_trig_ratio_is_the_share_of_the_sum_directions():
    t = task("a+b", 13)
    a, b = (x.double() * 2 * math.pi / 13 for x in t.inputs.unbind(dim=1))
    columns = [
        torch.cos(3 * (a + b)) + 4,  # all of it in the sum directions
        torch.cos(3 * a) * torch.cos(3 * b),  # half: the rest is of a - b
        torch.cos(3 * a),
        torch.sin(3 * (a + b)) + torch.sin(5 * (a + b)) * math.sqrt(3),  # a quarter
        torch.full_like(a, 2.0),  # does not vary: not counted
    ]
    X = torch.stack(columns, dim=1)
    s = reading(t, Unrectified(X, X), ("frequency 3",))
    expected = (1 + 1 / 2 + 0 + 1 / 4) / 4
    found = evaluate(s, ["trig_ratio"])
    assert list(found.values()) == pytest.approx([expected] * 3)
    both = evaluate(replace(s, keys=("frequency 3", "frequency 5")), ["trig_ratio"])
    assert both["trig_ratio[logits]"] == pytest.approx((1 + 1 / 2 + 0 + 1) / 4)


def test_the_trig_ratio_before_and_after_the_nonlinearity_is_over_all_pairs():
    t = task("a-b", 7)
    X = noise(49, 5)
    s = reading(t, Planted(noise(49, 7, seed=1), X), ("frequency 2",))
    d = (t.inputs[:, 0] - t.inputs[:, 1]).double() * 2 * math.pi * 2 / 7
    waves = torch.stack([d.cos(), d.sin()], dim=1) * math.sqrt(2) / 7
    for name, x in (("mlp_pre", X), ("mlp_post", X.relu())):
        share = (waves.T @ x).square().sum(dim=0) / (x - x.mean(dim=0)).square().sum(dim=0)
        found = evaluate(s, ["trig_ratio"])[f"trig_ratio[{name}]"]
        assert found == pytest.approx(float(share.mean()))


def test_directions_that_the_output_reads_have_the_share_that_was_planted():
    t, p = task("a+b", 13), 13
    a, b = (x.double() * 2 * math.pi / p for x in t.inputs.unbind(dim=1))
    Q = torch.linalg.qr(noise(6, 6))[0]
    # neurons: cos and sin of w(a+b) along two directions, and other things along these and others
    hidden = torch.outer(torch.cos(3 * (a + b)) + 2 * torch.cos(3 * (a - b)) + 7, Q[:, 0])
    hidden += torch.outer(torch.sin(3 * (a + b)), Q[:, 1])
    hidden += 100 * torch.outer(torch.cos(5 * a), Q[:, 2])  # not read
    x = torch.arange(p, dtype=torch.float64) * 2 * math.pi / p
    W = torch.outer(torch.cos(3 * x), Q[:, 0]) + 3 * torch.outer(torch.sin(3 * x), Q[:, 1])
    s = reading(t, Unrectified(torch.zeros(p * p, p), hidden, c=W), ("frequency 3",))
    found = evaluate(s, ["output_direction_fve"])
    assert found == {
        "output_direction_fve[frequency 3 cos]": pytest.approx(1 / 5),
        "output_direction_fve[frequency 3 sin]": pytest.approx(1),
    }


def test_directions_of_characters_are_read_in_the_logarithm():
    t, parts = task("a*b"), characters()
    Q = torch.linalg.qr(noise(6, 6))[0]
    cos, sin = parts["character 3"]
    ab = t.answers
    hidden = torch.outer(cos[ab], Q[:, 0]) + torch.outer(sin[ab] + cos[ab], Q[:, 1])
    W = torch.outer(cos, Q[:, 0]) + torch.outer(sin, Q[:, 1])
    s = reading(t, Unrectified(torch.zeros(121, 11), hidden, c=W), ("character 3",))
    found = list(evaluate(s, ["output_direction_fve"]).values())
    assert found == pytest.approx([1, 1 / 2])


def test_without_a_map_from_neurons_or_a_basis_there_are_no_directions():
    t = task("a+b", 7)
    s = reading(t, Planted(noise(49, 7), noise(49, 5), c=noise(7, 4)), ("frequency 1",))
    with pytest.raises(NotApplicable, match="no map from its neurons"):
        evaluate(s, ["output_direction_fve"])
    t = make_task("composition", {"group": "S3"})
    s = reading(t, Planted(noise(36, 6), noise(36, 5), c=noise(6, 5)), ("standard",))
    with pytest.raises(NotApplicable, match="no basis is singled out"):
        evaluate(s, ["output_direction_fve"])


# Attention


def transformer(t: Task, seed: int = 0, scale: float = 0.5) -> Transformer:
    args = {"d_model": 12, "n_heads": 3, "d_mlp": 8}
    net = make_model("transformer", args, t, seed).double().requires_grad_(False)
    assert isinstance(net, Transformer)
    generator = torch.Generator().manual_seed(seed)
    for w in net.parameters():
        w += scale * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    return net


@pytest.mark.parametrize("formula", ["a+b", "a*b"])
def test_attention_equals_that_of_the_weights(formula):
    t = task(formula)
    net = transformer(t)
    s = reading(t, net)
    p = PRIME
    query = net.W_E[p] + net.W_pos[2]
    commutativity, equals = [], []
    for h in range(3):
        C = net.W_Q[h] @ net.W_K[h].T / math.sqrt(4)  # d_head = 12 / 3
        to_a = (net.W_E[:p] + net.W_pos[0]) @ C.T @ query
        to_b = (net.W_E[:p] + net.W_pos[1]) @ C.T @ query
        to_equals = query @ C.T @ query
        ours = attention_scores(s)[h]
        assert torch.allclose(ours, to_a - to_a.mean(), atol=1e-9)
        a, b = t.inputs.unbind(dim=1)
        scores = torch.stack([to_a[a], to_b[b], to_equals.expand(len(a))], dim=1)
        pattern = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
        commutativity.append(float((pattern[:, 0] - pattern[:, 1]).mean()))
        equals.append(float(pattern[:, 2].mean()))
    found = evaluate(s, ["attention_commutativity", "attention_to_equals"])
    assert list(found.values()) == pytest.approx(commutativity + equals)
    assert "attention_commutativity[head 2]" in found


def test_operands_that_are_treated_alike_have_commuting_attention():
    t = task("a+b")
    net = transformer(t)
    net.W_pos[1] = net.W_pos[0]
    found = evaluate(reading(t, net), ["attention_commutativity"])
    assert list(found.values()) == pytest.approx([0] * 3, abs=1e-12)
    net.W_pos[0] += 3 * net.W_K[1] @ net.W_Q[1].T @ (net.W_E[PRIME] + net.W_pos[2])
    found = evaluate(reading(t, net), ["attention_commutativity"])
    assert found["attention_commutativity[head 1]"] > 0.1


@pytest.mark.parametrize(
    ("formula", "wave", "part"),
    [
        ("a+b", lambda: frequencies(PRIME)["frequency 4"][1], "frequency"),
        ("a*b", lambda: characters()["character 2"][0], "character"),
    ],
)
def test_a_head_that_follows_one_wave_is_explained_by_it(formula, wave, part):
    t = task(formula)
    net = transformer(t)
    query = net.W_E[PRIME] + net.W_pos[2]
    towards = net.W_K[0] @ net.W_Q[0].T @ query  # x @ towards is the score of head 0
    f = wave()
    free = net.W_E[:PRIME] - torch.outer(net.W_E[:PRIME] @ towards, towards) / towards.norm() ** 2
    net.W_E[:PRIME] = free + 2 * torch.outer(f, towards) / towards.norm() ** 2
    found = evaluate(reading(t, net), ["attention_fve"])
    assert found["attention_fve[head 0]"] == pytest.approx(1)
    assert found["attention_fve[head 1]"] < 0.9


def test_networks_without_attention_have_none():
    t = task("a+b", 7)
    s = reading(t, make_model("mlp", {}, t, 0).requires_grad_(False))
    for name in ("attention_commutativity", "attention_to_equals", "attention_fve"):
        with pytest.raises(NotApplicable, match="no activation `pattern`"):
            evaluate(s, [name])
    t = task("a/b", 7)
    s = reading(t, transformer(t))
    evaluate(s, ["attention_to_equals"])
    with pytest.raises(NotApplicable, match="every pair"):
        evaluate(s, ["attention_fve"])


# Key parts, by each rule


def waves_of(keys: Sequence[int], p: int, weights: Sequence[float] = ()) -> Tensor:
    x = torch.arange(p, dtype=torch.float64) * 2 * math.pi / p
    scale = weights or [1.0] * len(keys)
    columns = [
        A * f(k * x) for k, A in zip(keys, scale, strict=True) for f in (torch.cos, torch.sin)
    ]
    return torch.stack(columns, dim=1)


def test_each_rule_finds_what_was_planted_for_it():
    t, p = task("a+b", 23), 23
    c = torch.arange(p)
    d = (t.answers[:, None] - c).double() * 2 * math.pi / p
    logits = 9 * torch.cos(2 * d) + 9 * torch.cos(5 * d)
    a, b = (x.double() * 2 * math.pi / p for x in t.inputs.unbind(dim=1))
    hidden = torch.stack([torch.cos(3 * a) * torch.cos(3 * b), torch.cos(7 * b) + 1], dim=1)
    ab = waves_of([4, 6, 9], p, [1, 0.3, 0.2])  # the last is below a quarter
    W = waves_of([8, 10], p, [1, 0.2])
    s = reading(t, Unrectified(logits, hidden, ab=ab, c=W))
    assert key_sets(s) == {
        "logits": ("frequency 2", "frequency 5"),
        "neurons": ("frequency 3", "frequency 7"),
        "embedding": ("frequency 4", "frequency 6"),
        "output": ("frequency 8",),
        "similarity": ("frequency 2", "frequency 5"),
    }
    assert evaluate(s, ["key_count"]) == {
        "key_count[logits]": 2,
        "key_count[neurons]": 2,
        "key_count[embedding]": 2,
        "key_count[output]": 1,
        "key_count[similarity]": 2,
    }


def test_a_sine_alone_makes_a_frequency_key_in_the_embedding():
    t = task("a+b", 23)
    ab = waves_of([4, 6], 23)
    ab[:, 2] = 0  # the cosine of 6
    s = reading(t, Planted(torch.zeros(529, 23), ab=ab))
    assert RULES["embedding"](s) == ("frequency 4", "frequency 6")


def test_separate_embeddings_each_add_their_key_parts():
    t = task("a+b", 23)
    s = reading(t, Planted(torch.zeros(529, 23), a=waves_of([4], 23), b=waves_of([6], 23)))
    assert set(RULES["embedding"](s)) == {"frequency 4", "frequency 6"}


def test_the_share_of_a_key_part_is_one_percent_of_the_centred_logits():
    t, p = task("a+b", 23), 23
    d = (t.answers[:, None] - torch.arange(p)).double() * 2 * math.pi / p
    bias = 50 * torch.linspace(0, 1, p, dtype=torch.float64)
    by_input = 50 * noise(p * p, 1)
    for share, is_key in ((0.0099, False), (0.0101, True)):
        amplitude = math.sqrt(share / (1 - share))
        L = torch.cos(3 * d) + amplitude * torch.cos(7 * d) + bias + by_input
        keys = key_parts(reading(t, Planted(L)))
        assert ("frequency 7" in keys.names) == is_key
        assert keys.shares["frequency 7"] == pytest.approx(share)
        assert sum(keys.shares.values()) == pytest.approx(1)


def test_similarity_takes_what_follows_the_character_and_not_its_negative():
    t, p = task("a+b", 23), 23
    d = (t.answers[:, None] - torch.arange(p)).double() * 2 * math.pi / p
    s = reading(t, Planted(torch.cos(3 * d) - torch.cos(7 * d) + torch.sin(5 * d)))
    assert RULES["similarity"](s) == ("frequency 3",)
    assert set(RULES["logits"](s)) == {"frequency 3", "frequency 5", "frequency 7"}
    found = evaluate(s, ["logit_similarity", "logit_fve"])
    assert found["logit_similarity[frequency 3]"] == pytest.approx(1 / math.sqrt(3))
    assert found["logit_similarity[frequency 7]"] == pytest.approx(-1 / math.sqrt(3))
    assert found["logit_similarity[frequency 5]"] == pytest.approx(0, abs=1e-12)
    assert found["logit_fve[keys]"] == pytest.approx(2 / 3)


def test_the_gap_is_that_of_the_smallest_key_over_the_largest_other():
    t, p = task("a+b", 23), 23
    d = (t.answers[:, None] - torch.arange(p)).double() * 2 * math.pi / p
    L = torch.cos(3 * d) + 0.5 * torch.cos(7 * d) + 0.05 * torch.cos(9 * d)
    found = evaluate(reading(t, Planted(L)), ["key_gap", "key_count"])
    assert found["key_gap"] == pytest.approx((0.5 / 0.05) ** 2)
    assert found["key_count[logits]"] == 2


def projector(group, name: str) -> Tensor:
    Q = isotypic(group).parts[name]
    return Q @ Q.T


def test_the_gap_is_for_its_dimension_where_parts_are_of_unequal_size():
    # S4: a part of 9 dimensions holds nine times what one of 1 does at the same strength, and is no
    # better told apart for that
    t = make_task("composition", {"group": "S4"})
    g = t.group
    assert g is not None
    strength = {"standard": 1.0, "standard sign": 0.02, "(2,2)": 0.02, "sign": 0.02}
    M = sum((A * projector(g, name) for name, A in strength.items()), torch.zeros(24, 24).double())
    s = reading(t, Planted(M[t.answers]))
    keys = key_parts(s)
    assert keys.names == ("standard",)
    assert keys.gap == pytest.approx(0.02**-2)
    # all alike: the sign, one dimension, is below 1 % only by its size, and so the gap is 1
    large = make_task("composition", {"group": "S5"})
    assert large.group is not None
    everything = torch.eye(120, dtype=torch.float64)
    keys = key_parts(reading(large, Planted(everything[large.answers])))
    assert "sign" not in keys.names
    assert keys.gap == pytest.approx(1)


def test_noise_has_a_gap_near_one_whatever_the_sizes_of_the_parts():
    t = make_task("composition", {"group": "S5"})
    gaps = []
    for seed in range(4):
        keys = key_parts(reading(t, Planted(noise(120, 120, seed=seed)[t.answers])))
        gaps += [] if keys.gap is None else [keys.gap]
    assert len(gaps) >= 2, "the sign is above 1 % by luck alone"
    assert all(0.5 < gap < 2 for gap in gaps)


def test_without_keys_or_without_others_there_is_no_gap():
    t = task("a+b", 23)
    one_hot = torch.eye(23, dtype=torch.float64)[t.answers]
    for logits in (one_hot, torch.zeros(529, 23)):
        with pytest.raises(NotApplicable, match="no gap"):
            evaluate(reading(t, Planted(logits)), ["key_gap"])


def test_where_no_rule_applies_there_is_nothing_to_count():
    t = task("a**2+a*b+b**2", 7)
    with pytest.raises(NotApplicable, match="no rule for key parts"):
        evaluate(reading(t, Planted(noise(49, 7))), ["key_count"])
