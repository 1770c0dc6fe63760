"""What a reading says, and what it must not say."""

import json
import re
from dataclasses import replace

import pytest

from grokscope.circuits.circuit import FORMS
from grokscope.explain.explanation import explain
from grokscope.measures.neurons import localised_energy
from grokscope.measures.phases import find_phases
from grokscope.page.page import write_page
from grokscope.planted import IMPOSTORS, waves
from grokscope.planted.planted import Planted
from grokscope.reading.explained import explanation_facts
from grokscope.reading.facts import UNDETERMINED, ExplanationFacts, Facts, NeuronFacts
from grokscope.reading.reading import Reading, read, task_facts
from grokscope.reading.record import of_reading
from grokscope.reading.sentences import (
    account,
    meaning,
    parts,
    percent,
    phase_spans,
    rough,
    sentences,
)
from grokscope.reading.story import Play, chapters, headline, lead, numbers, told
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.events import Events, Phases
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


@pytest.fixture(scope="module")
def facts(readings) -> dict[str, Facts]:
    return {kind: reading.facts for kind, reading in readings.items()}


def words(f: Facts) -> str:
    return " ".join([lead(f), *(" ".join(row) for row in numbers(f)), *told(f)])


def story(f: Facts) -> dict[str, str]:
    """The texts of the chapters."""
    return {chapter.name: chapter.plain for chapter in chapters(f)}


def plays(f: Facts) -> dict[str, tuple[int, int]]:
    """What words play, and from which step to which."""
    pieces = [x for chapter in chapters(f) for x in chapter.text if isinstance(x, Play)]
    return {x.words: (x.start, x.end) for x in pieces}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_has_its_page(kind, readings, tmp_path):
    html = write_page(readings[kind], tmp_path / "page.html").read_text()
    assert "<figure" in html
    text = html[: html.index("<script")]
    assert not re.findall(r"href=|src=(?!\"data:image/png)", text)
    assert html.count("<script") == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_is_told_in_sentences(kind, facts):
    for text in sentences(facts[kind]):
        assert len(text) > 20
    assert "nan" not in words(facts[kind]).lower().split()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reading_is_plain_data(kind, readings):
    shown = json.loads(json.dumps(of_reading(readings[kind].facts)))
    assert shown["run"] == readings[kind].run.spec.id
    assert shown["generalises"] == (shown["final"]["test_accuracy"] >= 0.99)


def test_grokking_is_told_in_numbers(facts):
    f = facts["grokked"]
    text, events = story(f), f.events
    memorised, grok = events.t_memorize, events.t_grok
    assert memorised is not None
    assert text["memorised"].startswith(f"By step {memorised:,} (not yet at step 20)")
    assert "it had the answers by heart" in text["memorised"]
    assert f"By step {grok:,}, {events.delay:,} steps after it had memorised" in text["generalised"]
    assert f"in {f.spec.grok_patience} evaluations in a row" in text["generalised"]
    assert "378 of the 841 pairs with their answers (44.9 %)" in text["asked"]
    assert "for a = 20 and b = 0 the answer is 20" in text["asked"]
    assert (0, memorised) in plays(f).values()
    assert plays(f)[f"By step {grok:,}"] == (memorised, grok)
    assert headline(f) == "it grokked"
    assert lead(f).startswith(f"By step {memorised:,} it knew by heart the pairs it was shown.")
    assert "restricted loss" in words(f)
    assert "It is one network: another seed may learn otherwise." in words(f)
    assert "without as many of the others, at random" in words(f)  # the control stands beside it


def test_where_train_and_test_rise_together_nothing_is_said_to_be_memorised(facts):
    grokked = facts["grokked"]
    at = grokked.events.t_memorize
    rows = tuple({**x, "test_accuracy": 0.53} if x["step"] == at else x for x in grokked.rows)
    together = replace(grokked, rows=rows)
    title = next(x.title for x in chapters(together) if x.name == "memorised")
    assert title == "It did not memorise first"
    assert "by heart" not in words(together)
    assert "steps after it had memorised" not in words(together)
    assert headline(together) == "it generalised"


