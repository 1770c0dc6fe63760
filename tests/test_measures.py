"""Measures against their plain definitions, over all p² inputs, and against closed forms."""

import math
from dataclasses import replace

import pytest
import torch

from grokscope.algebra.splits import fourier
from grokscope.errors import NotApplicable, UnknownName
from grokscope.measures import MEASURES, trace
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import applicable, evaluate
from grokscope.measures.neurons import neuron_parts
from grokscope.measures.restricted import component, excluded_losses, other_parts
from grokscope.measures.spectra import spectrum
from grokscope.measures.weights import gini_coefficient
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tap import no_tap
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.training.loss import cross_entropy
from grokscope.training.train import train


class Planted(Model):
    """A network whose logits and hidden layer are given tables."""

    def __init__(self, logits, hidden=None, embedding=None):
        super().__init__()
        self.n_answers = logits.shape[1]
        self.logits = logits
        self.hidden = logits if hidden is None else hidden
        self.embedding = embedding

    def forward(self, inputs, tap=no_tap):
        tap("mlp_post", self.hidden)
        return tap("logits", self.logits)

    def symbol_weights(self):
        return {} if self.embedding is None else {"ab": self.embedding, "c": self.embedding}


def cosines(task: Task, waves: dict[int, float]) -> torch.Tensor:
    """Σ amplitude · cos w_k(a + b - c)."""
    p = task.n_answers
    d = (task.answers[:, None] - torch.arange(p, dtype=torch.float64)) * 2 * math.pi / p
    total = torch.zeros_like(d)
    for k, amplitude in waves.items():
        total = total + amplitude * torch.cos(k * d)
    return total


