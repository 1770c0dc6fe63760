"""Finding a run, or several, by what their user calls them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from grokscope.disk import is_there
from grokscope.errors import BadInput, brief, unknown

if TYPE_CHECKING:
    from grokscope.spec import Spec
    from grokscope.training.run import Run


ZOO = "zoo:"


def find(name: str, out: Path) -> "Run":
    """The run in a folder, the one under `out` whose id begins like this, or as zoo:NAME a network
    of the zoo."""
    from grokscope.training.run import Run

    return Run.open(folder_of(name, out))


def to_load(spec: "Spec", out: Path) -> "Spec":
    """The spec with the run that it loads from by its id, or by its folder where that is not under
    `out`: so the same run has the same id however it was called."""
    if spec.load is None:
        return spec
    folder = folder_of(spec.load, out)
    is_beside = any(x.resolve() == Path(out).resolve() for x in folder.parents[:2])
    return replace(spec, load=folder.name if is_beside else str(folder.resolve()))


def folders_of(names: Sequence[str], out: Path) -> list[Path]:
    """The folders of these runs, and of all in folders that hold runs; without names, of all under
    `out`. They are not opened. Raises `BadInput` for what is none of these."""
    from grokscope.training.run import find_folders

    if not names:
        found = find_folders(out)
        if not found:
            raise _no_runs(out)
        return found
    folders = [_in_folder(name) or [folder_of(name, out)] for name in names]
    return list(dict.fromkeys(folder for some in folders for folder in some))


def folder_of(name: str, out: Path) -> Path:
    """The folder of the run that `find` opens."""
    from grokscope.training.batch import Share
    from grokscope.training.run import find_folders

    if name.startswith(ZOO):
        from grokscope.zoo.pulling import unpacked

        return unpacked(name.removeprefix(ZOO), out)
    if is_there(Path(name) / "spec.json") or Share.of(Path(name)) is not None:
        return Path(name)
    folders = {folder.name: folder for folder in find_folders(out)}
    if name not in folders and is_there(Path(name) / "."):
        return Path(name)  # and be told what is missing
    alike = [name] if name in folders else [key for key in folders if key.startswith(name)]
    if len(alike) == 1:
        return folders[alike[0]]
    if alike:
        raise BadInput(
            f"`{brief(name)}` begins the id of several runs: {', '.join(alike)}. Write more of it."
        )
    if not folders:
        raise _no_runs(out)
    raise unknown("run", name, folders)


def _in_folder(name: str) -> list[Path]:
    """The runs in the folder of this name."""
    from grokscope.training.run import find_folders

    return [] if name.startswith(ZOO) else find_folders(name)


def _no_runs(out: Path) -> BadInput:
    return BadInput(f"there are no runs in {brief(str(out))}. `grokscope run demo` makes one.")
