"""The lighter check of types sees what jaxtyping's own does."""

import pytest
import torch
from beartype import beartype
from jaxtyping import Float
from torch import Tensor

from tests.shapes import is_plain, light


def count(name: str, most: int = 3) -> int:
    return len(name) if most else name  # pyright: ignore


def total(x: Float[Tensor, "a b"], y: Float[Tensor, " b"]) -> Float[Tensor, " a"]:
    return (x * y).sum(dim=1)


def each(x: dict[str, Float[Tensor, " a"]]) -> None: ...


def many():
    yield 1


@pytest.mark.parametrize(
    ("f", "plain"), [(count, True), (total, False), (each, False), (many, False)]
)
def test_a_function_is_plain_if_its_signature_has_no_shape(f, plain):
    assert is_plain(f) == plain


@pytest.mark.parametrize(
    ("f", "good", "bad"),
    [
        (count, ("abc",), (3,)),
        (count, ("abc",), ("abc", "3")),
        (count, ("abc",), ("abc", 0)),  # what it returns
        (total, (torch.zeros(2, 3), torch.zeros(3)), (torch.zeros(2, 3), torch.zeros(2))),
        (each, ({"x": torch.zeros(2)},), ({"x": torch.zeros(2, 2)},)),
    ],
)
def test_what_is_of_another_type_or_shape_is_refused(f, good, bad):
    checked = light(typechecker=beartype)(f)
    checked(*good)
    with pytest.raises(Exception, match=r"(?i)type"):
        checked(*bad)


def test_the_package_is_checked_so():
    from grokscope.measures.measure import family
    from grokscope.score import accuracy

    for f, wrong in ((family, (3,)), (accuracy, (torch.zeros(3), torch.zeros(4)))):
        with pytest.raises(Exception, match=r"(?i)type"):
            f(*wrong)  # pyright: ignore
