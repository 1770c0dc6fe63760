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
from grokscope.measures.key_rules import by_similarity
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

ALL = ["power", "irrep_fve_keys", "hidden_fve", "hidden_fve_product",
       "restricted_loss_hidden", "excluded_loss_hidden_train"]  # fmt: skip


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
    found = {rho.name: rho.matrices.flatten(start_dim=1) for rho in irreps(task.group)}
    return {name: torch.linalg.qr(x)[0] for name, x in found.items()}


@pytest.mark.parametrize("model", ["mlp", "transformer"])
@pytest.mark.parametrize("name", ["S3", "S4"])
def test_every_measure_equals_its_definition_over_all_pairs(name, model):
    task, keys = product_in(name), ("sign", "standard")
    s, Q, n = snapshot(task, model, keys), bases(task), task.n_symbols
    found = evaluate(s, ALL)

    for weight, W in s.model.symbol_weights().items():
        for part, basis in Q.items():
            share = float((basis.T @ W).square().sum() / W.square().sum())
            assert found[f"power[{weight}: {part}]"] == pytest.approx(share)
        total = sum(found[f"power[{weight}: {key}]"] for key in keys)
        assert found[f"irrep_fve_keys[{weight}]"] == pytest.approx(total)

    a, b = task.inputs.unbind(dim=1)
    hidden = s.mlp_post
    centred = hidden - hidden.mean(dim=0)
    all_three, product = 0.0, 0.0
    for key in keys:
        shares = [
            float((Q[key][x].T @ centred / math.sqrt(n)).square().sum() / centred.square().sum())
            for x in (a, b, task.answers)
        ]
        assert found[f"hidden_fve[{key}]"] == pytest.approx(sum(shares))
        assert found[f"hidden_fve_product[{key}]"] == pytest.approx(shares[2])
        all_three, product = all_three + sum(shares), product + shares[2]
    assert found["hidden_fve[keys]"] == pytest.approx(all_three)
    assert found["hidden_fve_product[keys]"] == pytest.approx(product)

    kept = torch.zeros_like(hidden)
    for key in keys:
        of_product = Q[key][task.answers] / math.sqrt(n)
        kept += of_product @ (of_product.T @ hidden)
    direct = s.logits - hidden @ linear_map(s.model)
    ce = torch.nn.functional.cross_entropy
    restricted = ce(direct + kept @ linear_map(s.model), task.answers)
    excluded = (direct + (hidden - kept) @ linear_map(s.model))[s.is_train]
    assert found["restricted_loss_hidden"] == pytest.approx(float(restricted))
    assert found["excluded_loss_hidden_train"] == pytest.approx(
        float(ce(excluded, task.answers[s.is_train]))
    )


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


def test_where_neurons_alone_reach_the_logits_excluding_in_either_is_the_same():
    names = ["excluded_loss_sum_train", "excluded_loss_hidden_train"]
    for model, equal in (("mlp", True), ("transformer", False)):
        found = evaluate(snapshot(product_in("S4"), model, ("standard",)), names)
        a, b = found.values()
        assert (a == pytest.approx(b, rel=1e-10)) == equal


def test_a_hidden_layer_of_two_irreps_has_the_closed_forms():
    task = product_in("S4")
    assert task.group is not None
    Q = isotypic(task.group).parts
    weights = {"sign": 60.0, "standard": 90.0}
    hidden = torch.cat([math.sqrt(w) * Q[name] for name, w in weights.items()], dim=1)
    s = Snapshot(task, task.is_train(0.5, 0), Hidden(hidden[task.answers], hidden.T))
    # logits Σ w d/|G| χ(ab c⁻¹), with d = 1 and 3, and characters of equal norm
    similarity = {"sign": 60 / math.hypot(60, 270), "standard": 270 / math.hypot(60, 270)}
    assert logit_similarity(s) == pytest.approx(
        {"(2,2)": 0, "standard sign": 0, **similarity}, abs=1e-12
    )
    assert set(key_parts(s).names) == set(weights)
    found = evaluate(s, ["hidden_fve", "hidden_fve_product", "restricted_loss_hidden",
                         "excluded_loss_hidden_train", "all_loss"])  # fmt: skip
    for name in ("hidden_fve", "hidden_fve_product"):
        assert found[f"{name}[sign]"] == pytest.approx(60 / (60 + 9 * 90))
        assert found[f"{name}[standard]"] == pytest.approx(9 * 90 / (60 + 9 * 90))
        assert found[f"{name}[keys]"] == pytest.approx(1)
    assert found["restricted_loss_hidden"] == pytest.approx(found["all_loss"])
    assert found["excluded_loss_hidden_train"] == pytest.approx(math.log(24))


