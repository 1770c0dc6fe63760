"""What `check --repair` does to the files of a run, in a folder of its own or in a batch: there the
others' shares stay as they are, and the whole file is kept under another name before it changes.
"""

from pathlib import Path

from torch import Tensor

from grokscope.errors import DamagedFile
from grokscope.integrity.finding import keep_copy, set_aside
from grokscope.training.files import write_atomically
from grokscope.training.run import Run
from grokscope.training.shares import Shares, drop, put, put_lines
from grokscope.training.tensors import write_tensors


def take_out(run: Run, path: Path) -> str:
    """Take what the run has in a file out of what is read; the name under which it is kept."""
    if run.share is None:
        return set_aside(path)
    kept = keep_copy(path)
    try:
        drop(path, [run.share.number])
    except DamagedFile:  # no share of it can be read
        path.with_name(kept).unlink()
        return set_aside(path)
    return kept


def put_rows(run: Run, content: bytes) -> None:
    """Write the run's evaluations anew."""
    if run.share is None:
        write_atomically(run.metrics_file, content)
    else:
        put_lines(run.share.batch, {run.share.number: content})


def put_tensors(run: Run, path: Path, tensors: dict[str, Tensor], notes: dict[str, str]) -> None:
    """Write what the run has in a file of tensors anew."""
    if run.share is None:
        write_tensors(path, tensors, notes)
    else:
        rows = {name: x[None] for name, x in tensors.items()}
        put(path, Shares([run.share.number], rows, [notes]))
