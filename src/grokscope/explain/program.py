"""The simplest circuit that explains a run's network, as a Python program in its folder."""

from pathlib import Path

from grokscope.explain.explanation import Explanation
from grokscope.training.files import write_atomically
from grokscope.training.run import Run


def write_circuit(run: Run, e: Explanation) -> Path | None:
    """Write the simplest circuit that holds into the run's folder as circuit.py, and return its
    path; None where no algorithm is named."""
    if e.simplest is None:
        return None
    circuit, path = e.simplest.circuit, run.folder / "circuit.py"
    title = f"{run.task.name}, step {e.snapshot.step}: {circuit.form}. {circuit.equation}"
    write_atomically(path, f'"""{title}"""\n\n{circuit.program()}'.encode())
    return path
