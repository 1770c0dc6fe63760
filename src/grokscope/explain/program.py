"""The simplest circuit that explains a run's network, as a Python program in its folder."""

from pathlib import Path

from grokscope.training.files import write_atomically
from grokscope.training.run import Run


def write_circuit(run: Run, content: str | None) -> Path | None:
    """Write a circuit's program into the run's folder as circuit.py, and return its path; None
    where there is none. Raises `StorageError`."""
    if content is None:
        return None
    path = run.folder / "circuit.py"
    write_atomically(path, content.encode())
    return path


def circuit_file(task: str, step: int | None, form: str, equation: str, program: str) -> str:
    """What circuit.py holds: the circuit's program under a line that says of what it is."""
    return f'"""{task}, step {step}: {form}. {equation}"""\n\n{program}'
