"""Products in a finite group: Chughtai et al. 2023, Stander et al. 2023, Wu et al. 2024."""

from pathlib import Path
from typing import Any

import numpy as np

from grokscope.algebra import families
from grokscope.algebra.groups import LARGEST_ORDER, Group
from grokscope.algebra.orders import ORDERS
from grokscope.errors import BadInput
from grokscope.task import Task, binary, task


@task
def composition(group: str = "S5", elements: str = "lexicographic", table: str = "") -> Task:
    """The product ab in a group named as in C113, D59, A5, C2xC4 or S3wrC2; in ab the left factor
    acts first, and in one named as in S4op the right one. `elements` is the order in which
    permutations are numbered: lexicographic, chughtai2023 or stander2023.

    `table` is a file that holds another group's multiplication table, in place of a name: row a and
    column b hold the number of ab, from 0, in lines of a .csv or in a square array of a .npy. It is
    read whenever the run is, so leave it where it is and as it is.
    """
    g = from_file(table) if table != "" else named(group, elements)
    return binary(f"ab in {g.name}", g.order, lambda a, b: g.table[a, b], g)


def named(group: Any, elements: Any) -> Group:
    """The group called so, with its elements in this order."""
    if not isinstance(group, str):
        raise BadInput(f"task.group={group!r} is not a group. Write a name, as in C113 or S5.")
    if not isinstance(elements, str):
        names = ", ".join(ORDERS)
        raise BadInput(f"task.elements={elements!r} is not an order of elements. Known: {names}.")
    return families.group(group, elements)


def from_file(table: Any) -> Group:
    """The group whose multiplication table this .csv or .npy file holds.

    Raises `BadInput` for a file that cannot be read, and for a table that is not a group's.
    """
    readers = {".csv": _from_csv, ".npy": _from_npy}
    path = Path(table) if isinstance(table, str) else Path()
    if path.suffix not in readers:
        raise BadInput(f"task.table={table!r} is not a .csv or .npy file. Write the path of one.")
    try:
        if path.stat().st_size > 16 * LARGEST_ORDER**2:
            raise families.too_large(path.name)
        rows = readers[path.suffix](path)
        if len(rows) == 0:
            raise ValueError("it is empty")
    except BadInput:
        raise
    except OSError as error:
        raise BadInput(f"task.table={table} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise BadInput(f"task.table={table} does not hold a table: {error}.") from None
    if len(rows) > LARGEST_ORDER:
        raise families.too_large(path.name)
    return families.from_table(rows, path.stem)


def _from_csv(path: Path) -> list[list[int]]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [[int(cell) for cell in line.split(",")] for line in lines if line.strip()]


def _from_npy(path: Path) -> np.ndarray:
    rows = np.lib.format.open_memmap(path, mode="r")  # its size is that of the file, or it fails
    is_whole = rows.dtype.kind in "iu"
    return np.array(rows, dtype=np.int64 if is_whole else rows.dtype, ndmin=1)
