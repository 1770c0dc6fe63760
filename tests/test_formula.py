import pytest

from grokscope.tasks import make_task

FORMULAS = {
    "a+b": lambda a, b: a + b,
    "b + a": lambda a, b: a + b,
    "a-b": lambda a, b: a - b,
    "a*b": lambda a, b: a * b,
    "a**3+a*b": lambda a, b: a**3 + a * b,
    "(a-b)**4": lambda a, b: (a - b) ** 4,
    "-a^2 + 3": lambda a, b: -(a**2) + 3,
    "2*a - 100*b": lambda a, b: 2 * a - 100 * b,
    "a**0 + b**5000": lambda a, b: 1 + pow(b, 5000, 13),
    "7": lambda a, b: 7,
}


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_means_what_python_says(text):
    task = make_task(text, {"p": 13})
    assert len(task.inputs) == 169
    for (a, b), c in zip(task.inputs.tolist(), task.answers.tolist(), strict=True):
        assert c == FORMULAS[text](a, b) % 13


def test_division_leaves_out_zero_and_undoes_multiplication():
    task = make_task("a/b", {"p": 13})
    assert len(task.inputs) == 13 * 12
    for (a, b), c in zip(task.inputs.tolist(), task.answers.tolist(), strict=True):
        assert b != 0
        assert c * b % 13 == a


def test_division_by_what_is_never_zero_keeps_every_pair():
    task = make_task("a/(b**2+1)", {"p": 7})  # -1 is no square mod 7
    for (a, b), c in zip(task.inputs.tolist(), task.answers.tolist(), strict=True):
        assert c * (b * b + 1) % 7 == a
    assert len(task.inputs) == 49


def test_zero_can_be_left_out():
    task = make_task("a*b", {"p": 7, "zero": False})
    assert int(task.inputs.min()) == 1
    assert len(task.inputs) == 36
    assert int(task.answers.min()) == 1


@pytest.mark.parametrize("text", ["a+b", "b+a", "a+b+0", "2*a-a+b"])
def test_addition_is_known_however_it_is_written(text):
    group = make_task(text, {"p": 7}).group
    assert group is not None
    assert group.name == "C7"


@pytest.mark.parametrize("text", ["a-b", "a*b", "a+2*b", "a/b"])
def test_other_operations_are_not_taken_for_a_group(text):
    assert make_task(text, {"p": 7}).group is None
    assert make_task("a+b", {"p": 7, "zero": False}).group is None
