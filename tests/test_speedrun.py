"""The board of the fastest recipes: its rules, its judge, and that a record can be judged again."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from grokscope.cli import main
from grokscope.errors import BadInput
from grokscope.spec import Spec
from grokscope.speedrun import judge
from grokscope.speedrun.board import RECORDS, Record
from grokscope.speedrun.contest import CONTESTS, Contest
from grokscope.speedrun.judge import Heat, Result

DOCS = Path(__file__).parents[1] / "docs/speedrun.md"
SMALL = Spec(
    model="mlp", task_args={"p": 31}, train_fraction=0.8, lr=0.02, weight_decay=2.0, steps=500,
    eval_every=20, checkpoint_every=10**9, grok_patience=1, stop_after_grok=100,
)  # fmt: skip
FAST = Heat(0, 100, 2.0, "clock", True)
NEVER = Heat(1, None, math.inf, None, False)


def results(*heats: Heat) -> Result:
    return Result(heats, 100.0)


def test_the_median_seed_decides():
    three = [replace(FAST, seconds=s, step=int(10 * s)) for s in (1.0, 2.0, 9.0)]
    assert results(*three).seconds == 2.0
    assert results(*three).step == 20
    assert results(*three).ratio == 50.0
    assert results(FAST, NEVER, NEVER).ratio == 0.0


@pytest.mark.parametrize(
    ("heats", "reason"),
    [
        ([FAST] * 20, None),
        ([FAST] * 19 + [NEVER], None),
        ([FAST] * 18 + [NEVER] * 2, "18 of 20 seeds reached 99%, and 19 are needed"),
        ([FAST] * 18 + [replace(FAST, holds=False)] * 2, "18 of 20 certificates hold"),
        ([FAST] * 19, "19 seeds are fewer than 20"),
        ([FAST] * 38 + [NEVER] * 2, None),
        ([FAST] * 37 + [NEVER] * 3, "37 of 40"),
    ],
)
def test_a_record_needs_twenty_seeds_of_which_one_may_fail(heats, reason):
    found = results(*heats).why_not
    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize(
    ("track", "setting", "told"),
    [
        ("mlp", "train_fraction=.5", "`train_fraction` is given"),
        ("mlp", "task.p=31", "`task_args` is given"),
        ("mlp", "model=transformer", "may not enter this track"),
        ("transformer", "model=mlp", "may not enter this track"),
        ("width", "model.d_mlp=128", "`model.d_mlp` is 512"),
        ("S5", "label_noise=.1", "`label_noise` is given"),
        ("S5", "grok_at=.5", "`grok_at` is given"),
        ("S5", "load=x", "`load` is given"),
    ],
)
def test_what_the_rules_give_cannot_be_set(track, setting, told):
    with pytest.raises(BadInput, match=told):
        CONTESTS[track].recipe(setting)


def test_a_recipe_may_set_what_is_left():
    recipe = CONTESTS["transformer"].recipe("model.d_mlp=128", "lr=.02", "weight_decay=2")
    assert (recipe.lr, recipe.model_args) == (0.02, {"d_mlp": 128})
    assert CONTESTS["width"].recipe("model.d_mlp=512").model_args == {"d_mlp": 512}


def test_the_clock_stops_at_the_goal_and_the_network_is_explained():
    found = judge.heat(SMALL)
    assert found.step is not None
    assert found.step % 20 == 0
    assert 0 < found.seconds < 60
    assert found.holds == (found.algorithm not in (None, "undetermined"))
    never = judge.heat(replace(SMALL, steps=20, eval_every=10))
    assert never == Heat(0, None, math.inf, None, False)


def test_it_is_judged_beside_the_reference(monkeypatch):
    monkeypatch.setattr(judge, "heat", lambda spec: replace(FAST, seed=spec.seed))
    monkeypatch.setattr(judge, "SLICE", 5)
    contest = Contest("", SMALL, replace(SMALL, model_args={"d_mlp": 2048}), 1_000, "")
    done = []
    result = judge.judge(contest, SMALL, [7, 8], lambda i, n: done.append((i, n)))
    assert [h.seed for h in result.heats] == [7, 8]
    assert done == [(1, 2), (2, 2)]
    assert result.reference > 0


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_keeps_the_rules_and_stands_in_the_docs(name):
    record = RECORDS[name]
    CONTESTS[record.contest].recipe(*record.settings)
    assert record.seeds >= judge.SEEDS
    assert record.succeeded >= 0.95 * record.seeds
    assert record.held >= 0.95 * record.seeds
    row = next(x for x in DOCS.read_text().splitlines() if x.startswith(f"| `{name}` "))
    for value in (record.contest, f"{record.ratio:g}", f"{record.seconds:g}", record.date):
        assert f" {value} " in row
    for setting in record.settings:
        assert setting in row


def test_the_board_is_shown_and_bad_input_told(capsys, monkeypatch):
    settings = ("lr=.05", "weight_decay=2")
    record = Record("mlp", settings, "us", "2026-11-29", 30.0, 5.0, 400, 20, 20, 19, "a test")
    monkeypatch.setitem(RECORDS, "hot", record)
    main(["speedrun", "--json"])
    assert {row["record"] for row in json.loads(capsys.readouterr().out)} == set(RECORDS)
    main(["speedrun"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in [*CONTESTS, *RECORDS, "6,400 steps", "93,556 steps"])
    for words, told in (
        (["nothing"], "record or track"),
        (["mlp", "--seeds", "0"], "--seeds"),
        (["mlp", "--first-seed", "-1"], "--first-seed"),
        (["hot", "lr=1"], "is a record, which has its settings"),
        (["mlp", "p=31"], "no setting"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["speedrun", *words])
        assert end.value.code == 2
        assert told in " ".join(capsys.readouterr().err.split())