def snapshot(p: int = 11, seed: int = 0, model: str = "transformer", **args) -> Snapshot:
    task = make_task("a+b", {"p": p})
    net = make_model(model, args, task, seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in net.parameters():
            w += 0.2 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    return Snapshot(task, task.is_train(0.4, seed), net.requires_grad_(False))


def plain_component(logits, p, k):
    """P_k L by vectors over all p² inputs: Nanda et al.'s sum directions."""
    a = torch.arange(p, dtype=torch.float64)
    s = (a[:, None] + a).flatten() * 2 * math.pi * k / p
    c, sine = (math.sqrt(2) / p * f(s) for f in (torch.cos, torch.sin))
    return c[:, None] * (c @ logits) + sine[:, None] * (sine @ logits)


def plain_losses(s: Snapshot, keys: list[int]):
    p, answers = s.task.n_answers, s.task.answers
    with torch.no_grad():
        logits = s.model(s.task.inputs)[:, :p]
    ce = torch.nn.functional.cross_entropy
    parts = [plain_component(logits, p, k) for k in keys]
    here = s.is_train
    restricted = ce(sum(parts) + logits.mean(0), answers)
    each = [ce((logits - P)[here], answers[here]).item() for P in parts]
    full = ce((logits - sum(parts))[here], answers[here])
    return restricted.item(), each, full.item(), ce(logits[here], answers[here]).item()


@pytest.mark.parametrize(
    ("p", "model", "args", "keys"),
    [
        (113, "transformer", {}, [3, 17, 56]),
        (11, "transformer", {"d_model": 8, "d_mlp": 12}, [1, 5]),
        (12, "mlp", {"d_embed": 8, "d_mlp": 12}, [2, 5]),
    ],
)
def test_restricted_and_excluded_losses_equal_their_definitions(p, model, args, keys):
    s = replace(snapshot(p, model=model, **args), keys=tuple(f"frequency {k}" for k in keys))
    restricted, each, full, train_loss = plain_losses(s, keys)
    found = evaluate(
        s,
        [
            "restricted_loss_sum",
            "excluded_loss_sum_train_by_key",
            "excluded_loss_sum_train",
            "train_loss",
        ],
    )
    assert found["restricted_loss_sum[all]"] == pytest.approx(restricted, abs=1e-10)
    assert found["excluded_loss_sum_train"] == pytest.approx(full, abs=1e-10)
    assert found["train_loss"] == pytest.approx(train_loss, abs=1e-10)
    for k, value in zip(keys, each, strict=True):
        name = f"excluded_loss_sum_train_by_key[frequency {k}]"
        assert found[name] == pytest.approx(value, abs=1e-10)


def test_excluded_losses_where_exponentials_would_underflow():
    generator = torch.Generator().manual_seed(0)
    answers = torch.arange(7)
    for scale in (1.0, 400.0):
        logits = scale * torch.randn(7, 7, generator=generator, dtype=torch.float64)
        T = scale * torch.randn(7, 7, generator=generator, dtype=torch.float64)
        plain = torch.nn.functional.cross_entropy(logits - T, answers).item()
        (found,) = excluded_losses(logits, answers, answers, T[None])
        assert found == pytest.approx(plain, rel=1e-12)


def test_a_sum_of_cosines_is_kept_and_removed_by_its_frequencies():
    task = make_task("a+b", {"p": 23})
    waves = {3: 9.0, 7: 9.0, 10: 9.0}
    s = Snapshot(task, task.is_train(0.4, 0), Planted(cosines(task, waves)))
    keys = key_parts(s)
    assert set(keys.names) == {f"frequency {k}" for k in waves}
    assert keys.explained == pytest.approx(1)
    assert (keys.gap or 0) > 1e6
    names = ["restricted_loss_sum", "train_loss", "excluded_loss_sum_train"]
    names += ["excluded_loss_sum_train_by_key", "excluded_loss_sum_train_control"]
    found = evaluate(s, names)
    whole = torch.nn.functional.cross_entropy(cosines(task, waves)[:1], task.answers[:1]).item()
    rest = cosines(task, {7: 9.0, 10: 9.0})
    without = torch.nn.functional.cross_entropy(rest[:1], task.answers[:1]).item()
    assert found["restricted_loss_sum[all]"] == pytest.approx(whole)
    assert found["train_loss"] == pytest.approx(whole)
    assert found["excluded_loss_sum_train"] == pytest.approx(math.log(23))
    assert found["excluded_loss_sum_train_by_key[frequency 3]"] == pytest.approx(without)
    assert found["excluded_loss_sum_train_control"] == pytest.approx(whole)


def test_a_lookup_table_has_every_part_as_a_key_and_no_gap():
    task = make_task("a+b", {"p": 23})
    one_hot = torch.eye(23, dtype=torch.float64)[task.answers]
    keys = key_parts(Snapshot(task, task.is_train(0.4, 0), Planted(one_hot)))
    assert len(keys.names) == 11
    assert max(keys.shares.values()) == pytest.approx(1 / 11)


def test_noise_has_no_key_parts():
    task = make_task("a+b", {"p": 113})
    noise = torch.randn(113**2, 113, generator=torch.Generator().manual_seed(0))
    s = Snapshot(task, task.is_train(0.4, 0), Planted(noise))
    assert key_parts(s).names == ()
    with pytest.raises(NotApplicable, match="no part holds"):
        MEASURES["restricted_loss_sum"](s)


def test_the_fold_does_not_change_what_is_read():
    s = snapshot(11, d_model=8, d_mlp=12)
    with torch.no_grad():
        logits = s.model(s.task.inputs)[:, :11]
    assert torch.allclose(s.logits, logits)
    assert torch.allclose(s.train_logits, logits[s.is_train])
    means = torch.stack([logits[s.task.answers == c].mean(0) for c in range(11)])
    assert torch.allclose(s.mean_logits, means)
    assert torch.allclose(s.mlp_post, s.activations["mlp_post"][:, -1])


def test_neurons_follow_the_frequency_they_were_made_of():
    task = make_task("a+b", {"p": 17})
    a, b = (x.double() * 2 * math.pi / 17 for x in task.inputs.unbind(1))
    noise = torch.randn(len(a), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hidden = torch.stack(
        [
            torch.cos(2 * a) + 1,  # of a alone
            torch.cos(3 * a) * torch.sin(3 * b) + 5,  # a product
            torch.cos(4 * (a + b)) + torch.cos(4 * a) - torch.sin(4 * b),
            torch.cos(2 * a) + torch.cos(5 * b),  # of two, half each
            torch.zeros_like(a),  # dead
            noise,
        ],
        dim=1,
    )
    names, shares = neuron_parts(Snapshot(task, task.is_train(0.4, 0), Planted(hidden, hidden)))
    best = [names[i] for i in shares.argmax(0)[:3]]
    assert best == ["frequency 2", "frequency 3", "frequency 4"]
    assert shares.amax(0)[:3].tolist() == pytest.approx([1, 1, 1])
    assert shares[:, 3].sort().values[-2:].tolist() == pytest.approx([0.5, 0.5])
    assert shares[:, 4].tolist() == [0] * 8
    assert float(shares[:, 5].max()) < 0.2  # chance: 8 of 288 dimensions


def test_neuron_frequencies_equal_the_published_loop():
    # Nanda et al.: the eight terms of one frequency in the 2D transform of the centred neuron
    s = snapshot(11, d_model=8, d_mlp=6)
    names, shares = neuron_parts(s)
    F = fourier(11).basis
    post = s.mlp_post.view(11, 11, -1)
    for m in range(6):
        transform = F.T @ (post[..., m] - post[..., m].mean()) @ F
        for k in range(1, 6):
            block = [0, 2 * k - 1, 2 * k]
            energy = transform[block][:, block].square().sum() / transform.square().sum()
            assert float(shares[names.index(f"frequency {k}"), m]) == pytest.approx(energy.item())


def test_gini_of_equal_numbers_is_0_and_of_one_alone_nearly_1():
    assert gini_coefficient(torch.ones(10)) == pytest.approx(0)
    alone = torch.zeros(10)
    alone[3] = 2.0
    assert gini_coefficient(alone) == pytest.approx(0.9)


def test_spectrum_shares_sum_to_one_and_find_the_planted_frequency():
    task = make_task("a+b", {"p": 13})
    x = torch.arange(13, dtype=torch.float64) * 2 * math.pi / 13
    embedding = torch.stack([torch.cos(5 * x), torch.sin(5 * x), 0 * x + 0.1], dim=1)
    s = Snapshot(task, task.is_train(0.4, 0), Planted(torch.zeros(169, 13), embedding=embedding))
    shares = spectrum(s, "ab")
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["frequency 5"] == pytest.approx(1 / 1.01)


def test_tasks_without_a_group_keep_the_measures_that_apply():
    task = make_task("a**2+a*b+b**2", {"p": 11})
    s = Snapshot(task, task.is_train(0.4, 0), make_model("mlp", {}, task, 0).requires_grad_(False))
    names = applicable(s)
    assert "gini" in names
    assert "restricted_loss_sum" not in names


def test_the_mirror_is_counted_apart():
    task = make_task("a+b", {"p": 23})
    is_train = task.is_train(0.4, 0)
    seen = is_train.view(23, 23)
    table = torch.eye(23, dtype=torch.float64)[task.answers]
    leaked = (seen | seen.T).flatten()
    table[~leaked] = 0
    table[~leaked, (task.answers[~leaked] + 1) % 23] = 1  # wrong where nothing was given away
    found = evaluate(Snapshot(task, is_train, Planted(table)), ["test_accuracy_by_mirror"])
    assert found == {
        "test_accuracy_by_mirror[mirror seen]": 1.0,
        "test_accuracy_by_mirror[mirror not seen]": 0.0,
    }


def test_a_trace_keeps_the_keys_of_the_last_checkpoint(tmp_path):
    spec = Spec(
        task_args={"p": 11}, model="mlp", model_args={"d_embed": 16, "d_mlp": 32}, lr=1e-2,
        train_fraction=0.8, steps=300, eval_every=50, checkpoint_every=50,
    )  # fmt: skip
    run = train(spec, tmp_path)
    told = []
    table = trace(run, ["excluded_loss_sum_train_by_key", "train_loss"], lambda *x: told.append(x))
    assert table["step"].to_list() == run.steps
    keys = key_parts(Snapshot.of(run)).names
    columns = {f"excluded_loss_sum_train_by_key[{k}]" for k in keys} | {"step", "train_loss"}
    assert set(table.columns) == columns
    assert told == [(i + 1, len(run.steps)) for i in range(len(run.steps))]  # the last is first
    own = evaluate(replace(Snapshot.of(run, 50), keys=keys), ["train_loss"])["train_loss"]
    assert table.filter(table["step"] == 50)["train_loss"][0] == pytest.approx(own)


@pytest.mark.parametrize("name", [k for k, m in MEASURES.items() if "grokscope" in m.__module__])
def test_every_measure_says_its_chance_level(name):
    text = " ".join((MEASURES[name].__doc__ or "").split())
    assert any(word in text for word in ("hance", "t the start", "ntrained", "andom", "control"))


def test_an_unknown_measure_names_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean `train_loss`"):
        evaluate(snapshot(5), ["train_los"])


def test_the_train_loss_is_that_of_the_answers_that_were_taught():
    s = snapshot(11, d_model=8, d_mlp=12)
    taught = (s.task.answers + 1) % 11
    noisy = replace(s, taught=taught, keys=("frequency 1",))
    with torch.no_grad():
        logits = s.model(s.task.inputs)[s.is_train, :11]
    plain = torch.nn.functional.cross_entropy(logits, taught[s.is_train]).item()
    found = evaluate(noisy, ["train_loss", "excluded_loss_sum_train"])
    assert found["train_loss"] == pytest.approx(plain)
    without = logits - plain_component(s.logits, 11, 1)[s.is_train]
    plain = torch.nn.functional.cross_entropy(without, taught[s.is_train]).item()
    assert found["excluded_loss_sum_train"] == pytest.approx(plain)


def test_the_control_removes_as_many_dimensions_as_the_key_parts_have():
    task = make_task("composition", {"group": "S4"})
    table = Planted(torch.eye(24, dtype=torch.float64)[task.answers])
    s = Snapshot(task, task.is_train(0.4, 0), table, keys=("sign", "(2,2)"))
    keys = component(s, ("sign", "(2,2)"))  # of the identity: the projection itself
    controls = [component(s, parts) for parts in other_parts(s)]
    assert torch.linalg.matrix_rank(keys) == 5
    assert len(controls) == 8
    for control in controls:  # the others have 9 dimensions each
        assert torch.linalg.matrix_rank(control) == 9
        assert (keys @ control).abs().max() < 1e-10  # and none of it is in the key parts

    def plain(T):
        removed = T[s.task.answers[s.is_train]]  # a product is an answer
        return float(cross_entropy(s.train_logits - removed, s.train_answers))

    found = evaluate(s, ["excluded_loss_sum_train", "excluded_loss_sum_train_control"])
    assert found["excluded_loss_sum_train"] == pytest.approx(plain(keys), abs=1e-12)
    controlled = max(map(plain, controls))
    assert found["excluded_loss_sum_train_control"] == pytest.approx(controlled, abs=1e-12)


def test_the_control_of_frequencies_removes_equally_many():
    keys = tuple(f"frequency {k}" for k in (3, 7, 11))
    s = replace(snapshot(29, d_model=8, d_mlp=12), keys=keys)
    choices = other_parts(s)
    assert {len(parts) for parts in choices} == {3}
    assert len(set(choices)) == 8
    assert not any(set(parts) & {*keys, "constant"} for parts in choices)


def test_where_no_basis_is_singled_out_there_is_no_gini():
    task = make_task("composition", {"group": "S4"})
    model = make_model("mlp", {}, task, 0).requires_grad_(False)
    s = Snapshot(task, task.is_train(0.4, 0), model)
    with pytest.raises(NotApplicable, match="no basis is singled out"):
        MEASURES["gini"](s)
