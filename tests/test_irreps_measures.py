"""Chughtai's measures of irreps against plain definitions, closed forms and published networks."""

import math
from dataclasses import replace

import polars as pl
import pytest
import torch

from grokscope.algebra.irreps import irreps
from grokscope.algebra.splits import isotypic
from grokscope.errors import NotApplicable
from grokscope.measures.characters import logit_similarity
from grokscope.measures.irreps import order_of_learning
from grokscope.measures.key_rules import by_neurons, by_similarity, published_keys
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import chosen, evaluate
from grokscope.models import make_model
from grokscope.models.mlp import MLP
from grokscope.models.model import Model
from grokscope.models.transformer import Transformer
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.task import Task
from grokscope.tasks import make_task
from tests.published import CHECKPOINTS, chughtai


class UnfoldedMLP(MLP):
    """Read through its tap alone."""

    fold = Model.fold  # pyright: ignore[reportAssignmentType]


class UnfoldedTransformer(Transformer):
    """The same."""

    fold = Model.fold  # pyright: ignore[reportAssignmentType]


class Hidden(Model):
    """A network whose hidden layer is a given table."""

    def __init__(self, hidden, W_U):
        super().__init__()
        self.hidden, self.W_U, self.n_answers = hidden, W_U, W_U.shape[1]

    def forward(self, inputs, tap=no_tap):
        return tap("logits", tap("mlp_post", self.hidden) @ self.W_U)

    def symbol_weights(self):
        return {}


def product_in(name: str, **args) -> Task:
    return make_task("composition", {"group": name, **args})


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SMALL = {
    "mlp": {"d_embed": 6, "d_mlp": 10},
    "transformer": {"d_model": 8, "d_mlp": 10, "n_heads": 2},
    "linear": {"d_model": 8},
}


def snapshot(task: Task, model: str, keys: tuple[str, ...] | None = None) -> Snapshot:
    net = make_model(model, SMALL[model], task, 1).double()
    with torch.no_grad():
        for i, w in enumerate(net.parameters()):
            w += 0.3 * noise(*w.shape, seed=i)
    return Snapshot(task, task.is_train(0.5, 0), net.requires_grad_(False), keys=keys)


def unfolded(s: Snapshot) -> Snapshot:
    """The same network, without its fold."""
    if isinstance(s.model, MLP):
        model = UnfoldedMLP(24, 24, 6, 10)
    else:
        model = UnfoldedTransformer(24, 24, 8, 2, 10)
    model.double().load_state_dict(s.model.state_dict())
    return replace(s, model=model.requires_grad_(False))


def bases(task: Task) -> dict[str, torch.Tensor]:
    """Q_ρ as Chughtai et al. have it: QR of the matrix elements; in S_n all are of real type."""
    assert task.group is not None
    elements = {rho.name: rho.matrices.flatten(start_dim=1) for rho in irreps(task.group)}
    return {name: torch.linalg.qr(x)[0] for name, x in elements.items()}


# Each measure as Chughtai et al. define it, over all pairs and by the matrix elements

KEYS = ("sign", "standard")


def power(s: Snapshot) -> dict[str, float]:
    return {
        f"power[{weight}: {part}]": float((Q.T @ W).square().sum() / W.square().sum())
        for weight, W in s.model.symbol_weights().items()
        for part, Q in bases(s.task).items()
    }


def irrep_fve_keys(s: Snapshot) -> dict[str, float]:
    return {
        f"irrep_fve_keys[{weight}]": sum(power(s)[f"power[{weight}: {key}]"] for key in KEYS)
        for weight in s.model.symbol_weights()
    }


def fve_along(s: Snapshot, *elements: torch.Tensor) -> dict[str, float]:
    """The share of the hidden layer in functions of each of these elements, for each key."""
    centred = s.mlp_post - s.mlp_post.mean(dim=0)
    root = math.sqrt(s.task.n_symbols)
    shares = {
        key: sum(float((Q[x].T @ centred / root).square().sum()) for x in elements)
        / float(centred.square().sum())
        for key, Q in bases(s.task).items()
        if key in KEYS
    }
    return shares | {"keys": sum(shares.values())}


