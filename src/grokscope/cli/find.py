"""Finding a run by what its user calls it."""

from pathlib import Path
from typing import TYPE_CHECKING

from grokscope.errors import BadInput, unknown

if TYPE_CHECKING:
    from grokscope.training.run import Run


def find(name: str, out: Path) -> "Run":
    """The run in a folder, or the one under `out` whose id begins like this."""
    from grokscope.training.run import Run, find_folders

    if (Path(name) / "spec.json").exists():
        return Run.open(name)
    folders = {folder.name: folder for folder in find_folders(out)}
    if Path(name).is_dir() and name not in folders:
        return Run.open(name)  # and be told what is missing
    alike = [name] if name in folders else [key for key in folders if key.startswith(name)]
    if len(alike) == 1:
        return Run.open(folders[alike[0]])
    if alike:
        raise BadInput(
            f"`{name}` begins the id of several runs: {', '.join(alike)}. Write more of it."
        )
    if not folders:
        raise BadInput(f"there are no runs in {out}. `grokscope run demo` makes one.")
    raise unknown("run", name, folders)
