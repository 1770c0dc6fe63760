"""What a reading says, and what it must not say."""

import json
import re
from dataclasses import replace

import pytest

from grokscope.training.events import Phases
from grokscope.page.page import page, write_page
from grokscope.reading.reading import Reading, read
from grokscope.reading.sentences import meant, percent, seen_at, sentences
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.events import Events
from grokscope.training.train import train

SMALL = Spec(
    task_args={"p": 13}, model="mlp", model_args={"d_embed": 32, "d_mlp": 64}, lr=1e-2,
    train_fraction=0.8, steps=600, eval_every=20, checkpoint_every=100,
)  # fmt: skip
GROKS = Spec(
    task_args={"p": 29}, model_args={"d_model": 64, "d_mlp": 128}, train_fraction=0.45, lr=1e-2,
    steps=3000, eval_every=20, stop_after_grok=200, seed=3,
)  # fmt: skip
KINDS = {
    "grokked": GROKS,
    "memorised": replace(SMALL, train_fraction=0.2, steps=200),
    "not learned": replace(SMALL, steps=3, eval_every=1),
    "without a product": replace(SMALL, task="a**2+a*b+b**2", steps=100),
    "permutations": replace(SMALL, task="composition", task_args={"group": "S3"}, steps=200),
    "a transformer": replace(
        SMALL, model="transformer", model_args={"d_model": 32, "d_mlp": 64}, steps=300
    ),
    "noise": replace(SMALL, label_noise=1.0, steps=100),
    "an even modulus": replace(
        SMALL,
        model="transformer",
        model_args={"d_model": 16, "d_mlp": 32},
        task_args={"p": 4},
        steps=200,
    ),
}


@pytest.fixture(scope="module")
def readings(tmp_path_factory) -> dict[str, Reading]:
    out = tmp_path_factory.mktemp("runs")
    return {kind: read(train(spec, out)) for kind, spec in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_has_its_page(kind, readings, tmp_path):
    html = write_page(readings[kind], tmp_path / "page.html").read_text()
    assert html == page(readings[kind], is_alone=True)
    for text in sentences(readings[kind]):
        assert len(text) > 20
    assert "<figure data-panel=" in html
    words = html[: html.index("<script")]
    assert not re.findall(r"(?:src|href)=", words)
    assert html.count("<script") == 2
    assert "nan" not in " ".join(sentences(readings[kind])).lower().split()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reading_is_plain_data(kind, readings):
    shown = json.loads(json.dumps(readings[kind].to_json()))
    assert shown["run"] == readings[kind].run.spec.id
    assert shown["generalises"] == (shown["final"]["test_accuracy"] >= 0.99)


def test_grokking_is_told_in_numbers(readings):
    reading = readings["grokked"]
    told = " ".join(sentences(reading))
    events = reading.events
    assert events.t_memorize is not None
    assert f"It memorised them by step {events.t_memorize:,}" in told
    assert (
        f"It generalised at step {events.t_grok:,}, {events.delay:,} steps later (the first of"
        in told
    )
    assert "378 of the 841 pairs (44.95 %)" in told
    assert "it grokked" in page(reading)
    assert "restricted loss" in told
    assert "It is one network, and its key parts were chosen at its last checkpoint" in told
    assert "without as many of the others, at random" in told  # the control stands beside it


def test_where_train_and_test_rise_together_nothing_is_said_to_be_memorised(readings):
    grokked = readings["grokked"]
    at = grokked.events.t_memorize
    rows = [{**x, "test_accuracy": 0.53} if x["step"] == at else x for x in grokked.rows]
    reading = replace(grokked, rows=rows)
    told = " ".join(sentences(reading))
    assert "It did not memorise first" in told
    assert "steps later" not in told
    words = page(reading).split("<script")[0]
    assert "it grokked" not in words
    assert "watch it memorise" not in words


def test_an_evaluation_that_is_far_from_the_one_before_is_said_to_be(readings):
    reading = readings["grokked"]
    rows = [row for row in reading.rows if row["step"] == 0 or row["step"] >= 40]
    assert (
        seen_at(replace(reading, rows=rows), 40) == "step 40 (at 0, the evaluation before, not yet)"
    )
    assert seen_at(reading, 400) == "step 400"


@pytest.mark.parametrize(
    ("formed", "cleaned", "is_shown"), [(300, 900, True), (30, 900, False), (300, 500, False)]
)
def test_phases_are_shown_where_they_come_in_order_with_the_events(
    formed, cleaned, is_shown, readings
):
    grokked = replace(readings["grokked"], events=Events(40, 600, (), "steps"))
    some = replace(grokked, phases=Phases(60, formed, cleaned))
    assert (some.shown_phases is not None) == is_shown
    told = " ".join(sentences(some))
    assert ("Phases, read from losses and not from accuracies" in told) == is_shown
    assert ("cleanup, " in page(some)) == is_shown


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ([0.1] * 200, "not seen to rise from step 180 on (standard error 0 points)"),
        ([0.1 + 0.002 * i for i in range(200)], "still rising, by 3.8 points from step 180 on"),
        ([0.9 - 0.002 * i for i in range(200)], "falling, by 3.8 points from step 180 on"),
    ],
)
def test_what_never_generalised_is_said_to_rise_or_not(test, said, readings):
    row = readings["memorised"].rows[-1]
    rows = [{**row, "step": i, "test_accuracy": x} for i, x in enumerate(test)]
    never = replace(readings["memorised"], rows=rows, events=Events(0, None, (), "steps"))
    assert said in " ".join(sentences(never))
    assert said.split(",")[0] in page(never).replace("&nbsp;", " ")


