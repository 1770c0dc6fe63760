"""Files of one's own that add to what is known by name: a task, a model, a column."""

from collections.abc import Sequence
from pathlib import Path
from runpy import run_path

from grokscope.errors import BadInput


def load(files: Sequence[Path]) -> None:
    """Run plug-in files, which register what they define. Raises `BadInput` for one that fails."""
    for file in files:
        if not file.is_file():
            what = "it is not a file" if file.exists() else "there is no such file"
            raise BadInput(f"--use {file}: {what}.")
        try:
            run_path(str(file), run_name=file.stem)
        except (Exception, SystemExit) as error:
            raise BadInput(f"--use {file} failed: {type(error).__name__}: {error}") from error
