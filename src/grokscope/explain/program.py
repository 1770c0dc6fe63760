"""The circuits that explain a run's network as Python programs in its folder: that of the algorithm
that is named as circuit.py, and beside it one of each other form that holds, as circuit_coset.py.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from grokscope.training.files import write_atomically
from grokscope.training.run import Run


def write_circuits(run: Run, contents: Mapping[str, str]) -> list[Path]:
    """Write the programs of these forms, the one that is named first, into the run's folder, and
    return their paths. Raises `StorageError`."""
    paths = []
    for form, content in contents.items():
        path = run.folder / (file_name(form) if paths else "circuit.py")
        write_atomically(path, content.encode())
        paths.append(path)
    return paths


def file_name(form: str) -> str:
    """That of a form whose algorithm is not the one that is named."""
    return f"circuit_{re.sub(r'[^0-9A-Za-z]+', '_', form)}.py"


def circuit_file(task: str, step: int | None, form: str, equation: str, program: str) -> str:
    """What such a file holds: the circuit's program under a line that says of what it is."""
    return f'"""{task}, step {step}: {form}. {equation}"""\n\n{program}'
