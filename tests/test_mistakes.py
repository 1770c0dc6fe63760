"""What people write that is no command or no setting is answered in one line, with the cure."""

import json
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest

from grokscope.cli.main import VERBS
from grokscope.cli.mistakes import WITH_SETTINGS, refuse_mistakes
from grokscope.errors import BadInput, UnknownName
from grokscope.settings import MEANINGS, OTHER_NAMES
from grokscope.spec import Spec, settings_named

DOCS = Path(__file__).parents[1] / "docs/settings.md"

MISTAKES = {
    "runn demo": "Did you mean: grokscope run demo",
    "sweeep hello seed=0..3": "Did you mean: grokscope sweep hello seed=0..3",
    "explian a+b": "Did you mean: grokscope explain a+b",
    "xyzzyxq": "grokscope has no `xyzzyxq`. It has ablate, check",
    "list spec": "Did you mean: grokscope list specs",
    "list run": "Did you mean: grokscope list runs",
    "list measure": "Did you mean: grokscope list measures",
    "list xyzzy": "It lists runs, specs, settings, tasks",
    "trace a+b gini": "write grokscope trace a+b --measures gini",
    "trace a+b gini train_loss": "write grokscope trace a+b --measures gini train_loss",
    "compare a+b a*b": "`a*b` is one word too many: `compare` takes one run",
    "show": "grokscope show RUN. `grokscope list runs` shows the runs",
    "spectrum": "grokscope spectrum RUN",
    "note": "grokscope note RUN.",
    "diff": "grokscope diff RUN RUN.",
    "diff a b c": "`c` is one word too many: `diff` takes 2 runs",
    "note a written again": "`again` is one word too many: `note` takes one run",
    "run demo --steps 100": "no dashes: grokscope run demo steps=100",
    "run demo --lr=.1": "no dashes: grokscope run demo lr=.1",
    "run demo --seed 3": "no dashes: grokscope run demo seed=3",
    "run demo --weight-decay 2": "no dashes: grokscope run demo weight_decay=2",
    "run demo --p 31": "no dashes: grokscope run demo task.p=31",
    "run --task.p 31": "no dashes: grokscope run task.p=31",
    "run demo --learning-rate 1e-3": "no dashes: grokscope run demo lr=1e-3",
    "run demo --steps": "no dashes: grokscope run demo steps=...",
    "sweep hello --train_fraction .3": "no dashes: grokscope sweep hello train_fraction=.3",
    "run p=97": "no setting is called `p`. Write task.p=97.",
    "run demo learning_rate=.01": "no setting is called `learning_rate`. Write lr=.01.",
    "run demo wd=1": "Write weight_decay=1.",
    "run demo epochs=10": "Write steps=10.",
    "run demo d_mlp=64": "Write model.d_mlp=64.",
    "run demo group=S4": "Write task.group=S4.",
    "run demo random_seed=4": "Write seed=4.",
    "run demo frac_train=.3": "Write train_fraction=.3.",
    "run demo stpes=10": "Did you mean `steps`?",
    "sweep hello wd=1,2 --yes": "Write weight_decay=1.",
}


@pytest.mark.parametrize(("written", "cure"), MISTAKES.items())
def test_a_mistake_is_answered_in_one_line_with_the_cure(call, tmp_path, written, cure):
    words = written.split()
    out = ["--out", tmp_path / "x"] if words[0] in ("run", "sweep") else []
    said = call(*words, *out)
    assert said.code == 2
    assert cure in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("verb", WITH_SETTINGS)
def test_nothing_after_a_verb_is_not_taken_for_an_option(verb):
    refuse_mistakes([verb], VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_and_a_verbs_own_options_are_no_mistake(verb, call):
    assert call(verb, "--help").code == 0
    for option in signature(VERBS[verb]).parameters:
        refuse_mistakes([verb, "runs", f"--{option.replace('_', '-')}", "y"], VERBS)


def test_another_name_is_no_setting_and_leads_to_one():
    assert not OTHER_NAMES.keys() & vars(Spec()).keys()
    for name, setting in OTHER_NAMES.items():
        assert settings_named(setting) == setting, name
        with pytest.raises(UnknownName, match=f"called `{name}`. Write {setting}=7"):
            Spec().override(f"{name}=7")
    assert settings_named("colour") is None
    assert settings_named("task_args") is None


def test_every_setting_is_explained_in_the_list_and_the_docs(call):
    own = {f.name for f in fields(Spec) if not f.name.endswith("_args")} - {"source", "assumed"}
    assert own == MEANINGS.keys()
    rows = json.loads(call("list", "settings", "--json").out)
    assert {row["setting"] for row in rows} == own
    for row in rows:
        called = ", ".join(f"`{x}`" for x in row["elsewhere"].split(", ") if x)
        line = f"| `{row['setting']}` | {row['default']} | {row['what']} | {called} |"
        assert line in DOCS.read_text(), line


def test_a_field_of_another_name_is_told_the_nearest():
    with pytest.raises(BadInput, match=r"called `taks_args`\. Did you mean `task_args`"):
        Spec(taks_args={"p": 7})  # pyright: ignore[reportCallIssue]
