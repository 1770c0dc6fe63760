"""Networks judged again: what other rules say otherwise is shown, and nothing is lost."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from grokscope.explain import judgement, rules, verdict
from grokscope.explain.judgement import Judged, Judgement, judged, read_judgements
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.layouts import imported, lookup, table_of, write

STRICT = "from grokscope.explain import verdict\nverdict.GENERALISES = 1.1\n"
TINY = {"steps": 20, "eval_every": 10, "checkpoint_every": 10}


@pytest.fixture
def out(tmp_path, tiny, monkeypatch) -> Path:
    """An imported network that is right on all pairs, and a trained one that is not. What a plug-in
    does to the gate is undone."""
    monkeypatch.setattr(verdict, "GENERALISES", verdict.GENERALISES)
    net = write(tmp_path / "theirs", {"net.pt": lookup(table_of("a+b", p=7))})
    imported(net, tmp_path / "out")
    train(tiny(**TINY), tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def strict(tmp_path) -> Path:
    """A plug-in by which nothing generalises."""
    return write(tmp_path, {"strict.py": STRICT.encode()})


def lines(said) -> dict[str, dict]:
    return {row["run"]: row for row in map(json.loads, said.out.splitlines())}


def count(monkeypatch) -> list[Path]:
    """The runs that are judged, and not found, from now on."""
    done, judge = [], judgement.judge
    monkeypatch.setattr(
        judgement, "judge", lambda run, *args: done.append(run.folder) or judge(run, *args)
    )
    return done


def test_a_change_of_the_rules_is_shown_first_and_counted(call, out, strict):
    first = call("judge", "--out", out)
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[-1].strip() == "2 runs: 0 changed, 2 new, 0 as before"
    changed = call("judge", "--out", out, "--use", strict)
    heading, row, other, last = changed.out.splitlines()
    assert heading.split() == ["run", "state", "verdict", "names", "bound", "right", "by"]
    assert row.startswith("net ")
    assert "changed" in row
    assert "accurate -> not generalised" in row
    assert other.startswith("a+b")
    assert "as before" in other
    before, now = row.split()[-3::2]
    assert before != now  # the version, told by the digest of its rules
    assert last.strip() == "2 runs: 1 changed, 0 new, 1 as before"


def test_what_these_rules_have_judged_is_found_and_its_change_is_shown_still(
    call, out, strict, monkeypatch
):
    call("judge", "--out", out)
    options = ("--out", out, "--use", strict)
    call("judge", *options)
    done = count(monkeypatch)
    said = call("judge", *options)
    assert done == []
    assert "accurate -> not generalised" in said.out
    assert said.out.splitlines()[-1].strip() == (
        "2 runs, 2 of them judged by these rules before: 1 changed, 0 new, 1 as before"
    )
    call("judge", *options, "--again")
    assert len(done) == 2
    assert len(read_judgements(out / "net")) == 2  # the same again takes the place of the last


def test_a_command_that_was_interrupted_goes_on(call, out, monkeypatch):
    assert call("judge", out / "net").code == 0
    done = count(monkeypatch)
    said = call("judge", out, "--json")
    assert [folder.name[:3] for folder in done] == ["a+b"]
    assert {x["found"] for x in lines(said).values()} == {True, False}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_script_can_fail_on_a_change(call, out, strict, options):
    assert call("judge", "--out", out, "--fail-on-change", *options).code == 0  # new is no change
    assert call("judge", "--out", out, "--fail-on-change", *options).code == 0
    assert call("judge", "--out", out, "--use", strict, *options).code == 0
    failing = call("judge", "--out", out, "--use", strict, "--fail-on-change", *options)
    assert failing.code == 1
    assert "not generalised" in failing.out


def test_nothing_that_was_said_is_lost(call, out, strict):
    call("judge", "--out", out)
    call("judge", "--out", out, "--use", strict)
    call("judge", "--out", out, "--again")  # the plug-in's gate is still there, its file is not
    last, *earlier = read_judgements(out / "net")
    assert [x.verdict for x in (last, *earlier)] == ["not generalised"] * 2 + ["accurate"]
    assert last.rules == earlier[1].rules != earlier[0].rules
    content = json.loads((out / "net/judgement.json").read_text())
    assert content["accuracy"] == {"all": 1.0}
    assert set(content) == {
        "grokscope", "rules", "network", "date", "step", "verdict", "algorithm", "algorithms",
        "bound", "accuracy", "earlier",
    }  # fmt: skip


def test_damaged_runs_are_rows_with_their_reasons(call, out):
    first = call("judge", "--out", out, "--json")
    assert {x["state"] for x in lines(first).values()} == {"new"}
    (out / "net/step-000000.safetensors").write_bytes(b"damaged")
    (run,) = (f for f in out.iterdir() if f.name != "net")
    (run / "judgement.json").write_text("{")
    (out / "empty").mkdir()
    (out / "empty/spec.json").write_text("{}")
    said = call("judge", "--out", out)
    assert said.code == 0
    assert "net: " in said.out
    assert f"{run / 'judgement.json'} is damaged: it does not hold judgements." in said.out
    assert "Move it away to judge anew." in said.out
    assert "empty: " in said.out
    assert "has no checkpoint yet" in said.out
    assert "3 runs: 0 changed, 0 new, 0 as before, 3 could not be judged" in said.out
    assert (run / "judgement.json").read_text() == "{"
    row = lines(call("judge", out / "net", "--json"))["net"]
    assert row["state"] == "not judged"
    assert row["before"]["verdict"] == "accurate"
    assert call("judge", out / "net", "--fail-on-change").code == 1  # it could be judged before


def test_a_defect_met_in_one_network_leaves_the_others_to_be_judged(call, out, monkeypatch):
    explain = judgement.explain

    def broken(snapshot):
        if snapshot.knows_split:
            raise ZeroDivisionError("a rank of 0")
        return explain(snapshot)

    monkeypatch.setattr(judgement, "explain", broken)
    said = call("judge", "--out", out)
    assert said.code == 0
    assert "ZeroDivisionError: a rank of 0" in said.out
    assert "1 new, 0 as before, 1 could not be judged" in said.out


def test_a_judgement_that_cannot_be_kept_is_told(out, monkeypatch):
    def refuse(path, content):
        raise judgement.StorageError("the disk is full")

    monkeypatch.setattr(judgement, "write_atomically", refuse)
    x = judged(out / "net", "1")
    assert x.now is not None
    assert (x.now.verdict, x.reason) == ("accurate", "not kept: the disk is full")
    assert not (out / "net/judgement.json").exists()


def test_a_network_that_went_on_to_learn_is_not_compared_with_what_it_was(tmp_path, tiny):
    run = train(tiny(**TINY), tmp_path)
    assert judged(run.folder, "1").state == "new"
    run.checkpoint(20).unlink()
    x = judged(run.folder, "1")
    assert (x.state, x.was_there) == ("new", False)
    assert [j.step for j in read_judgements(run.folder)] == [run.steps[-1], 20]
    x = judged(run.folder, "2")
    assert (x.state, x.before and x.before.rules) == ("as before", "1")


def test_what_is_asked_for_must_be_there(call, tmp_path):
    said = call("judge", "--out", tmp_path)
    assert (said.code, "there are no runs in" in said.err) == (2, True)
    said = call("judge", "nothing", "--out", tmp_path)
    assert said.code == 2
    said = call("judge", "--out", tmp_path, "--use", tmp_path / "none.py")
    assert (said.code, "there is no such file" in said.err) == (2, True)


OLD = Judgement("1.0", "a", "n", "2026-01-01", 5, "generalised", "clock", ("clock",), 0.5,
                {"all": 1.0})  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({}, ()),
        ({"date": "2027-01-01", "grokscope": "2.0"}, ()),
        ({"verdict": "accurate"}, ("verdict",)),
        ({"algorithm": "pizza", "algorithms": ("pizza",)}, ("names",)),
        ({"algorithms": ("clock", "convolution")}, ("names",)),
        ({"bound": 0.5 + 1e-9}, ()),
        ({"bound": 0.49}, ("bound",)),
        ({"accuracy": {"all": 0.077}}, ("accuracy",)),
        ({"accuracy": {"all": 1.0, "test": 1.0}}, ("accuracy",)),
        ({"accuracy": {"all": None}}, ("accuracy",)),
        ({"verdict": "partial", "bound": 0.0}, ("verdict", "bound")),
    ],
)
def test_what_counts_as_a_change(changes, changed):
    x = Judged("run", replace(OLD, rules="b", **changes), OLD)
    assert x.changed == changed
    assert x.state == ("changed" if changed else "as before")
    assert x.is_change == bool(changed)


@pytest.mark.parametrize(
    ("file", "judges"),
    [
        ("score.py", True), ("explain/verdict.py", True), ("circuits/coset/fit.py", True),
        ("measures/keys.py", True), ("verify/low_rank.py", True), ("canonical.py", True),
        ("cli/main.py", False), ("page/page.py", False), ("training/train.py", False),
    ],
)  # fmt: skip
def test_the_digest_is_of_the_source_that_judges(file, judges, tmp_path):
    home = copytree(Path(rules.__file__).parents[1], tmp_path / "grokscope")
    before = rules.digest(home=home)
    assert before == rules.digest()
    with (home / file).open("a") as source:
        source.write("\nCHANGED = True\n")
    assert (rules.digest(home=home) != before) == judges


def test_a_judgement_is_that_of_explain(out):
    x = judged(out / "net", rules.digest()).now
    e = judgement.explain(judgement.Snapshot.of(Run.open(out / "net")))
    assert x is not None
    assert (x.verdict, x.algorithms, x.bound) == (e.verdict, e.algorithms, e.bound)
    assert x.accuracy == {"all": e.accuracy["all"]}
    assert x.by.endswith(f"+{rules.digest()}")
