"""The circuits that explain a run's network as Python programs in its folder: that of the algorithm
that is named as circuit.py, and beside it one of each other form that holds, as circuit_coset.py.
Of a mixture each formula has its own, as circuit_a_plus_b.py and circuit_a_plus_b_fourier.py.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from grokscope.training.files import write_atomically
from grokscope.training.run import Run

WIDTH = 96  # of a line
SIGNS = {
    "**": " to the ", "+": " plus ", "-": " minus ", "*": " times ", "/": " over ",
    "(": " open ", ")": " close ",
}  # fmt: skip


def write_circuits(run: Run, files: Mapping[str, str]) -> list[Path]:
    """Write these files, the one that is named first, into the run's folder, and return their
    paths. Raises `StorageError`."""
    paths = []
    for name, content in files.items():
        path = run.folder / name
        write_atomically(path, content.encode())
        paths.append(path)
    return paths


def file_name(form: str | None = None, formula: str = "") -> str:
    """That of the program of the algorithm that is named; with a form, of another that holds. Of
    a mixture, of one of its formulas."""
    for sign, word in SIGNS.items():
        formula = formula.replace(sign, word)
    words = [re.sub(r"[^0-9A-Za-z]+", "_", x).strip("_") for x in (formula, form or "")]
    return f"{'_'.join(['circuit', *filter(None, words)])}.py"


def circuit_file(
    task: str, step: int | None, algorithm: str, how: str, parts: Sequence[str], program: str
) -> str:
    """What such a file holds: the circuit's program under what it is, in words."""
    lines = [
        f"How a network computes {task}, at step {step}: {algorithm}.",
        fill(f"{how}.", WIDTH),
        fill(f"Its parts: {', '.join(parts)}.", WIDTH),
    ]
    return '"""' + "\n\n".join(lines).replace("\\", "/").replace('"', "'") + f'\n"""\n\n{program}'
