"""The loop: one network and many, what it writes, when it stops."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from grokscope.errors import BadInput, RewriteError, StorageError
from grokscope.models import MODELS
from grokscope.models.mlp import MLP as MLPNetwork
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tap import no_tap
from grokscope.training import member
from grokscope.training import train as train_module
from grokscope.training.run import Run, find_folders
from grokscope.training.train import train
from tests.faults.selection import quick

SMALL = Spec(
    task_args={"p": 11},
    model_args={"d_model": 16, "n_heads": 2, "d_mlp": 24},
    train_fraction=0.5,
    lr=5e-3,
    steps=50,
    eval_every=10,
    checkpoint_every=25,
    precision="float64",
)
MLP = replace(SMALL, model="mlp", model_args={"d_embed": 12, "d_mlp": 20})

VARIANTS = [
    {},
    {"seed": 1},
    {"split_seed": 5, "train_fraction": 0.3},
    {"lr": 1e-2, "weight_decay": 0.0},
    {"label_noise": 1.0, "label_seed": 3, "betas": (0.8, 0.95)},
    {"split": "unordered", "warmup": 0},
    {"task": "a*b"},
    {"steps": 20},
]


def weights(run: Run, step: int) -> torch.Tensor:
    return torch.cat([w.flatten() for w in run.model(step).parameters()])


@pytest.mark.parametrize(
    ("model", "formulation"),
    quick(product(["transformer", "mlp"], ["fast", "last", "reference"]), every=4),
)
def test_a_member_of_a_batch_equals_the_same_spec_alone(tmp_path, model, formulation):
    base = {"transformer": SMALL, "mlp": MLP}[model]
    specs = [replace(base, formulation=formulation, **v) for v in VARIANTS]
    together = train(specs, tmp_path / "together")
    for spec, run in zip(specs, together, strict=True):
        alone = train(spec, tmp_path / "alone")
        assert run.steps == alone.steps
        assert run.steps[-1] == spec.steps
        difference = weights(run, spec.steps) - weights(alone, spec.steps)
        assert difference.abs().max() < 1e-9
        for row, other in zip(run.rows, alone.rows, strict=True):
            assert {k: v for k, v in row.items() if k != "seconds"} == pytest.approx(
                {k: v for k, v in other.items() if k != "seconds"}, abs=1e-9
            )


def test_specs_that_differ_in_their_seeds_alone_are_checked_once(tmp_path, monkeypatch):
    checked = []
    monkeypatch.setattr(train_module, "check", lambda run, device: checked.append(run.spec))
    specs = [replace(MLP, seed=k, steps=10) for k in range(3)]
    train([*specs, replace(specs[0], lr=2e-3)], tmp_path)
    assert checked == [specs[0], replace(specs[0], lr=2e-3)]


def test_every_evaluation_is_looked_at_once(tmp_path, monkeypatch):
    looked_at = []

    class Counted(member.Finding):
        def add(self, row):
            looked_at.append(row["step"])
            super().add(row)

    monkeypatch.setattr(member, "Finding", Counted)
    train(replace(MLP, steps=10, eval_every=1), tmp_path)
    assert looked_at == list(range(11))


def test_members_that_do_not_fit_into_memory_train_in_turns(tmp_path, monkeypatch):
    specs = [replace(MLP, seed=k) for k in range(5)]
    expected = train(specs, tmp_path / "at once")
    run = expected[0]
    of_two = train_module.training(run, run.new_model()).of(2) + 1
    free = 1 + int(of_two / train_module.SHARE_OF_MEMORY)
    monkeypatch.setattr(train_module, "free_memory", lambda device: free)
    sizes = []
    together = train_module._train_together

    def counted(members, *args):
        sizes.append(len(members))
        together(members, *args)

    monkeypatch.setattr(train_module, "_train_together", counted)
    for one, other in zip(train(specs, tmp_path / "in turns"), expected, strict=True):
        assert (weights(one, 50) - weights(other, 50)).abs().max() < 1e-9
    assert sizes == [2, 2, 1]


def test_fast_and_plain_training_agree_for_fifty_steps(tmp_path):
    fast = train(SMALL, tmp_path)
    plain = train(replace(SMALL, formulation="reference"), tmp_path)
    assert (weights(fast, 50) - weights(plain, 50)).abs().max() < 1e-9


def test_training_follows_torchs_own_loop(tmp_path):
    run = train(SMALL, tmp_path)
    model = run.new_model()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=SMALL.lr, betas=SMALL.betas, weight_decay=1
    )
    inputs, answers = run.task.inputs[run.is_train], run.task.answers[run.is_train]
    for step in range(50):
        optimizer.param_groups[0]["lr"] = SMALL.lr * min(step / 10, 1)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), answers).backward()
        optimizer.step()
    own = torch.cat([w.detach().flatten() for w in model.parameters()])
    assert (weights(run, 50) - own).abs().max() < 1e-9


def test_the_same_spec_gives_the_same_weights(tmp_path):
    spec = replace(SMALL, precision="float32")
    one, two = (train(spec, tmp_path / name) for name in "ab")
    assert torch.equal(weights(one, 50), weights(two, 50))
    assert one.spec.id == two.spec.id


def test_a_run_has_its_files_and_reads_them_back(tmp_path):
    run = train(SMALL, tmp_path)
    assert run.steps == [0, 1, 2, 4, 8, 16, 25, 32, 50]
    assert {f.name for f in run.folder.iterdir() if not f.name.startswith(("step-", "."))} == {
        "spec.json", "metrics.jsonl", "resume.safetensors"
    }  # fmt: skip
    again = Run.open(run.folder)
    assert again.spec == SMALL
    assert again.is_finished
    assert [r["step"] for r in again.rows] == [0, 10, 20, 30, 40, 50]
    assert again.metrics["step"].to_list() == [0, 10, 20, 30, 40, 50]
    assert find_folders(tmp_path) == [run.folder]
    initial = torch.cat([w.detach().flatten() for w in run.new_model().parameters()])
    assert torch.equal(weights(run, 0), initial)


def test_the_evaluation_is_that_of_the_plain_model(tmp_path):
    run = train(replace(SMALL, label_noise=0.2), tmp_path)
    logits = run.model(50)(run.task.inputs)
    last = run.rows[-1]
    for part, here, answers in (
        ("train", run.is_train, run.taught),
        ("test", ~run.is_train, run.task.answers),
    ):
        loss = torch.nn.functional.cross_entropy(logits[here], answers[here])
        right = (logits[here].argmax(1) == answers[here]).double().mean()
        assert last[f"{part}_loss"] == pytest.approx(loss.item(), abs=1e-10)
        assert last[f"{part}_accuracy"] == pytest.approx(right.item())
    assert last["sum_of_squares"] == pytest.approx(weights(run, 50).square().sum().item())


def test_label_noise_is_memorised_and_never_generalises(tmp_path):
    spec = replace(
        MLP, label_noise=1.0, steps=1500, lr=1e-2, weight_decay=0.1, precision="float32",
        model_args={}, eval_every=50, stop_after_grok=0, give_up_after=500,
    )  # fmt: skip
    run = train(spec, tmp_path)
    assert run.events.t_memorize is not None
    assert run.events.t_grok is None
    assert run.events.stop == "hopeless"
    assert run.rows[-1]["step"] == run.events.t_memorize + 500
    assert run.rows[-1]["test_accuracy"] < 0.3


def test_each_member_stops_by_its_own_rules(tmp_path):
    specs = [replace(MLP, steps=s, seed=k) for k, s in enumerate((10, 30, 50))]
    runs = train(specs, tmp_path)
    assert [run.rows[-1]["step"] for run in runs] == [10, 30, 50]
    assert [run.steps[-1] for run in runs] == [10, 30, 50]


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    run = train(replace(MLP, lr=1e200, steps=1000), tmp_path)
    assert run.events.stop == "diverged"
    assert run.rows[-1]["step"] < 1000


def test_duplicates_in_a_list_are_trained_once(tmp_path):
    runs = train([MLP, MLP], tmp_path)
    assert runs[0].folder == runs[1].folder
    assert len(find_folders(tmp_path)) == 1


def test_small_networks_grok(tmp_path):
    base = Spec(
        model="mlp", task_args={"p": 31}, train_fraction=0.8, lr=0.02, weight_decay=2.0, steps=400,
        stop_after_grok=0, eval_every=20,
    )  # fmt: skip
    runs = train([replace(base, seed=seed) for seed in range(3)], tmp_path)
    delays = [run.events.delay for run in runs if run.events.stop == "grokked"]
    assert len(delays) >= 2  # rounding decides when: these do within 160 to 220 steps
    assert all(delay is not None and delay > 0 for delay in delays)


def test_a_group_is_grokked_too(tmp_path):
    spec = Spec(
        task="composition", task_args={"group": "S4"}, model="mlp", train_fraction=0.6, lr=1e-2,
        weight_decay=2.0, steps=4000, stop_after_grok=0, eval_every=50, give_up_after=3900,
    )  # fmt: skip
    run = train(spec, tmp_path)
    assert run.events.t_grok is not None


class Powered(MLPNetwork):
    """An MLP whose hidden layer is raised to a power that no weight's shape shows."""

    fold = Model.fold  # pyright: ignore[reportAssignmentType]

    def __init__(self, n_symbols: int, n_answers: int, power: int = 1):
        super().__init__(n_symbols, n_answers, d_embed=8, d_mlp=12)
        self.power = power

    def forward(self, inputs, tap=no_tap):
        a, b = inputs.unbind(dim=1)
        h = (torch.cat([self.W_x[a], self.W_y[b]], dim=1) @ self.W).relu() ** self.power
        return tap("logits", tap("mlp_post", h) @ self.W_U)


