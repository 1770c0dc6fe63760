"""The loop: one network and many, what it writes, when it stops."""

from dataclasses import replace

import pytest
import torch

from grokscope.spec import Spec
from grokscope.training import train as train_module
from grokscope.training.run import Run, find_folders
from grokscope.training.train import train

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


@pytest.mark.parametrize("formulation", ["fast", "last", "reference"])
@pytest.mark.parametrize("base", [SMALL, MLP], ids=["transformer", "mlp"])
def test_a_member_of_a_batch_equals_the_same_spec_alone(tmp_path, base, formulation):
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


def test_members_that_do_not_fit_into_memory_train_in_turns(tmp_path, monkeypatch):
    specs = [replace(MLP, seed=k) for k in range(5)]
    expected = train(specs, tmp_path / "at once")
    run = expected[0]
    each = train_module.memory_needed(run, run.new_model())
    monkeypatch.setattr(train_module, "free_memory", lambda device: 4 * each)
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


def test_a_small_network_groks(tmp_path):
    spec = Spec(
        task_args={"p": 29}, model_args={"d_model": 64, "d_mlp": 128}, train_fraction=0.6,
        lr=1e-2, steps=3000, stop_after_grok=0, eval_every=20,
    )  # fmt: skip
    run = train(spec, tmp_path)
    assert run.events.stop == "grokked"
    assert run.events.delay is not None
    assert run.events.delay > 0


def test_a_group_is_grokked_too(tmp_path):
    spec = Spec(
        task="composition", task_args={"group": "S4"}, model="mlp", train_fraction=0.6, lr=1e-2,
        weight_decay=2.0, steps=4000, stop_after_grok=0, eval_every=50, give_up_after=3900,
    )  # fmt: skip
    run = train(spec, tmp_path)
    assert run.events.t_grok is not None