def hidden_fve(s: Snapshot) -> dict[str, float]:
    shares = fve_along(s, *s.task.inputs.unbind(dim=1), s.task.answers)
    return {f"hidden_fve[{key}]": share for key, share in shares.items()}


def hidden_fve_product(s: Snapshot) -> dict[str, float]:
    shares = fve_along(s, s.task.answers)
    return {f"hidden_fve_product[{key}]": share for key, share in shares.items()}


def kept_hidden(s: Snapshot) -> torch.Tensor:
    """The hidden layer's component along the key parts of the product."""
    Q = torch.cat([bases(s.task)[key] for key in KEYS], dim=1)[s.task.answers]
    return Q @ (Q.T @ s.mlp_post) / s.task.n_symbols


def restricted_loss_hidden(s: Snapshot) -> dict[str, float]:
    logits = s.logits + (kept_hidden(s) - s.mlp_post) @ linear_map(s.model)
    loss = torch.nn.functional.cross_entropy(logits, s.task.answers)
    return {"restricted_loss_hidden": float(loss)}


def excluded_loss_hidden_train(s: Snapshot) -> dict[str, float]:
    logits = (s.logits - kept_hidden(s) @ linear_map(s.model))[s.is_train]
    loss = torch.nn.functional.cross_entropy(logits, s.task.answers[s.is_train])
    return {"excluded_loss_hidden_train": float(loss)}


DEFINITIONS = [
    power,
    irrep_fve_keys,
    hidden_fve,
    hidden_fve_product,
    restricted_loss_hidden,
    excluded_loss_hidden_train,
]
ALL = [definition.__name__ for definition in DEFINITIONS]


@pytest.mark.parametrize("definition", DEFINITIONS, ids=ALL)
@pytest.mark.parametrize("model", ["mlp", "transformer"])
@pytest.mark.parametrize("name", ["S3", "S4"])
def test_a_measure_equals_its_definition(name, model, definition):
    s = snapshot(product_in(name), model, KEYS)
    measured = evaluate(s, [definition.__name__])
    expected = definition(s)
    assert {key: measured[key] for key in expected} == pytest.approx(expected)


def linear_map(model: Model) -> torch.Tensor:
    if isinstance(model, MLP):
        return model.W_U
    assert isinstance(model, Transformer)
    return (model.W_out @ model.W_U)[:, : model.n_answers]


@pytest.mark.parametrize("model", ["mlp", "transformer"])
def test_the_fold_and_the_tap_give_the_same_losses(model):
    s = snapshot(product_in("S4"), model, ("sign", "standard"))
    names = ["restricted_loss_hidden", "excluded_loss_hidden_train"]
    assert evaluate(s, names) == pytest.approx(evaluate(unfolded(s), names), rel=1e-10)


@pytest.mark.parametrize(("model", "is_same"), [("mlp", True), ("transformer", False)])
def test_where_neurons_alone_reach_the_logits_excluding_in_either_is_the_same(model, is_same):
    names = ["excluded_loss_sum_train", "excluded_loss_hidden_train"]
    a, b = evaluate(snapshot(product_in("S4"), model, ("standard",)), names).values()
    assert (a == pytest.approx(b, rel=1e-10)) == is_same


@pytest.fixture(scope="module")
def of_two_irreps() -> Snapshot:
    """A hidden layer of sign and standard alone, with squared norms 60 and 9·90."""
    task = product_in("S4")
    assert task.group is not None
    Q = isotypic(task.group).parts
    hidden = torch.cat([math.sqrt(w) * Q[name] for name, w in (("sign", 60), ("standard", 90))], 1)
    return Snapshot(task, task.is_train(0.5, 0), Hidden(hidden[task.answers], hidden.T))


def test_the_logits_of_two_irreps_have_the_closed_form(of_two_irreps):
    # Σ w d/|G| χ(ab c⁻¹), with d = 1 and 3, and characters of equal norm
    sign, standard = 60 / math.hypot(60, 270), 270 / math.hypot(60, 270)
    assert logit_similarity(of_two_irreps) == pytest.approx(
        {"(2,2)": 0, "standard sign": 0, "sign": sign, "standard": standard}, abs=1e-12
    )
    assert set(key_parts(of_two_irreps).names) == {"sign", "standard"}


