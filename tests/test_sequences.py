"""Sequences: the three tasks, the Transformer that reads them, training and readings on them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokscope.errors import BadInput, NotApplicable
from grokscope.measures import trace
from grokscope.measures.measure import applicable, evaluate
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.page.page import page
from grokscope.papers import EXPERIMENTS
from grokscope.reading.reading import read
from grokscope.reading.story import told
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.training.losses import LOSSES, Objective
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, check_rewrite, last, reference
from grokscope.training.train import train

SUMS = ("digit_addition", {"digits": 2, "samples": 60})
COPIES = ("repeated_subsequence", {"symbols": 5, "length": 17, "size": 4, "samples": 50})
KEYS = ("skip_trigram", {"keys": 3, "fillers": 4, "length": 6, "samples": 50})
NARROW = {"d_model": 12, "n_heads": 3}
LAYERED = {**NARROW, "d_mlp": 20}
CASES = {
    "sums": (SUMS, LAYERED),
    "sums-2": (SUMS, {**LAYERED, "n_layers": 2}),
    "copies": (COPIES, {**NARROW, "n_layers": 2, "attention_only": True}),
    "keys": (KEYS, {**NARROW, "attention_only": True}),
    "keys-3": (KEYS, {**LAYERED, "n_layers": 3}),
}


def said(reading) -> str:
    """All that is said of a run."""
    return " ".join(told(reading.facts))


def task_of(name: str) -> Task:
    return make_task(*CASES[name][0])


def small(name: str, seed: int = 3) -> Model:
    """A small float64 model with no zero among its weights, biases included."""
    model = make_model("sequence", CASES[name][1], task_of(name), seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in model.parameters():
            w += 0.3 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    return model


def spec_of(name: str, **changes) -> Spec:
    (task, task_args), args = CASES[name]
    base = Spec(
        task=task, task_args=task_args, model="sequence", model_args=args, train_fraction=0.5,
        lr=5e-3, steps=20, eval_every=10, checkpoint_every=20, precision="float64",
    )  # fmt: skip
    return replace(base, **changes)


def weights(run: Run) -> torch.Tensor:
    return torch.cat([w.flatten() for w in run.model().parameters()])


# The tasks


@pytest.mark.parametrize(
    ("digits", "samples", "count"), [(5, 300, 300), (2, 99, 99), (1, 500, 100)]
)
def test_sums_are_those_of_arithmetic_and_none_is_twice(digits, samples, count):
    task = make_task("digit_addition", {"digits": digits, "samples": samples})
    seen = set()
    for tokens, answers in zip(task.inputs.tolist(), task.answers.tolist(), strict=True):
        text = "".join("0123456789+="[t] for t in tokens)
        a, b = text[:digits], text[digits + 1 : 2 * digits + 1]
        total = f"{int(a) + int(b):0{digits + 1}}"
        assert text == f"{a}+{b}={total[:-1]}"  # each answer is shown before the next
        assert answers == [int(digit) for digit in total]
        seen.add((a, b))
    assert len(seen) == len(task.inputs) == count
    assert (task.n_symbols, task.n_answers, task.n_read) == (12, 10, digits + 1)


def test_a_subsequence_comes_again_at_the_end_and_before_it_anywhere():
    task = make_task("repeated_subsequence", {"samples": 200})
    assert task.inputs.shape == (200, 84)
    assert task.answers.shape == (200, 15)
    places = set()
    for inputs, answers in zip(task.inputs.tolist(), task.answers.tolist(), strict=True):
        row = [*inputs, answers[-1]]
        copy = row[-16:]
        assert answers == copy[1:]
        starts = [i for i in range(70) if row[i : i + 16] == copy]
        assert len(starts) == 3
        assert starts[1] - starts[0] >= 16
        assert starts[2] == 69 >= starts[1] + 16
        places.add(starts[0])
    assert len(places) > 20
    assert min(places) == 0


def test_copies_of_a_whole_row_stand_side_by_side():
    task = make_task("repeated_subsequence", {"length": 9, "size": 3, "samples": 20})
    rows = torch.cat([task.inputs, task.answers[:, -1:]], dim=1).view(20, 3, 3)
    assert torch.equal(rows, rows[:, :1].expand(20, 3, 3))


def test_a_skip_trigram_has_one_key_anywhere_before_its_last_token():
    task = make_task("skip_trigram", {"samples": 400})
    is_key = (task.inputs >= 10) & (task.inputs < 20)
    assert (is_key.sum(dim=1) == 1).all()
    assert torch.equal(task.inputs[is_key] - 10, task.answers)
    assert (task.inputs[:, -1] == 20).all()
    assert is_key.any(dim=0).tolist() == [True] * 19 + [False]
    assert (task.n_symbols, task.n_answers, task.n_read) == (21, 10, 1)


@pytest.mark.parametrize("name", ["sums", "copies", "keys"])
def test_a_sample_depends_on_its_seed_alone(name):
    task, args = CASES[name][0]
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, again, other = (make_task(task, {**args, "data_seed": k}) for k in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.inputs, again.inputs)
    assert torch.equal(one.answers, again.answers)
    assert not torch.equal(one.inputs, other.inputs)


def test_a_split_takes_whole_rows_and_noise_single_answers():
    task = make_task("digit_addition", {"samples": 2000})
    is_train = task.is_train(0.25, 0)
    assert is_train.shape == (2000,)
    assert int(is_train.sum()) == 500
    noisy = task.noisy_answers(0.3, 0)
    assert noisy.shape == task.answers.shape
    assert float((noisy != task.answers).double().mean()) == pytest.approx(0.27, abs=0.01)
    with pytest.raises(BadInput, match=r"has 17 symbols\. Choose split=ordered"):
        task.is_train(0.25, 0, "unordered")


def test_the_published_sizes():
    of = {name: EXPERIMENTS[f"nanda2023_{name}"].spec for name in ("addition", "induction")}
    shapes = {}
    for name, spec in of.items():
        run = Run.of(spec)
        shapes[name] = {k: tuple(w.shape) for k, w in run.new_model().named_parameters()}
        assert int(run.is_train.sum()) == {"addition": 700, "induction": 512}[name]
    assert shapes["addition"]["W_E"] == (12, 128)
    assert shapes["addition"]["W_pos"] == (17, 128)  # theirs 18: it feeds the last digit too
    assert shapes["addition"]["W_U"] == (128, 10)
    assert shapes["induction"] == {
        "W_E": (128, 48), "W_pos": (84, 48), "W_U": (48, 128), "W_O": (2, 4, 12, 48),
        **{f"W_{x}": (2, 4, 48, 12) for x in "QKV"},
    }  # fmt: skip


# The model


def sequence_by_hand(w, args, n_read, tokens):
    """Position by position and head by head; the logits of the last positions."""
    x = [w["W_E"][t] + w["W_pos"][i] for i, t in enumerate(tokens)]
    n_layers = args.get("n_layers", 1)
    for layer in range(n_layers):
        of = {k: v[layer] if n_layers > 1 and k not in ("W_E", "W_pos", "W_U") else v
              for k, v in w.items()}  # fmt: skip
        after = []
        for i, here in enumerate(x):
            out = here.copy()
            for h in range(len(of["W_Q"])):
                q = here @ of["W_Q"][h]
                e = np.exp([q @ (x[j] @ of["W_K"][h]) / math.sqrt(len(q)) for j in range(i + 1)])
                for j, share in enumerate(e / e.sum()):
                    out += share * (x[j] @ of["W_V"][h]) @ of["W_O"][h]
            if "W_in" in of:
                out += np.maximum(out @ of["W_in"] + of["b_in"], 0) @ of["W_out"] + of["b_out"]
            after.append(out)
        x = after
    return np.stack([here @ w["W_U"] for here in x[-n_read:]])


@pytest.mark.parametrize("name", CASES)
def test_both_ways_of_computing_the_model_equal_the_plain_one(name):
    task, model = task_of(name), small(name)
    w = {k: v.detach().numpy() for k, v in model.named_parameters()}
    rows = task.inputs[:12]
    by_hand = [sequence_by_hand(w, CASES[name][1], task.n_read, row) for row in rows.tolist()]
    expected = np.stack(by_hand).reshape(*task.answers[:12].shape, task.n_answers)
    assert model.fold(rows) is None
    for logits in (model(rows), model.last(rows)):
        assert logits.shape == expected.shape
        assert np.abs(logits.detach().numpy() - expected).max() < 1e-10


@pytest.mark.parametrize("name", CASES)
def test_no_answer_depends_on_what_comes_after_it(name):
    task, model = task_of(name), small(name)
    changed = task.inputs.clone()
    changed[:, -1] = (changed[:, -1] + 1) % task.n_symbols
    one, other = (model(x).view(len(changed), task.n_read, -1) for x in (task.inputs, changed))
    assert torch.equal(one[:, :-1], other[:, :-1])
    assert not torch.equal(one[:, -1], other[:, -1])


# Training


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["copies", "keys"])
def test_a_loss_is_the_mean_over_rows_and_answers_in_every_formulation(name, loss):
    task_name, args = CASES[name][0]
    task = make_task(task_name, {**args, "symbols" if name == "copies" else "keys": 2})
    models = [make_model("sequence", CASES[name][1], task, seed).double() for seed in (1, 2)]
    few = [Examples(task.inputs[:20], task.answers[:20]), Examples(task.inputs, task.answers)]
    objective = Objective(LOSSES[loss], temperature=2.0)
    check_rewrite(last, models[0], few[1], objective)
    found = []
    for formulation in (reference, last):
        stack = Stack(models, "cpu", torch.float64)
        losses = formulation(stack.template, few, "float64", objective)(stack)
        found.append(stack.grad.clone())
        for model, some, value in zip(models, few, losses, strict=True):
            logits = (model(some.inputs) / 2).view(-1, 2)
            expected = LOSSES[loss](logits, some.answers.flatten()).mean()
            assert abs(value - expected) < 1e-12
    assert (found[0] - found[1]).abs().max() < 1e-10 * found[0].abs().max()


@pytest.mark.parametrize("name", ["sums", "copies"])
def test_a_member_of_a_batch_equals_itself_alone(name, tmp_path):
    specs = [
        spec_of(name),
        spec_of(name, seed=1, train_fraction=0.3, label_noise=0.2),
        spec_of(name, seed=2, lr=1e-2, weight_decay=0.0),
    ]
    together = train(specs, tmp_path / "together")
    alone = train(specs[1], tmp_path / "alone")
    assert (weights(together[1]) - weights(alone)).abs().max() < 1e-9


def test_the_loop_scores_every_single_answer(tmp_path):
    run = train(spec_of("sums", label_noise=0.4), tmp_path)
    logits, taught = run.model()(run.task.inputs), run.taught
    is_right = logits.argmax(dim=2) == torch.where(run.is_train[:, None], taught, run.task.answers)
    losses = torch.nn.functional.cross_entropy(
        logits[~run.is_train].flatten(0, 1), run.task.answers[~run.is_train].flatten()
    )
    row = run.rows[-1]
    assert row["train_accuracy"] == pytest.approx(float(is_right[run.is_train].double().mean()))
    assert row["test_accuracy"] == pytest.approx(float(is_right[~run.is_train].double().mean()))
    assert row["test_loss"] == pytest.approx(float(losses))
    measured = evaluate(Snapshot.of(run), ["train_loss", "test_loss", "train_accuracy"])
    assert measured["train_loss"] == pytest.approx(row["train_loss"])
    assert measured["test_loss"] == pytest.approx(row["test_loss"])
    assert measured["train_accuracy"] == pytest.approx(row["train_accuracy"])


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path):
    def interrupt(run, row, events):
        if row["step"] == 10:
            raise KeyboardInterrupt

    whole = train(spec_of("sums"), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(spec_of("sums"), tmp_path / "halved", track=interrupt, save_every=0.0)
    halved = train(spec_of("sums"), tmp_path / "halved")
    assert torch.equal(weights(whole), weights(halved))
    assert [row["step"] for row in halved.rows] == [0, 10, 20]


# Readings


@pytest.mark.parametrize("name", ["sums", "keys"])
def test_a_run_is_read_by_what_has_a_meaning_for_it(name, tmp_path):
    run = train(spec_of(name), tmp_path)
    found = set(applicable(Snapshot.of(run)))
    of_gradients = {"commutator_defect", "gradient_noise"} if run.task.n_read == 1 else set()
    assert found - of_gradients == {
        "sum_of_squares", "sum_of_squares_by_weight", "nuclear_norm", "effective_rank",
        "train_loss", "test_loss", "all_loss", "train_accuracy", "test_accuracy", "all_accuracy",
        "margin", "softmax_collapse",
    }  # fmt: skip
    table = trace(run)
    assert table["test_loss"][-1] == pytest.approx(run.rows[-1]["test_loss"])
    reading = read(run)
    told = said(reading)
    assert f"an input is not a pair (a, b), but {run.task.inputs.shape[1]} symbols" in told
    assert (f"with {run.task.n_read} answers of its own" in told) == (run.task.n_read > 1)
    assert run.task.name in page(reading)


def test_the_margin_is_the_lead_of_each_right_answer():
    task, model = task_of("sums"), small("sums")
    is_train = task.is_train(0.5, 0)
    leads = []
    for logits, answers in zip(model(task.inputs).tolist(), task.answers.tolist(), strict=True):
        leads.append([x.pop(c) - max(x) for x, c in zip(logits, answers, strict=True)])
    found = evaluate(Snapshot(task, is_train, model), ["margin"])
    ours = np.array(leads)[is_train.numpy()]
    assert found["margin[train smallest]"] == pytest.approx(ours.min())
    assert found["margin[train mean]"] == pytest.approx(ours.mean())


def test_what_needs_pairs_says_so():
    task = task_of("sums")
    snapshot = Snapshot(task, task.is_train(0.5, 0), small("sums"))
    for name in ("attention_commutativity", "attention_to_equals", "restricted_loss_sum"):
        with pytest.raises(NotApplicable, match=r"pair \(a, b\)"):
            evaluate(snapshot, [name])


# The border


@pytest.mark.parametrize(
    ("task", "args", "why"),
    [
        (
            "digit_addition",
            {"digits": 0},
            "`task.digits` must be a whole number from 1 to 9, not 0",
        ),
        ("digit_addition", {"digits": 10}, ", not 10"),
        ("digit_addition", {"samples": 1}, "`task.samples` must be a whole number from 2 to "),
        ("digit_addition", {"samples": 10**6}, "to 58,823 .*, not 1000000"),
        (
            "digit_addition",
            {"data_seed": -1},
            "`task.data_seed` must be a whole number from 0 to .*, not -1",
        ),
        (
            "repeated_subsequence",
            {"size": 2},
            r"`task.size` must be a whole number from 3 to 28 \(so that 3 fit into 85\), not 2",
        ),
        ("repeated_subsequence", {"size": 29}, r"from 3 to 28 \(so that 3 fit into 85\), not 29"),
        (
            "repeated_subsequence",
            {"repeats": 1},
            "`task.repeats` must be a whole number from 2 to .*, not 1",
        ),
        ("repeated_subsequence", {"length": 5}, "`task.length` must be a whole number from 6 to "),
        ("repeated_subsequence", {"samples": 10**6}, "`task.samples` must be .*, not 1000000"),
        ("skip_trigram", {"keys": 1}, "`task.keys` must be a whole number from 2 "),
        ("skip_trigram", {"length": 2}, "`task.length` must be a whole number from 3 "),
        ("skip_trigram", {"fillers": 0}, "`task.fillers` must be a whole number from 1 "),
        ("skip_trigram", {"letters": 3}, r"no argument of task `skip_trigram` is called"),
    ],
)
def test_what_cannot_be_is_refused(task, args, why):
    with pytest.raises(BadInput, match=why):
        make_task(task, args)


@pytest.mark.parametrize(
    ("model", "task", "why"),
    [
        (
            "sequence",
            ("a+b", {"p": 7}),
            r"reads three symbols or more, .* has 2\. .*model=transformer",
        ),
        (
            "sequence",
            ("mixture", {"p": 7}),
            "has 3, one of them its operator. .* model=furuta for a mixture",
        ),
        ("transformer", SUMS, r"reads pairs \(a, b\), .* has 8 symbols. .* model=sequence for a"),
        ("paritymlp", COPIES, "gives one answer, and an input of .* has 3. Choose model=sequence"),
        ("furuta", SUMS, "gives one answer, and an input of .* has 3. Choose model=sequence"),
        ("furuta", KEYS, "an input of this task has 6 symbols"),
    ],
)
def test_a_model_refuses_a_task_that_it_cannot_read(model, task, why):
    with pytest.raises(BadInput, match=why):
        make_model(model, {}, make_task(*task), 0)


def test_answers_of_another_shape_are_refused():
    task = task_of("keys")
    with pytest.raises(BadInput, match=r"have the shape \(50, 1\). Give one for each input"):
        replace(task, answers=task.answers[:, None])