def test_an_untrained_network_is_at_chance():
    task = product_in("S4")
    net = make_model("mlp", {}, task, 0).requires_grad_(False)
    s = Snapshot(task, task.is_train(0.4, 0), net, keys=("standard",))
    found = evaluate(s, ALL)
    for weight in "abc":
        assert found[f"irrep_fve_keys[{weight}]"] == pytest.approx(9 / 24, abs=0.05)
    assert found["hidden_fve[standard]"] == pytest.approx(0.85 * 9 / 24, abs=0.05)
    assert found["hidden_fve_product[standard]"] == pytest.approx(0.15 * 9 / 24**2, rel=0.4)
    for name in ("restricted_loss_hidden", "excluded_loss_hidden_train"):
        assert found[name] == pytest.approx(math.log(24), abs=0.5)


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
    found = evaluate(snapshot(make_task("a+b", {"p": 12}), "mlp", ("frequency 2",)), ALL)
    other = evaluate(snapshot(product_in("C12"), "mlp", ("frequency 2",)), ALL)
    assert found == pytest.approx(other)


def test_without_a_group_there_are_no_irreps():
    s = snapshot(make_task("a*b", {"p": 9}), "mlp")
    for name in chosen("irreps"):
        with pytest.raises(NotApplicable, match="no product in a group"):
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


@needs
def test_the_main_network_of_chughtai_has_its_published_numbers():
    s = published("S5_MLP_seed2", "S5", 0.4, 2)
    assert key_parts(s).names == by_similarity(s) == ("sign", "standard")
    similarity = logit_similarity(s)
    assert similarity["sign"] == pytest.approx(0.5090, abs=1e-4)
    assert similarity["standard"] == pytest.approx(0.7674, abs=1e-4)
    found = evaluate(s, [*ALL, "test_loss", "all_accuracy", "logit_fve"])
    assert found["all_accuracy"] == 1
    assert found["test_loss"] == pytest.approx(2.943e-6, rel=1e-3)
    assert found["logit_fve[keys]"] == pytest.approx(0.848, abs=5e-4)
    assert found["irrep_fve_keys[a]"] == pytest.approx(1, abs=1e-6)
    assert found["irrep_fve_keys[b]"] == pytest.approx(1, abs=1e-6)
    assert found["irrep_fve_keys[c]"] == pytest.approx(0.9405, abs=1e-4)
    assert found["hidden_fve[keys]"] == pytest.approx(0.8888, abs=1e-4)
    assert found["hidden_fve_product[keys]"] == pytest.approx(0.1297, abs=1e-4)
    assert found["restricted_loss_hidden"] == pytest.approx(7.08e-7, rel=2e-3)
    assert found["excluded_loss_hidden_train"] == pytest.approx(7.59, abs=6e-3)


@needs
def test_a_memoriser_of_chughtai_has_its_published_numbers():
    s = published("S5_MLP_hidden_dim_32_seed8", "S5", 0.4, 8)
    found = evaluate(s, ["all_accuracy", "test_accuracy", "test_loss", "logit_fve"])
    assert found["all_accuracy"] == pytest.approx(0.125, abs=5e-4)
    assert found["test_accuracy"] == pytest.approx(0.0036, abs=5e-5)
    assert found["test_loss"] == pytest.approx(8.967, rel=1e-3)
    assert found["logit_fve[all parts]"] == pytest.approx(0.002, abs=5e-4)


@needs
def test_the_network_of_chughtai_for_addition_has_its_published_numbers():
    s = published("C113_MLP_seed2", "C113", 0.3, 2)
    found = evaluate(s, ["all_accuracy", "test_loss"])
    assert found["all_accuracy"] == 1
    assert found["test_loss"] == pytest.approx(5.891e-6, rel=1e-3)
    largest = {25: 0.522, 24: 0.498, 22: 0.485, 36: 0.332, 7: 0.329}
    similarity = sorted(logit_similarity(s).items(), key=lambda x: -x[1])[:5]
    assert dict(similarity) == pytest.approx(
        {f"frequency {k}": x for k, x in largest.items()}, abs=1e-3
    )
    published_keys = [7, 14, 22, 24, 25, 30, 36, 41, 44, 48, 50]
    assert by_similarity(s) == tuple(f"frequency {k}" for k in published_keys)
