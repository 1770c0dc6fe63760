"""What a run takes of the disk, and removing it: the files that it wrote, and no others."""

import re
from pathlib import Path

from grokscope.disk import names_in
from grokscope.errors import BadInput
from grokscope.training.batch import is_batch, numbers_in
from grokscope.training.files import writing
from grokscope.training.run import OWN, Run

MADE = re.compile(rf"{OWN.pattern}|report\.html|\..*\.part|damaged\..*", re.IGNORECASE)
LAST = ("specs.jsonl", "spec.json", ".lock")  # what makes it a run goes last


def bytes_of(run: Run) -> int:
    """What a run takes of the disk; of one in a batch, its part of what all take together."""
    own = _size(run.folder)
    if run.share is None:
        return own
    shared = sum(_size(x) for x in run.home.iterdir() if x.is_file())
    return own + shared // len(numbers_in(run.home))


def runs_in(folder: Path) -> list[Run]:
    """The runs that are removed with a folder: one, or those of a batch. Raises `BadInput` for
    what is no run, and for one network of a batch."""
    if is_batch(folder):
        return [Run.open(folder / name) for name in numbers_in(folder)]
    run = Run.open(folder)
    if run.share is not None:
        raise BadInput(
            f"{run.name} is one of {len(numbers_in(run.home))} networks in {run.home}, whose files "
            f"hold them all. `grokscope rm {run.home}` removes all of them."
        )
    if folder.is_symlink():
        raise BadInput(f"{folder} is a link. Name the folder that it leads to.")
    return [run]


def remove(folder: Path) -> list[Path]:
    """Remove the files of a run or a batch, and its folder; what else is in there is left, and
    returned. Whoever is interrupted can do it again. Raises `StorageError` if it is being trained,
    or the disk refuses."""
    from grokscope.training.keeping import lock

    own = [run.folder for run in runs_in(folder) if run.folder != folder and run.folder.is_dir()]
    with lock(folder):
        left = [file for x in own for file in _emptied(x)]
        return [*left, *_emptied(folder)]


def _emptied(folder: Path) -> list[Path]:
    """A folder without what runs write, and removed if nothing else is there; what is left."""
    names = names_in(folder)
    ours = [name for name in names if MADE.fullmatch(name) and (folder / name).is_file()]
    with writing(folder):
        for name in sorted(ours, key=lambda name: LAST.index(name) if name in LAST else -1):
            (folder / name).unlink(missing_ok=True)
        left = [folder / name for name in names_in(folder)]
        if not left:
            folder.rmdir()
    return left


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(x.stat().st_size for x in path.rglob("*") if x.is_file())
