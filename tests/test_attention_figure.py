"""What the heads attend to, as the page shows it: that of the network at every checkpoint, uniform
attention as uniform."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from grokscope.models.transformer import Transformer
from grokscope.page.contents import contents
from grokscope.page.figures.attention import FIGURE, facts
from grokscope.page.page import write_page
from grokscope.page.stacks import LEVELS
from grokscope.reading import attention as module
from grokscope.reading.attention import attention, chance
from grokscope.reading.pictures import Pictures
from grokscope.reading.reading import Reading, read
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.train import train
from tests.browser import unpacked

P = 11
SMALL = Spec(
    task_args={"p": P}, model_args={"d_model": 16, "n_heads": 2, "d_mlp": 32}, train_fraction=0.5,
    lr=1e-2, steps=20, eval_every=10, checkpoint_every=10,
)  # fmt: skip
FURUTA = replace(SMALL, model="furuta")
SPECS = {
    "transformer": SMALL,
    "transformer without attention": replace(
        SMALL, model_args={**SMALL.model_args, "attention_rate": 0}
    ),
    "transformer half uniform": replace(
        SMALL, model_args={**SMALL.model_args, "attention_rate": 0.5}
    ),
    "two layers": replace(SMALL, model_args={**SMALL.model_args, "n_layers": 2}),
    "pizza": replace(SMALL, model="pizza", model_args={"d_model": 16, "n_heads": 2}),
    "pizza without attention": replace(
        SMALL, model="pizza", model_args={"d_model": 16, "n_heads": 2, "attention_rate": 0}
    ),
    "power": replace(SMALL, model="power", model_args={"d_model": 16, "n_heads": 2}),
    "mixture": replace(FURUTA, task="mixture", task_args={"formulas": "a+b,a*b", "p": 5}),
    "division": replace(SMALL, task="a/b"),
    "sequence": replace(
        SMALL,
        task="skip_trigram",
        task_args={"keys": 3, "fillers": 3, "length": 6, "samples": 300},
        model="sequence",
    ),
    "sums": replace(
        SMALL,
        task="digit_addition",
        task_args={"digits": 1},
        model="sequence",
        model_args={**SMALL.model_args, "n_layers": 2},
    ),
    "mlp": replace(SMALL, model="mlp", model_args={"d_embed": 8, "d_mlp": 16}),
}


@pytest.fixture(scope="module")
def reading(tmp_path_factory) -> Callable[[str], Reading]:
    """A run that is read once; `attention` needs no more of the others than their checkpoints."""
    out = tmp_path_factory.mktemp("runs")

    @cache
    def whole(kind: str) -> Reading:
        return read(train(SPECS[kind], out))

    @cache
    def of(kind: str, is_whole: bool = False) -> Reading:
        if is_whole:
            return whole(kind)
        run = train(SPECS[kind], out)
        return replace(whole("mlp"), run=run, snapshot=Snapshot.of(run))

    return of


Seen = tuple[dict[str, Any], dict[str, np.ndarray]]


def seen(r: Reading, steps: list[int]) -> Seen:
    """The facts of the figure, and its pictures as the page unpacks them."""
    found = facts(Pictures(r, steps))
    assert found is not None
    return found["attention"], {name: unpacked(x) for name, x in found["stacks"].items()}


def true_pattern(r: Reading, step: int) -> np.ndarray:
    """To each position from the last layer's only query, head by head."""
    return Snapshot.of(r.run, step).activation("pattern")[:, :, -1].transpose(0, 1).numpy()


@pytest.mark.parametrize("kind", ["transformer", "transformer without attention"])
def test_two_scores_make_a_heads_attention_at_every_checkpoint(kind, reading):
    r = reading(kind)
    about, pictures = seen(r, r.run.steps)
    assert about["kind"] == "symbols"
    assert about["frames"] == r.run.steps
    n = len(about["heads"])
    scores = (pictures["attention"] + pictures["attention rest"]).reshape(-1, n, 2, P)
    scores = scores + np.array(about["levels"])[..., None]
    a, b = np.exp(scores[:, :, 0, :, None]), np.exp(scores[:, :, 1, None])
    for i, step in enumerate(r.run.steps):
        true = true_pattern(r, step)
        assert np.allclose((a / (a + b + 1))[i].reshape(n, -1), true[..., 0], atol=1e-4)
        assert np.allclose(about["means"][i], true.mean(axis=1), atol=1e-4)