def test_an_evaluation_that_is_far_from_the_one_before_is_said_to_be(facts):
    f = facts["grokked"]
    rows = tuple(row for row in f.rows if row["step"] == 0 or row["step"] >= 40)
    assert rough(replace(f, rows=rows), 40) == " (not yet at step 0)"
    assert rough(f, 400) == ""


@pytest.mark.parametrize(
    ("following", "energy", "told"),
    [
        ({"frequency 1": 40}, 0.97, "(85 % or more of their variation); of what neurons add to the "
         "logits they add 97 %."),
        ({}, 0.0, "(85 % or more of their variation)."),
        ({"frequency 1": 40}, None, "(85 % or more of their variation)."),
    ],
)  # fmt: skip
def test_beside_a_count_of_neurons_stands_what_they_add(following, energy, told, facts):
    f = replace(facts["grokked"], neurons=NeuronFacts(64, following, energy))
    count = sum(following.values())
    assert f"{count} of its 64 neurons follow one part alone {told}" in words(f)
    assert of_reading(f)["neurons_energy"] == energy


def test_what_the_neurons_that_follow_a_part_add_is_measured(readings, facts):
    for kind in ("grokked", "a transformer"):
        neurons = facts[kind].neurons
        assert neurons is not None
        assert neurons.energy == localised_energy(readings[kind].snapshot)


OVER = Phases(
    memorized=60, formed=300, cleaned=900, least_excluded=50, knee=340, evaluations=40
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "memorisation until step 60, where test loss is highest (excluded loss is least at"),
        ({}, "formation until step 300, where test loss is 1/e of that (its curve has its knee"),
        ({}, "cleanup until step 900, where 95 % of its fall, in logarithms, is done."),
        ({"least_excluded": None}, "until step 60, where test loss is highest; circuit"),
        ({"knee": None}, "test loss is 1/e of that (its curve has no knee to compare that with);"),
        ({"least_excluded": 160}, "memorisation until between 60 and 160 (test loss is highest at"),
        ({"knee": 400}, "formation until between 300 and 400 (test loss is 1/e of that at 300"),
        ({"knee": 375}, "formation until step 300, where"),
        ({"cleaned": None}, "cleanup was not over when training stopped, at step 1,260: test loss"),
        ({"evaluations": 9}, "With 9 evaluations from memorising to generalising each end is good"),
    ],
)  # fmt: skip
def test_phases_are_told_with_their_second_reading(changes, told, facts):
    rows = (*facts["grokked"].rows, {**facts["grokked"].rows[-1], "step": 1_260})
    some = replace(facts["grokked"], rows=rows, phases=replace(OVER, **changes))
    assert "Phases, read from losses and not from accuracies" in words(some)
    assert told in words(some)
    assert ("good to one of them" in words(some)) == ("evaluations" in changes)


def test_phases_can_be_played_and_the_last_goes_on_where_it_is_not_over(facts):
    grokked = replace(facts["grokked"], phases=OVER)
    assert phase_spans(grokked) == [
        ("memorisation", 0, 60), ("circuit formation", 60, 300), ("cleanup", 300, 900)
    ]  # fmt: skip
    assert plays(grokked)["circuit formation until 300"] == (60, 300)
    assert plays(grokked)["cleanup until 900"] == (300, 900)
    last = int(grokked.rows[-1]["step"])
    unfinished = replace(grokked, phases=replace(OVER, cleaned=None), is_finished=False)
    assert plays(unfinished)["cleanup, not over at the end"] == (300, last)
    assert f"cleanup was not over at step {last:,}" in words(unfinished)


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("few evaluations", "Its phases are not told: too few evaluations"),
        ("no plateau", "Its phases are not told: its test loss falls from memorising on"),
        ("never generalised", None),
        ("not memorised first", None),
    ],
)
def test_where_there_are_no_phases_the_reason_is_told_unless_it_is_told_already(why, told, facts):
    some = replace(facts["grokked"], phases=None, no_phases=why)
    assert ("Its phases are not told" in words(some)) == (told is not None)
    assert (told or "") in words(some)
    assert "Phases, read" not in words(some)
    assert phase_spans(some) == []
    assert (of_reading(some)["phases"], of_reading(some)["no_phases"]) == (None, why)


