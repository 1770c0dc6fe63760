import json
from dataclasses import asdict, fields

import pytest

from grokscope.errors import BadInput, UnknownName
from grokscope.spec import Spec


def test_ids_do_not_change_when_the_code_does():
    assert Spec().id == "a+b-transformer-44136fa355b3"
    assert Spec().override("seed=1").id == "a+b-transformer-a4bbadc1c789"


def test_the_id_hashes_what_differs_from_the_defaults():
    assert Spec(lr=1e-3).id == Spec().id
    assert Spec().override("lr=1").id == Spec(lr=1.0).id
    ids = {Spec(seed=k).id for k in range(20)} | {Spec(lr=2e-3).id, Spec(task_args={"p": 7}).id}
    assert len(ids) == 22


@pytest.mark.parametrize("task", ["a/b", "(a-b)**4", "../../etc", "a" * 300, "-a", "  a", "ä*b"])
def test_an_id_is_a_plain_folder_name(task):
    name = Spec(task=task).id
    assert len(name) < 80
    assert not set(name) & set("/\\*() .")
    assert name[0] not in "-."


def test_overrides_reach_fields_and_arguments():
    spec = Spec().override(
        "task=a*b", "task.p=59", "model.d_mlp=64", "lr=0.01", "betas=.9,.95",
        "stop_after_grok=100", "split_seed=none", "task.zero=false", "precision=float64",
    )  # fmt: skip
    assert spec.task == "a*b"
    assert spec.task_args == {"p": 59, "zero": False}
    assert spec.model_args == {"d_mlp": 64}
    assert spec.betas == (0.9, 0.95)
    assert (spec.lr, spec.stop_after_grok, spec.split_seed) == (0.01, 100, None)


def test_an_override_leaves_the_original_alone():
    original = Spec(task_args={"p": 7})
    original.override("task.p=11")
    assert original.task_args == {"p": 7}


def test_text_and_back():
    spec = Spec().override("task.p=59", "betas=[.8,.9]", "give_up_after=10")
    assert Spec.from_json(spec.to_json()) == spec
    assert set(json.loads(spec.to_json())) == {f.name for f in fields(Spec)}


def test_an_old_file_without_a_newer_field_is_still_read():
    values = asdict(Spec(lr=0.5))
    del values["label_noise"]
    assert Spec.from_json(json.dumps(values)) == Spec(lr=0.5)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"lr": "fast"}'])
def test_what_is_no_spec_is_refused(text):
    with pytest.raises(BadInput):
        Spec.from_json(text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stepz=10", "Did you mean `steps`"),
        ("tsk.p=10", "Did you mean `task.p`"),
        ("task_args={}", "no setting is called"),
        ("banana!=1", "Known: "),
        ("lr", "Write key=value"),
    ],
)
def test_a_setting_that_is_not_one_says_what_would_be(setting, message):
    with pytest.raises((UnknownName, BadInput), match=message):
        Spec().override(setting)


def test_a_size_and_a_fraction_replace_each_other():
    sized = Spec(train_fraction=0.5).override("train_size=20")
    assert (sized.train_size, sized.train_fraction) == (20, Spec().train_fraction)
    assert sized.override("train_fraction=0.4") == Spec(train_fraction=0.4)
    with pytest.raises(BadInput, match="Leave one out"):
        Spec().override("train_size=20", "train_fraction=0.4")