@pytest.mark.parametrize(
    "kind", ["pizza", "transformer half uniform", "two layers", "division", "power", "mixture"]
)
def test_elsewhere_maps_hold_the_attention_to_a(kind, reading):
    r = reading(kind)
    about, pictures = seen(r, r.run.steps)
    assert about["kind"] == "pairs"
    maps = pictures["attention"]
    s = r.snapshot
    n, heads = s.task.n_symbols, len(about["heads"])
    maps = maps.reshape(len(about["frames"]), heads, s.task.n_operators, n, n)
    a, b = s.task.inputs[:, 0].numpy(), s.task.inputs[:, 1].numpy()
    operator = s.task.inputs[:, 2].numpy() if s.task.operators else 0 * a
    true = true_pattern(r, r.run.steps[-1])
    assert len(about["positions"]) == true.shape[2]
    for i, step in enumerate(about["frames"]):
        true = true_pattern(r, step)
        last = maps[i][-len(true) :]
        assert np.allclose(last[:, operator, a, b], true[..., 0], atol=0.6 / LEVELS)
        assert np.allclose(about["means"][i][-len(true) :], true.mean(axis=1), atol=1e-4)
    assert np.isnan(maps).sum() == maps.size - len(about["frames"]) * heads * len(a)


@pytest.mark.parametrize("kind", ["two layers", "power"])
def test_earlier_layers_are_read_at_the_same_position(kind, reading):
    r = reading(kind)
    about, pictures = seen(r, r.run.steps)
    assert about["heads"][0] == "layer 0, head 0"
    assert len(about["heads"]) == 4
    true = r.snapshot.activation("layer0.pattern")[:, :, 2].transpose(0, 1).numpy()  # of "="
    maps = pictures["attention"][-1].reshape(4, P, P)[:2]
    assert np.allclose(maps.reshape(2, -1), true[..., 0], atol=0.6 / LEVELS)


def test_no_more_maps_are_kept_than_there_is_room_for(reading, monkeypatch):
    r = reading("pizza")
    monkeypatch.setattr(module, "MOST_CELLS", 2 * 2 * P * P)
    about, pictures = seen(r, r.run.steps)
    assert about["frames"] == [r.run.steps[0], r.run.steps[-1]]
    assert len(pictures["attention"]) == 2
    told = FIGURE.caption(r.facts, {"attention": about, "frames": r.run.steps})
    assert "nearest of 2 checkpoints" in told


def test_uniform_attention_is_shown_as_uniform(reading):
    r = reading("transformer without attention")
    about, pictures = seen(r, r.run.steps)
    assert np.allclose(about["means"], 1 / 3, atol=1e-5)
    assert not pictures["attention"].any()
    assert "chance" not in about
    r = reading("pizza without attention")
    about, pictures = seen(r, r.run.steps)
    assert not about["sums"]
    assert (pictures["attention"] == 1).all()


def planted(r: Reading, frequency: int, monkeypatch) -> Reading:
    """Head 0 is drawn to a symbol by one wave of it, head 1 to all alike."""
    model = Transformer(P, P, d_model=16, n_heads=2, d_mlp=32).requires_grad_(False)
    for weight in (model.W_E, model.W_pos, model.W_Q, model.W_K):
        weight.zero_()
    model.W_E[:P, 0] = (2 * torch.pi * frequency * torch.arange(P) / P).cos()
    model.W_E[:P, 2] = model.W_E[P, 1] = 1
    model.W_Q[0, 1, 0], model.W_K[0, 0, 0], model.W_K[0, 2, 0] = 4, 1, 2  # and to any a or b
    monkeypatch.setattr(type(r.run), "models", lambda self, steps=None: iter([(0, model)]))
    return replace(r, snapshot=Snapshot(r.run.task, r.run.is_train, model, 0))


@pytest.mark.parametrize("frequency", [1, 4])
def test_a_planted_wave_explains_a_heads_attention_and_a_random_function_has_none(
    frequency, reading, monkeypatch
):
    r = planted(reading("transformer"), frequency, monkeypatch)
    about, _ = seen(r, [0])
    (name, share), even = about["parts"][0]
    assert (name, even) == (f"frequency {frequency}", None)
    assert share > 0.9999
    assert 1 / 5 < about["chance"] < 0.6
    assert about["means"][0][1] == pytest.approx([1 / 3] * 3, abs=1e-5)


