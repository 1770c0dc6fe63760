"""Where a network's files are: a file with its JSON beside it, or a folder.

A folder can hold one network, whose checkpoints are files named by their step (and `init`, `final`)
or whose weights are arrays, a file each; or many files that are a network each, in folders of
folders too. Files of training data, as train_data.pth, are no networks.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grokscope.errors import BadInput
from grokscope.foreign.containers import unpack
from grokscope.foreign.files import SUFFIXES, read_file, read_json
from grokscope.foreign.layout import Contents, State
from grokscope.foreign.split import Split, is_of_pairs, split_beside

CONFIGS = ("cfg.json", "config.json", "params.json", "hyper.json")
ARRAYS = (".npy",)
DEEPEST = 6  # folders below a source


@dataclass(frozen=True)
class Source:
    """One network's files, in the order of their steps, and the file or folder it is named by."""

    path: Path
    files: tuple[Path, ...]


def sources(path: Path) -> list[Source]:
    """The networks in a file or folder. Raises `BadInput` if there are none."""
    if path.is_file():
        is_array = path.suffix in ARRAYS  # a network is several of them
        arrays = sorted(f for f in path.parent.glob("*.npy") if not is_of_pairs(f))
        together = arrays if is_array else [path]
        return [Source(path.parent if is_array else path, tuple(together))]
    if not path.is_dir():
        raise BadInput(f"{path}: there is no such file or folder.")
    networks = list(_below(path, DEEPEST))
    if not networks:
        raise BadInput(
            f"{path} holds no file of weights ({', '.join(SUFFIXES)}). Name a file, or the folder "
            "that holds some."
        )
    return networks


def _below(folder: Path, depth: int) -> Iterator[Source]:
    every = sorted(f for f in folder.iterdir() if f.is_file() and f.suffix in SUFFIXES)
    files = [f for f in every if not is_of_pairs(f)]
    arrays = tuple(f for f in files if f.suffix in ARRAYS)
    files = [f for f in files if f.suffix not in ARRAYS]
    steps = sorted((f for f in files if f.stem.isdecimal()), key=lambda f: int(f.stem))
    first, last = ([f for f in files if f.stem == end] for end in ("init", "final"))
    whole = [f for f in files if f.stem == "full_run"]
    if whole:
        files = whole
    elif steps:
        together = (*first, *steps, *last)
        yield Source(folder, together)
        files = [f for f in files if f not in together]
    if arrays:
        yield Source(folder, arrays)
    yield from (Source(f, (f,)) for f in files)
    if depth > 0:
        for inner in sorted(f for f in folder.iterdir() if f.is_dir()):
            yield from _below(inner, depth - 1)


def pairs_beside(source: Source) -> tuple[Split | None, tuple[str, ...]]:
    """The split that files of pairs beside a network say, as train_data.pth, and why there is none
    where these are not read."""
    folder = source.path if source.path.is_dir() else source.path.parent
    kinds = (*SUFFIXES, ".json")
    files = sorted(f for f in folder.iterdir() if f.suffix in kinds and is_of_pairs(f))
    names = ", ".join(f.name for f in files)
    if files and len(list(_below(folder, 0))) > 1:
        return None, (f"{names}: of which of the networks beside it is not said; --split says it",)
    try:
        return split_beside(files), ()
    except BadInput as error:
        return None, (f"not read: {error}",)


def open_source(source: Source) -> Contents:
    """What the files of a source hold, as one."""
    if all(f.suffix in ARRAYS for f in source.files):
        config = _config(source.path, source.path)
        arrays = {f.stem: next(iter(read_file(f).values())) for f in source.files}
        path = source.path if source.path.is_dir() else source.path.parent
        return Contents(path, _over_time(arrays, config), config)
    each = [unpack(f, read_file(f), _config(f, source.path)) for f in source.files]
    if len(each) == 1:
        one = each[0]
        if source.files[0].suffix == ".npz":
            return replace(one, checkpoints=_over_time(one.state, one.config))
        return one
    checkpoints: dict[int, State] = {}
    config: dict[str, Any] = {}
    record: dict[str, Any] = {}
    for file, one in zip(source.files, each, strict=True):
        for step, state in one.checkpoints.items():
            at = step
            if file.stem == "final" and checkpoints:
                at = max(step, max(checkpoints) + 1)
            elif file.stem.isdecimal():
                at = int(file.stem)
            checkpoints.setdefault(at, state)
        config, record = {**config, **one.config}, {**record, **one.record}
    return Contents(source.path, checkpoints, config, record)


def _over_time(arrays: State, config: dict[str, Any]) -> dict[int, State]:
    """Arrays of all checkpoints, along their first axis, as checkpoints."""
    drawn = {name: x for name, x in arrays.items() if not name.startswith("dft_")}
    lengths = {len(x) for x in drawn.values() if x.ndim == 3}
    if len(lengths) != 1 or any(x.ndim != 3 for x in drawn.values()):
        return {0: drawn}
    every = config.get("save_every")
    every = every if type(every) is int and every > 0 else 1
    return {every * i: {k: x[i] for k, x in drawn.items()} for i in range(lengths.pop())}


def _config(file: Path, source: Path) -> dict[str, Any]:
    """The JSON beside a file: of its own name, or of its folder where it is the only one there."""
    folder = file if file.is_dir() else file.parent
    rest = file.stem.partition("_")[2]
    own = [f"{file.stem}.json"] + [f"{x}_{rest}.json" for x in ("config", "cfg") if rest]
    own = [] if file.is_dir() else own
    is_alone = (
        file.stem in ("model", "full_run", "init", "final")
        or source.is_dir()
        or (len([f for f in folder.iterdir() if f.suffix in SUFFIXES]) == 1)
    )
    shared = [*CONFIGS] if is_alone else []
    for path in [folder / name for name in (*own, *shared)]:
        if path.is_file():
            return read_json(path)
    above = folder.parent / "params.json"
    return read_json(above) if folder.name == "ckpts" and above.is_file() else {}


def digest(source: Source) -> str:
    """A checksum of its files."""
    digest = hashlib.sha256()
    for file in source.files:
        with file.open("rb") as content:
            while block := content.read(2**20):
                digest.update(block)
    return f"sha256 {digest.hexdigest()[:12]}"