def test_the_hidden_layer_of_two_irreps_has_the_closed_form(of_two_irreps):
    shares = {"sign": 60 / (60 + 9 * 90), "standard": 9 * 90 / (60 + 9 * 90), "keys": 1}
    for name in ("hidden_fve", "hidden_fve_product"):
        expected = {f"{name}[{part}]": share for part, share in shares.items()}
        assert evaluate(of_two_irreps, [name]) == pytest.approx(expected)
    losses = evaluate(of_two_irreps, ["restricted_loss_hidden", "all_loss"])
    assert losses["restricted_loss_hidden"] == pytest.approx(losses["all_loss"])
    assert evaluate(of_two_irreps, ["excluded_loss_hidden_train"]) == pytest.approx(
        {"excluded_loss_hidden_train": math.log(24)}
    )


def test_an_untrained_network_is_at_chance():
    task = product_in("S4")
    net = make_model("mlp", {}, task, 0).requires_grad_(False)
    s = Snapshot(task, task.is_train(0.4, 0), net, keys=("standard",))
    measured = evaluate(s, ALL)
    for weight in "abc":
        assert measured[f"irrep_fve_keys[{weight}]"] == pytest.approx(9 / 24, abs=0.05)
    assert measured["hidden_fve[standard]"] == pytest.approx(0.85 * 9 / 24, abs=0.05)
    assert measured["hidden_fve_product[standard]"] == pytest.approx(0.15 * 9 / 24**2, rel=0.4)
    for name in ("restricted_loss_hidden", "excluded_loss_hidden_train"):
        assert measured[name] == pytest.approx(math.log(24), abs=0.5)


@pytest.mark.parametrize("name", ["S4", "D5"])
def test_an_inner_automorphism_changes_nothing(name):
    task = product_in(name)
    g = task.group
    assert g is not None
    x = g.generators[-1]
    to = g.table[g.table[g.inverse[x]], x]  # x⁻¹gx
    keys = tuple(isotypic(g).names[1:3])
    s = snapshot(task, "mlp", keys)
    w = s.model.state_dict()
    moved = {"W_x": w["W_x"][to], "W_y": w["W_y"][to], "W": w["W"], "W_U": w["W_U"][:, to]}
    model = MLP(g.order, g.order, 6, 10).double().requires_grad_(False)
    model.load_state_dict(moved)
    a, b = task.inputs.unbind(dim=1)
    is_train = s.is_train[to[a] * g.order + to[b]]
    names = [*ALL, "logit_similarity"]
    other = evaluate(Snapshot(task, is_train, model, keys=keys), names)
    assert evaluate(s, names) == pytest.approx(other, abs=1e-10)


def test_frequencies_are_the_irreps_of_addition():
    sums = evaluate(snapshot(make_task("a+b", {"p": 12}), "mlp", ("frequency 2",)), ALL)
    products = evaluate(snapshot(product_in("C12"), "mlp", ("frequency 2",)), ALL)
    assert sums == pytest.approx(products)


@pytest.mark.parametrize("name", chosen("irreps"))
def test_without_a_group_there_are_no_irreps(name):
    s = snapshot(make_task("a*b", {"p": 9}), "mlp")
    with pytest.raises(NotApplicable, match="not a product in a group"):
        evaluate(s, [name])


def test_functions_of_the_operands_need_every_pair():
    s = snapshot(make_task("a/b", {"p": 7}), "mlp", ("character 1",))
    with pytest.raises(NotApplicable, match="every pair of operands"):
        evaluate(s, ["hidden_fve"])
    assert evaluate(s, ["hidden_fve_product", "restricted_loss_hidden"])


def test_parts_are_listed_in_the_order_in_which_they_were_learned():
    table = pl.DataFrame(
        {
            "step": [0, 10, 20],
            "logit_similarity[standard]": [0.0, 0.05, 0.7],
            "logit_similarity[sign]": [None, 0.2, 0.01],
            "logit_similarity[(2,2)]": [0.0, 0.01, -0.9],
            "logit_fve[sign]": [1.0, 1.0, 1.0],
        }
    )
    assert order_of_learning(table) == [("sign", 10), ("standard", 20)]
    with pytest.raises(NotApplicable, match="trace"):
        order_of_learning(table.select("step"))