def test_a_loss_for_each_class_is_told_in_nats_too(readings):
    reading = readings["memorised"]
    run = replace(reading.run, spec=replace(reading.run.spec, loss="cross_entropy_per_class"))
    told = " ".join(sentences(replace(reading, run=run)))
    assert "(nats per class; guessing: 0.197 = 2.56 nats)" in told


def test_a_network_that_does_not_generalise_is_said_to_show_no_algorithm(readings):
    reading = readings["memorised"]
    told = " ".join(sentences(reading))
    assert reading.events.t_grok is None
    assert "It did not generalise within 200 steps" in told
    assert "(guessing: 7.69 %)" in told
    assert reading.phases is None
    assert reading.keys is not None
    some = replace(reading.keys, names=("frequency 1",))
    told = " ".join(sentences(replace(reading, keys=some)))
    assert "At its last checkpoint it does not generalise, so they show no algorithm." in told


def test_what_was_not_learned_is_not_called_memorised(readings):
    told = " ".join(sentences(readings["not learned"]))
    assert "It never memorised" in told
    assert "not learned" in page(readings["not learned"])


def test_a_task_without_a_product_has_no_key_parts(readings):
    reading = readings["without a product"]
    assert reading.keys is None
    assert reading.neurons is None
    assert set(reading.spectra) == {"a", "b", "c"}  # frequencies mod p are read all the same
    told = " ".join(sentences(reading))
    assert "restricted" not in told
    assert "No key parts are read: a**2+a*b+b**2 mod 13 is not known to be a sum" in told


def test_noise_is_said_to_be_noise(readings):
    assert "Of the answers 100 % were drawn at random." in sentences(readings["noise"])[0]


def test_a_fall_is_told(readings):
    fallen = replace(readings["grokked"], events=Events(20, 40, (60, 80), "steps"))
    assert "fell below 99 % again, 2 times, first at step 60." in " ".join(sentences(fallen))


def test_a_doubtful_set_of_keys_is_said_to_be_one(readings):
    reading = readings["grokked"]
    assert reading.keys is not None
    doubtful = replace(reading, keys=replace(reading.keys, gap=1.5))
    assert "too little to be sure of the set" in " ".join(sentences(doubtful))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.99999, "99.99 %"),
        (0.5, "50 %"),
        (0.12345, "12.35 %"),
        (0.00001, "less than 0.01 %"),
        (0.0, "0 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share, text):
    assert percent(share) == text


def test_a_product_in_a_group_is_told_in_words():
    assert meant(make_task("composition", {"group": "S4"})) == (
        ", the product of two of the 24 elements of S4, rearrangements of 4 things"
    )
    assert meant(make_task("composition", {"group": "Q8"})).endswith("8 elements of Q8")
    assert meant(make_task("a+b", {"p": 7})) == ""
