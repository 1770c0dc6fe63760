"""Products in a finite group: Chughtai et al. 2023, Stander et al. 2023, Wu et al. 2024."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from grokscope.algebra import families
from grokscope.algebra.groups import LARGEST_ORDER, Group
from grokscope.algebra.orders import ORDERS
from grokscope.disk import read_regular
from grokscope.errors import BadInput, DamagedFile, brief, written
from grokscope.task import Task, binary, task

LARGEST_TABLE = 16 * LARGEST_ORDER**2  # bytes


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
        raise BadInput(
            f"task.group={written(group)} is not a group. Write a name, as in C113 or S5."
        )
    if not isinstance(elements, str):
        names = ", ".join(ORDERS)
        raise BadInput(
            f"task.elements={written(elements)} is not an order of elements. Known: {names}."
        )
    return families.group(group, elements)


def from_file(table: Any) -> Group:
    """The group whose multiplication table this .csv or .npy file holds.

    Raises `BadInput` for a file that is not there, and for a table that is not a group's;
    `StorageError` for one that the system does not let be read.
    """
    readers = {".csv": _from_csv, ".npy": _from_npy}
    path = Path(table) if isinstance(table, str) else Path()
    if path.suffix not in readers:
        raise BadInput(
            f"task.table={written(table)} is not a .csv or .npy file. Write the path of one."
        )
    said = f"task.table={brief(str(table), 300)}"
    try:
        content = read_regular(path, LARGEST_TABLE)
        rows = readers[path.suffix](content)
    except FileNotFoundError as error:
        raise BadInput(f"{said} cannot be read: {error.strerror}.") from None
    except DamagedFile:
        raise families.too_large(path.name) from None
    except ValueError as error:
        raise BadInput(f"{said} does not hold a table: {brief(str(error))}.") from None
    if len(rows) > LARGEST_ORDER:
        raise families.too_large(path.name)
    return families.from_table(rows, path.stem)


def _from_csv(content: bytes) -> list[list[int]]:
    """The rows. Raises `ValueError` for what holds none, `DamagedFile` for too many numbers."""
    lines = [line for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    if not lines:
        raise ValueError("it is empty")
    if max(len(lines), *(line.count(",") for line in lines)) > LARGEST_ORDER:
        raise DamagedFile
    return [[int(cell) for cell in line.split(",")] for line in lines]


def _from_npy(content: bytes) -> np.ndarray:
    """The array. Raises `ValueError` for what holds none, or less of it than it says."""
    try:
        rows = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        rows = np.array(rows, dtype=np.int64 if rows.dtype.kind in "iu" else rows.dtype, ndmin=1)
    except Exception as error:  # a damaged header fails in many ways, and all mean the same
        raise ValueError(str(error) or type(error).__name__) from None
    if len(rows) == 0:
        raise ValueError("it is empty")
    return rows
