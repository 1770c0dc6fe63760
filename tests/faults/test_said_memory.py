"""What is said to be needed of memory is what is taken, to a quarter, in processes of their own."""

import sys

import pytest

from benchmarks.memory import QUICK, measure
from tests.faults.selection import quick

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc says what is resident")
WITHIN = 0.25


@pytest.mark.parametrize(
    "point", quick(QUICK, every=4), ids=lambda x: f"{x.what} {x.settings} {x.members}"
)
def test_what_is_said_of_memory_is_what_is_taken(point):
    x = measure(point)
    assert abs(x.off) <= WITHIN, f"{x.said / 1e6:,.0f} MB said, {x.taken / 1e6:,.0f} MB taken"
