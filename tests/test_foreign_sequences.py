"""Nanda et al.'s networks of long sequences are imported as they ran them, which fed the last token
too, or refused by the true reason."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign import import_network, sources
from grokscope.measures.measure import evaluate
from grokscope.models.sequence import Sequence
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.tasks import make_task
from tests.layouts import State, imported, nandas, weights, write

SHARED = Path(__file__).parents[2] / "shared/checkpoints/nanda/induction_head_infinite.pth"
COPIES = {"seq_len": 17, "subseq_len": 4, "num_repeats": 3}
WIDE = {"d_model": 12, "n_heads": 2, "d_mlp": 20}
HEADS = {"d_model": 12, "n_heads": 3, "n_layers": 2, "attention_only": True}


@dataclass(frozen=True)
class Form:
    """A task, the sizes of a network of it, how many tokens it is fed beyond those that ours
    reads, and what was saved beside it."""

    task: tuple[str, dict[str, Any]]
    sizes: dict[str, Any]
    more: int = 0
    record: dict[str, Any] = field(default_factory=dict)


FORMS = {
    "sums": Form(("digit_addition", {"digits": 2}), WIDE, 1),
    "sums, without the last digit": Form(("digit_addition", {"digits": 3}), WIDE),
    "copies": Form(
        ("repeated_subsequence", {"symbols": 9, "length": 17, "size": 4, "repeats": 3}),
        HEADS, 1, {"data_config": COPIES},
    ),
    "a trigram": Form(
        ("skip_trigram", {"keys": 3, "fillers": 4, "length": 7}), {**WIDE, "n_layers": 2}
    ),
}  # fmt: skip


def theirs(form: Form) -> tuple[Task, Sequence, State]:
    """A network that is fed so many tokens more, and its state under their names."""
    task = make_task(*form.task)
    length = task.inputs.shape[1] + form.more
    torch.manual_seed(4)
    args = (task.n_symbols, task.n_answers, length, 1, task.n_read + form.more)
    network = Sequence(*args, **form.sizes).double().requires_grad_(False)
    state = nandas(weights(network), form.sizes.get("n_layers", 1))
    return task, network, state


def saved(form: Form, **changes: Any) -> dict[str, Any]:
    return {"net.pth": {"model": theirs(form)[2], **form.record, **changes}}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_network_answers_as_when_it_is_fed_the_last_token_too(form: Form, tmp_path: Path):
    task, network, state = theirs(form)
    path = write(tmp_path, {"net.pth": {"model": state, **form.record}})
    (source,) = sources(path)
    found = import_network(source, tmp_path / "out")
    spec, rows = found.run.spec, task.inputs[:40]
    assert (spec.task, spec.task_args, spec.model) == (*form.task, "sequence")
    fed = torch.cat([rows, torch.ones(len(rows), form.more, dtype=rows.dtype)], dim=1)
    logits = network(fed).view(len(rows), -1, task.n_answers)[:, : task.n_read]
    ours = found.run.model()(rows).view(logits.shape)
    torch.testing.assert_close(ours, logits, atol=1e-10, rtol=0)
    left_off = f"position {task.inputs.shape[1]} is left off: nothing is asked of that last token"
    assert [note for note in found.notes if "left off" in note] == [left_off] * form.more
    assert ("task" in spec.assumed) == (spec.task == "skip_trigram")


def moments(form: Form, last: float) -> dict[str, Any]:
    """What an optimiser keeps of W_pos, whose last row had such a gradient."""
    state = theirs(form)[2]
    kept = torch.ones_like(state["pos_embed.W_pos"])
    kept[-1] = last
    return {"optimizer": {"state": {list(state).index("pos_embed.W_pos"): {"exp_avg_sq": kept}}}}


def test_a_row_that_the_optimiser_never_moved_is_said_to_be_so(tmp_path):
    form = FORMS["copies"]
    run = write(tmp_path, saved(form, **moments(form, 0.0)))
    (source,) = sources(run)
    notes = import_network(source, tmp_path / "out").notes
    assert any("its optimiser never had a gradient for it" in note for note in notes)


def test_losses_of_rows_that_were_new_at_each_step_are_kept(tmp_path, call):
    form, losses = FORMS["copies"], [2.2, 1.5, 0.7]
    data = {"data_config": COPIES | {"is_finite": False}, "train_losses": losses}
    (source,) = sources(write(tmp_path, saved(form, **data)))
    found = import_network(source, tmp_path / "out")
    assert [row["train_loss"] for row in found.run.rows] == losses
    assert any("of these rows it was shown none" in note for note in found.notes)
    assert call("show", found.run.folder).code == 0


def uncausal(state: State) -> State:
    return {k: torch.ones_like(x) if k.endswith("mask") else x for k, x in state.items()}


def test_a_network_that_is_none_of_these_is_refused_by_its_reason(tmp_path):
    copies = FORMS["copies"]
    state = theirs(copies)[2]
    fewer: Tensor = state["unembed.W_U"][:, :8].clone()
    rows = {
        "nothing says their sizes. Put a JSON with seq_len": {"model": state},
        "17 positions, and its configuration says seq_len = 30": {
            "model": state, "data_config": COPIES | {"seq_len": 30},
        },
        "attn.mask is not causal": {"model": uncausal(state), **copies.record},
        "its optimiser moved position 16, on which no answer": {
            "model": state, **copies.record, **moments(copies, 1e-9),
        },
        "9 tokens and its output 8 classes: these are of no sums": {
            "model": state | {"unembed.W_U": fewer},
        },
    }  # fmt: skip
    for i, (reason, content) in enumerate(rows.items()):
        path = write(tmp_path / str(i), {"net.pth": content})
        with pytest.raises(BadInput, match=reason) as refusal:
            imported(path, tmp_path / "out")
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not SHARED.exists(), reason="needs the published checkpoints")
def test_the_published_network_of_repeated_subsequences(tmp_path):
    """Their rows are others (`tasks/sequences.py`); on these the last 50 losses are .3035."""
    (source,) = sources(SHARED)
    found = import_network(source, tmp_path)
    assert found.run.steps == [6000]
    assert sum(row["train_loss"] for row in found.run.rows[-50:]) / 50 == pytest.approx(
        0.3035, abs=1e-4
    )
    assert "position 84 is left off" in found.notes[0]
    assert "never had a gradient" in found.notes[0]
    measured = evaluate(Snapshot.of(found.run), ["all_accuracy", "all_loss"])
    assert measured["all_accuracy"] == pytest.approx(0.5504, abs=2e-4)
    assert measured["all_loss"] == pytest.approx(2.9555, abs=1e-3)
