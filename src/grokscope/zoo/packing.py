"""A run as a folder that can be pushed: its own files, a card, a picture, its circuit as a program,
and its weights for TransformerLens where it has a counterpart there.

    README.md                           the card
    spec.json, metrics.jsonl, step-*    the run, as grokscope reads it
    picture.png                         its curves, and what carries its answers
    circuit.py                          the circuit that explains it, where one is named
    transformer_lens.safetensors        and .json: its last weights under TransformerLens's names
"""

from collections.abc import Sequence
from pathlib import Path

from grokscope.disk import is_there
from grokscope.errors import BadInput
from grokscope.foreign.exporting import export
from grokscope.models.hooked import why_no_counterpart
from grokscope.plots.outline import outline
from grokscope.plots.run import save
from grokscope.reading.reading import Reading, read
from grokscope.training.files import write_atomically
from grokscope.training.run import SPLIT_FILE, Run
from grokscope.zoo.card import CARD, PICTURE, TRANSFORMER_LENS, card


def pack(
    run: Run,
    folder: Path | None = None,
    name: str | None = None,
    place: str | None = None,
    steps: Sequence[int] | None = None,
    more: Sequence[str] = (),
) -> Path:
    """Write a run into `folder`, by default `hub` in its own: with these of its checkpoints, by
    default all, under a name, by default its own. `place` is where it will be, OWNER/NAME on the
    Hub; `more` are lines for the card's beginning. Raises `BadInput` for a file in the way, and
    `StorageError`."""
    home = folder or run.folder / "hub"
    if home.exists() and not home.is_dir():
        raise BadInput(f"{home} is a file, and a folder is written. Choose another name.")
    if is_there(home / "spec.json") and home.resolve() == run.folder.resolve():
        raise BadInput(f"{home} is the run itself. Choose another folder.")
    reading = read(run)
    copy_run(run, home, run.steps if steps is None else steps)
    has_hooks = _write_beside(run, reading, home)
    text = card(reading.facts, name or run.name, place, has_hooks, more)
    write_atomically(home / CARD, text.encode())
    return home


def copy_run(run: Run, home: Path, steps: Sequence[int]) -> None:
    """What makes a run, with the checkpoints of these steps; the spec last, so that what was cut
    short is no run."""
    if run.lines:
        write_atomically(home / "metrics.jsonl", run.lines)
    if is_there(run.folder / SPLIT_FILE):
        write_atomically(home / SPLIT_FILE, run.content(run.folder / SPLIT_FILE))
    copy = Run(run.spec, home)
    for step in steps:
        write_atomically(copy.checkpoint(step), run.content(run.checkpoint(step)))
    write_atomically(home / "spec.json", run.spec.to_json().encode())


def _write_beside(run: Run, reading: Reading, home: Path) -> bool:
    """The picture, the circuit and the weights for TransformerLens; whether it has these."""
    save(outline(reading.facts), home / PICTURE)
    found = reading.explained
    for program in [] if found is None else list(found.circuit_files.values())[:1]:
        write_atomically(home / "circuit.py", program.encode())
    if why_no_counterpart(run.model()) is not None:
        return False
    export(run, None, home / TRANSFORMER_LENS)
    return True