def test_a_run_with_losses_has_its_phases_with_a_lens_and_a_trace_or_without(readings, facts):
    f = facts["grokked"]
    assert f.phases is not None
    assert f.no_phases is None
    assert f.events.t_memorize <= f.phases.memorized <= f.phases.formed < f.events.t_grok
    assert f.phases.least_excluded is not None  # from its trace
    bare = find_phases(f.spec, f.rows, f.task.chance)
    assert bare == replace(f.phases, least_excluded=None)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ([0.1] * 200, "not seen to rise from step 180 on (standard error 0 points)"),
        ([0.1 + 0.002 * i for i in range(200)], "still rising, by 3.8 points from step 180 on"),
        ([0.9 - 0.002 * i for i in range(200)], "falling, by 3.8 points from step 180 on"),
    ],
)
def test_what_never_generalised_is_said_to_rise_or_not(test, said, facts):
    row = facts["memorised"].rows[-1]
    rows = tuple({**row, "step": i, "test_accuracy": x} for i, x in enumerate(test))
    never = replace(facts["memorised"], rows=rows, events=Events(0, None, (), "steps"))
    assert said in words(never)


def test_a_loss_for_each_class_is_told_in_nats_too(facts):
    f = facts["memorised"]
    by_class = replace(f, spec=replace(f.spec, loss="cross_entropy_per_class"))
    assert "(nats per class; guessing: 0.197 = 2.56 nats)" in words(by_class)


def test_a_network_that_does_not_generalise_is_said_to_show_no_algorithm(facts):
    f = facts["memorised"]
    text = story(f)
    assert f.events.t_grok is None
    assert text["generalised"].startswith("Within 200 steps it did not get there: test was ")
    assert "a guess is right 7.69 % of the time" in text["asked"]
    assert f.memorised_first
    assert text["how"].startswith("It gives by heart what it was shown. No algorithm is said to")
    assert "since it does not generalise." in text["how"]
    assert (f.phases, f.no_phases) == (None, "never generalised")
    assert f.keys is not None
    some = replace(f, keys=replace(f.keys, names=("frequency 1",)))
    assert "At its last checkpoint it does not generalise, so they show no algorithm." in words(
        some
    )


def test_what_was_not_learned_is_not_called_memorised(facts):
    f = facts["not learned"]
    assert story(f)["memorised"].startswith("At most ")
    assert headline(f) == "not learned"


def test_a_task_without_a_product_has_no_key_parts(facts, readings):
    f = facts["without a product"]
    assert f.keys is None
    assert f.neurons is None
    assert set(readings["without a product"].spectra) == {"a", "b", "c"}  # mod p, all the same
    assert "restricted" not in words(f)
    assert "No key parts are read: a**2+a*b+b**2 mod 13 is not known to be a sum" in words(f)


def test_noise_is_said_to_be_noise(facts):
    text = story(facts["noise"])
    assert text["asked"].endswith("Of the answers 100 % were drawn at random.")
    assert "a rule, as 100 % of the answers were drawn at random" in text["generalised"]


LACKS = [
    ({"weight_decay": 0.0}, {}, "weight decay, of which it had none (try `weight_decay=1`)"),
    ({}, {"never_shown": 3}, "pairs with the symbols that it never saw at one place (3)"),
    ({}, {"n_shown": 17}, "more pairs than 10.1 % (try `train_fraction=0.6`)"),
    ({}, {}, "more steps than 200 (try `steps=2000`)"),
]


@pytest.mark.parametrize(("settings", "changes", "lacks"), LACKS, ids=lambda x: str(x)[:20])
def test_a_network_that_fails_is_told_what_it_may_have_lacked(settings, changes, lacks, facts):
    f = facts["memorised"]
    some = replace(f, spec=replace(f.spec, **settings), **changes)
    assert lacks in story(some)["generalised"]
    enough = replace(f, n_shown=120, spec=replace(f.spec, weight_decay=1.0))
    assert (lacks in story(enough)["generalised"]) == lacks.startswith("more steps")


def test_symbols_that_were_never_shown_are_counted(readings):
    run = readings["memorised"].run
    shown = run.task.inputs[run.is_train]
    missing = sum(set(range(13)) - set(shown[:, i].tolist()) != set() for i in (0, 1))
    lost = [set(range(13)) - set(shown[:, i].tolist()) for i in (0, 1)]
    assert readings["memorised"].facts.never_shown == sum(map(len, lost)) >= missing


