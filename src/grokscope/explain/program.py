"""The simplest circuit that explains a run's network, as a Python program in its folder."""

from pathlib import Path

from grokscope.circuits.circuit import Circuit
from grokscope.explain.explanation import Explanation
from grokscope.training.files import write_atomically
from grokscope.training.run import Run


def write_circuit(run: Run, e: Explanation) -> Path | None:
    """Write the simplest circuit that holds into the run's folder as circuit.py, and return its
    path; None where no algorithm is named."""
    if e.simplest is None:
        return None
    path = run.folder / "circuit.py"
    write_atomically(path, as_program(run, e.simplest.circuit, e.snapshot.step).encode())
    return path


def as_program(run: Run, circuit: Circuit, step: int | None) -> str:
    """What circuit.py holds: the circuit's program under a line that says of what it is."""
    title = f"{run.task.name}, step {step}: {circuit.form}. {circuit.equation}"
    return f'"""{title}"""\n\n{circuit.program()}'
