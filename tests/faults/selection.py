"""Which of many cases `make test` takes: every one is run by `make faults`."""

from collections.abc import Iterable
from typing import Any

import pytest


def quick(cases: Iterable[Any], every: int = 10) -> list[Any]:
    """The cases as parameters of a test: one of `every` is quick, the others are marked long."""
    return [
        x if i % every == 0 else pytest.param(*_values(x), marks=pytest.mark.long)
        for i, x in enumerate(cases)
    ]


def _values(case: Any) -> tuple[Any, ...]:
    return tuple(case) if isinstance(case, tuple | list) else (case,)