def test_chance_is_the_best_of_many_random_parts():
    view = Snapshot(
        make_task("a+b", {"p": 113}), torch.ones(113 * 113, dtype=torch.bool), Transformer(113, 113)
    ).lens.views["a"]
    assert 1 / 56 < chance(view, 113) == pytest.approx(np.log(56) / 56, rel=0.3)


def test_of_sequences_it_is_the_mean_by_position(reading, monkeypatch):
    r = reading("sequence")
    monkeypatch.setattr(module, "MOST_SEQUENCES", len(r.run.task.inputs))
    about, pictures = seen(r, r.run.steps)
    assert about["kind"] == "sequences"
    assert (about["reads"], about["sampled"], about["total"]) == ([5], 300, 300)
    shown = pictures["attention"]
    for i, step in enumerate(r.run.steps):
        true = true_pattern(r, step)
        assert np.allclose(shown[i], true.mean(axis=1), atol=0.6 / LEVELS)
        one = pictures["attention of one"][i]
        assert np.allclose(one, true[:, 0], atol=0.6 / LEVELS)
    assert about["input"] == r.run.task.inputs[0].tolist()


def test_earlier_layers_of_a_sequence_are_shown_from_the_positions_that_are_read(reading):
    r = reading("sums")
    about, pictures = seen(r, r.run.steps)
    assert about["reads"] == [3, 4]
    assert len(about["heads"]) == 4
    shown = pictures["attention"][-1].reshape(4, 2, 5)
    for layer, name in enumerate(("layer0.pattern", "pattern")):
        true = r.snapshot.activation(name)[:, :, -2:].mean(dim=0).numpy()
        assert np.allclose(shown[2 * layer : 2 * layer + 2], true, atol=0.6 / LEVELS)


def test_of_many_sequences_some_are_taken_and_that_is_said(reading):
    r = reading("sequence")
    about, _ = seen(r, r.run.steps)
    found = {"attention": about, "frames": r.run.steps, "checkpoints": len(r.run.steps)}
    assert "200 of 300 inputs" in FIGURE.caption(r.facts, found)


def test_without_attention_there_is_no_figure(reading):
    r = reading("mlp", True)
    assert attention(r, r.run.steps) is None
    assert "attention" not in contents(r).facts


# ---- in a browser --------------------------------------------------------------------------------


@pytest.fixture
def shown(opened, tmp_path):
    """The figure of attention of a run's page."""

    def show(r: Reading):
        opened.open(write_page(r, tmp_path / "report.html"))
        return opened.figure("attention")

    yield show
    assert opened.complaints == []


def test_the_page_makes_the_networks_attention_of_the_scores(shown, opened, reading):
    r = reading("transformer", True)
    figure = shown(r)
    assert figure.locator("canvas").count() == 2
    true = true_pattern(r, r.run.steps[-1])[..., 0].reshape(2, P, P)
    rows = opened.table(figure)
    assert len(rows) == 2 * P * P
    for x in rows:
        ours = true[int(x["head"].split()[1]), int(x["a"]), int(x["b"])]
        assert float(x["attention to a"]) == pytest.approx(ours, abs=1e-4)


def test_the_page_says_that_attention_is_uniform(shown, reading):
    figure = shown(reading("transformer without attention", True))
    assert "the same for every pair at every checkpoint" in figure.inner_text()
    assert figure.get_by_text("each head: a 33.3 %, b 33.3 %, = 33.3 %").count() == 1
    assert figure.locator("canvas").count() == 0, "there is nothing to draw"
    learns = shown(reading("transformer half uniform", True))
    assert learns.locator("canvas").count() == 2


def test_one_sequence_can_be_looked_at(shown, opened, reading):
    r = reading("sequence", True)
    figure = shown(r)
    figure.get_by_role("button", name="of one input").click()
    symbols = " ".join(map(str, r.run.task.inputs[0].tolist()))
    assert figure.get_by_text(f"The symbols of this input, by position: {symbols}.").count() == 1
    rows = opened.table(figure)
    true = true_pattern(r, r.run.steps[-1])[:, 0]
    assert len(rows) == true.size
    for x in rows:
        ours = true[int(x["head"].split()[1]), int(x["to position"])]
        assert float(x["attention, of one input"]) == pytest.approx(ours, abs=0.6 / LEVELS)
