"""A run, or a whole zoo, put on the Hub."""

from pathlib import Path
from tempfile import TemporaryDirectory

from grokscope.disk import is_there
from grokscope.errors import BadInput, brief
from grokscope.training.run import Run
from grokscope.zoo.hub import upload
from grokscope.zoo.manifest import RECORD
from grokscope.zoo.packing import pack
from grokscope.zoo.pulling import REPOSITORY


def push(run: Run | Path, repo: str, private: bool = False) -> str:
    """Put a run, or the folder of a zoo that was built, into a repository; its address. Raises
    `BadInput` for what is no repository or may not be written, `StorageError` where the Hub cannot
    be reached."""
    if REPOSITORY.fullmatch(repo) is None or repo.count("/") != 1:
        raise BadInput(f"`{brief(repo)}` is no repository of the Hub: write it as OWNER/NAME.")
    if isinstance(run, Path):
        return upload(run, repo, private)
    with TemporaryDirectory() as folder:
        pack(run, Path(folder), repo.partition("/")[2], repo)
        return upload(Path(folder), repo, private)


def is_zoo(folder: Path) -> bool:
    """Whether a zoo was built there."""
    return is_there(folder / RECORD)