def test_members_that_differ_in_what_no_shape_shows_are_not_mixed_up(tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "powered", Powered)
    specs = [replace(MLP, model="powered", model_args={"power": k}) for k in (1, 2)]
    for spec, run in zip(specs, train(specs, tmp_path / "together"), strict=True):
        alone = train(spec, tmp_path / "alone")
        assert run.rows[0]["train_loss"] == pytest.approx(alone.rows[0]["train_loss"], abs=1e-9)
        assert (weights(run, 50) - weights(alone, 50)).abs().max() < 1e-9


class Misfolded(MLPNetwork):
    """An MLP that takes one symbol for another when it folds."""

    def __init__(self, n_symbols: int, n_answers: int, d_embed: int = 8):
        super().__init__(n_symbols, n_answers, d_embed=d_embed, d_mlp=12)

    def fold(self, inputs):
        return super().fold(inputs.clamp(min=1))


def test_a_wrong_fold_is_refused_before_training_and_not_used_by_the_reference(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(MODELS, "misfolded", Misfolded)
    spec = replace(MLP, model="misfolded", model_args={})
    with pytest.raises(RewriteError):
        train([MLP, spec], tmp_path)
    assert not list(tmp_path.iterdir())
    run = train(replace(spec, formulation="reference"), tmp_path)
    logits = run.model(50)(run.task.inputs)[run.is_train]
    loss = torch.nn.functional.cross_entropy(logits, run.task.answers[run.is_train])
    assert run.rows[-1]["train_loss"] == pytest.approx(loss.item(), abs=1e-10)
    with pytest.raises(RewriteError):
        _ = Snapshot.of(run).logits


class Buffered(MLPNetwork):
    """An MLP with a tensor that is no weight."""

    def __init__(self, n_symbols: int, n_answers: int, d_embed: int = 8):
        super().__init__(n_symbols, n_answers, d_embed=d_embed, d_mlp=12)
        self.register_buffer("mask", torch.ones(3))


class Frozen(MLPNetwork):
    """An MLP whose output is not to be trained."""

    def __init__(self, n_symbols: int, n_answers: int, d_embed: int = 8):
        super().__init__(n_symbols, n_answers, d_embed=d_embed, d_mlp=12)
        self.W_U.requires_grad_(False)


@pytest.mark.parametrize(
    ("kind", "why"), [(Buffered, "has the buffer mask"), (Frozen, "freezes W_U")]
)
def test_what_training_would_lose_is_refused(kind, why, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "kind", kind)
    with pytest.raises(BadInput, match=why):
        train(replace(MLP, model="kind", model_args={}), tmp_path)


def test_a_model_too_large_for_memory_is_refused_before_it_is_made(tmp_path):
    with pytest.raises(BadInput, match=r"needs about [\d,.]+ GB of memory on cpu"):
        train(replace(SMALL, model_args={"d_model": 10**6, "d_mlp": 10**6}), tmp_path)


def test_the_folder_of_another_spec_is_refused(tmp_path):
    run = train(MLP, tmp_path)
    other = replace(MLP, lr=1e-2)
    run.folder.rename(tmp_path / other.id)
    with pytest.raises(StorageError, match="holds the run of another spec"):
        train(other, tmp_path)


def test_checkpoints_after_the_state_that_is_resumed_are_dropped(tmp_path):
    run = train(MLP, tmp_path)
    run.checkpoint(50).rename(run.checkpoint(900))  # as if a longer try had been here
    again = train(MLP, tmp_path)
    assert again.steps[-1] == 50
    assert again.is_finished