needs = pytest.mark.skipif(not (CHECKPOINTS / "groups").exists(), reason="no published networks")


def published(run: str, name: str, fraction: float, seed: int) -> Snapshot:
    task = product_in(name, elements="chughtai2023")
    return Snapshot(task, task.is_train(fraction, seed), chughtai(run))


PUBLISHED = {
    "S5_MLP_seed2": (
        ("S5", 0.4, 2),
        {
            "all_accuracy": 1,
            "test_loss": pytest.approx(2.943e-6, rel=1e-3),
            "logit_similarity[sign]": pytest.approx(0.5090, abs=1e-4),
            "logit_similarity[standard]": pytest.approx(0.7674, abs=1e-4),
            "logit_fve[keys]": pytest.approx(0.848, abs=5e-4),
            "irrep_fve_keys[a]": pytest.approx(1, abs=1e-6),
            "irrep_fve_keys[b]": pytest.approx(1, abs=1e-6),
            "irrep_fve_keys[c]": pytest.approx(0.9405, abs=1e-4),
            "hidden_fve[keys]": pytest.approx(0.8888, abs=1e-4),
            "hidden_fve_product[keys]": pytest.approx(0.1297, abs=1e-4),
            "restricted_loss_hidden": pytest.approx(7.08e-7, rel=2e-3),
            "excluded_loss_hidden_train": pytest.approx(7.59, abs=6e-3),
        },
    ),
    "S5_MLP_hidden_dim_32_seed8": (
        ("S5", 0.4, 8),
        {
            "all_accuracy": pytest.approx(0.125, abs=5e-4),
            "test_accuracy": pytest.approx(0.0036, abs=5e-5),
            "test_loss": pytest.approx(8.967, rel=1e-3),
            "logit_fve[all parts]": pytest.approx(0.002, abs=5e-4),
        },
    ),
    "C113_MLP_seed2": (
        ("C113", 0.3, 2),
        {
            "all_accuracy": 1,
            "test_loss": pytest.approx(5.891e-6, rel=1e-3),
            "logit_similarity[frequency 25]": pytest.approx(0.522, abs=1e-3),
            "logit_similarity[frequency 24]": pytest.approx(0.498, abs=1e-3),
            "logit_similarity[frequency 22]": pytest.approx(0.485, abs=1e-3),
            "logit_similarity[frequency 36]": pytest.approx(0.332, abs=1e-3),
            "logit_similarity[frequency 7]": pytest.approx(0.329, abs=1e-3),
        },
    ),
}


@needs
@pytest.mark.parametrize(("run", "row"), PUBLISHED.items(), ids=PUBLISHED)
def test_a_network_of_chughtai_has_its_published_numbers(run, row):
    of, expected = row
    measured = evaluate(published(run, *of), sorted({name.partition("[")[0] for name in expected}))
    assert {name: measured[name] for name in expected} == expected


@needs
def test_the_key_parts_of_chughtai_are_their_published_ones():
    s = published("S5_MLP_seed2", "S5", 0.4, 2)
    assert key_parts(s).names == by_similarity(s) == ("sign", "standard")
    assert published_keys(s) == ("sign", "standard")
    s = published("C113_MLP_seed2", "C113", 0.3, 2)
    frequencies = [7, 14, 22, 24, 25, 30, 36, 41, 44, 48, 50]
    assert by_similarity(s) == tuple(f"frequency {k}" for k in frequencies)
    ordered = sorted(logit_similarity(s), key=logit_similarity(s).__getitem__, reverse=True)
    assert ordered[:5] == [f"frequency {k}" for k in (25, 24, 22, 36, 7)]


@pytest.mark.parametrize(
    ("model", "rule"), [("mlp", by_similarity), ("transformer", by_neurons), ("linear", None)]
)
def test_the_published_rule_for_key_parts_is_that_of_the_network(model, rule):
    s = snapshot(make_task("a+b", {"p": 7}), model)
    assert published_keys(s) == (None if rule is None else rule(s))