def test_who_comes_near_is_not_said_to_have_failed(facts):
    f = facts["memorised"]
    rows = [{**row, "test_accuracy": 0.8 + 0.01 * i} for i, row in enumerate(f.rows)]
    near = replace(f, rows=tuple(rows), final=rows[-1])
    assert headline(near) == f"{percent(rows[-1]['test_accuracy'])} of the test right, and rising"
    assert "by heart what it was shown." not in story(near)["how"]
    titles = [x.title for x in chapters(near)]
    assert "What grew so far" in titles
    assert "What did not grow" not in titles
    assert "What did not grow" in [x.title for x in chapters(f)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["frequency 3"], "frequency 3"),
        (["frequency 3", "frequency 1"], "frequencies 3 and 1"),
        (["character 1", "{0}"], "character 1 and {0}"),
        ([f"frequency {k}" for k in range(1, 9)], "frequencies 1, 2, 3, 4, 5, 6 and 2 more"),
        ([], ""),
    ],
)
def test_parts_are_listed_shortly(names, told):
    assert parts(names) == told


def test_a_fall_is_told(facts):
    fallen = replace(facts["grokked"], events=Events(20, 40, (60, 80), "steps"))
    assert "fell below 99 % again, 2 times, first at step 60." in words(fallen)


def test_a_doubtful_set_of_keys_is_said_to_be_one(facts):
    f = facts["grokked"]
    assert f.keys is not None
    doubtful = replace(f, keys=replace(f.keys, gap=1.5))
    assert "too little to be sure of the set" in words(doubtful)


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


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (("composition", {"group": "S4"}),
         ", the product of two of the 24 elements of S4, rearrangements of 4 things"),
        (("composition", {"group": "Q8"}), ", the product of two of the 8 elements of Q8"),
        (("a+b", {"p": 7}), ""),
    ],
)  # fmt: skip
def test_a_product_in_a_group_is_told_in_words(task, said):
    assert meaning(task_facts(make_task(*task))) == said


def explained(planted: Planted) -> ExplanationFacts:
    return explanation_facts(explain(planted.snapshot))


def clock() -> Planted:
    return waves.clock_relu(seed=1, noise=0.0, p=31, frequencies=4, neurons=32)


def test_a_clock_is_told_with_its_parts_its_certificate_and_what_is_proved():
    told = " ".join(account(explained(clock())))
    for part in (
        "It generalised. It is right on ",
        "(a clock)",
        "Its parts: frequency ",
        "A clock and no pizza: ",
        "Certificate: holds.",
        "by heart",
        "(convolution), in 8 numbers",
        "Proved from its weights, without trusting any explanation: right on all pairs",
    ):
        assert part in told


@pytest.mark.parametrize("kind", ["lookup_table", "random_features", "wrong_group_mended"])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_algorithm_is_named_of_an_impostor(kind, seed):
    planted = IMPOSTORS[kind].draw(seed, 0.01)
    e = explained(planted)
    told, knows_split = " ".join(account(e)), planted.snapshot.knows_split
    assert e.named == {}
    assert e.gate.verdict == ("generalised" if knows_split else "accurate")
    assert not any(name in told for name in ("a clock)", "a pizza)", "Certificate: "))
    assert ("undetermined" in told) == knows_split
    assert "does not generalise" not in told, "its answers are right, as far as is known"


def test_a_network_that_does_not_generalise_has_no_algorithm():
    told = " ".join(account(explained(IMPOSTORS["memoriser"].draw(2, 0.0))))
    assert told.startswith("It did not generalise")
    assert "Certificate: " not in told


def test_waves_that_are_neither_clock_nor_pizza_are_told_with_what_is_open(monkeypatch):
    monkeypatch.setattr(FORMS["fourier"].circuit, "algorithm", lambda self, snapshot: None)
    e = explained(clock())
    assert e.algorithm == "convolution"
    told = " ".join(account(e))
    assert "whether as a clock or as a pizza is undetermined: " in told
    assert "(a clock)" not in told
    only = tuple(c for c in e.certificates if "clock" in c.algorithms)
    alone = replace(e, certificates=only, named={})
    assert (len(only), alone.algorithm) == (1, UNDETERMINED)
    assert "no explanation holds" not in " ".join(account(alone))
