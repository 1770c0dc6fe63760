"""Where a network's files are: a file with its JSON beside it, or a folder.

A folder can hold one network, whose checkpoints are files named by their step (and `init`, `final`)
or whose weights are arrays, a file each; or many files that are a network each, in folders of
folders too. Files of training data, as train_data.pth, are no networks. Regular files alone are
taken; a folder that links lead to more than once is walked once.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grokscope.border.regular import kind_of, open_regular, reason, shown
from grokscope.errors import BadInput
from grokscope.foreign.containers import is_step_name, unpack
from grokscope.foreign.files import SUFFIXES, Reader
from grokscope.foreign.layout import Contents, State
from grokscope.foreign.split import Split, is_of_pairs, split_beside

CONFIGS = ("cfg.json", "config.json", "params.json", "hyper.json")
ARRAYS = (".npy",)
THERE = ("file", "special")  # that is opened, or refused for what it is
DEEPEST = 6  # folders below a source
MOST_FILES = 100_000  # that are looked at below one


@dataclass(frozen=True)
class Source:
    """One network's files, in the order of their steps, and the file or folder it is named by."""

    path: Path
    files: tuple[Path, ...]


class Walk:
    """A walk through folders: each once, and not through more files than are looked at."""

    def __init__(self, root: Path):
        self._root, self._left = root, MOST_FILES
        self._seen: set[tuple[int, int]] = set()

    def entries(
        self, folder: Path, suffixes: tuple[str, ...] = SUFFIXES
    ) -> tuple[list[Path], list[Path]]:
        """The files with such endings, and the folders, of a folder that was not seen before; none
        of one that was. Raises `BadInput` if it cannot be read, or there are too many."""
        try:
            about = folder.stat()
            place = (about.st_dev, about.st_ino)
            names = [] if place in self._seen else self._names(folder)
            self._seen.add(place)
        except OSError as error:
            raise BadInput(f"{shown(folder)} cannot be read: {reason(error)}.") from None
        there = sorted(folder / name for name in names)
        files = [f for f in there if f.suffix in suffixes and _kind(f) == "file"]
        return files, [f for f in there if f.suffix not in suffixes and _kind(f) == "folder"]

    def _names(self, folder: Path) -> list[str]:
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                self._left -= 1
                if self._left < 0:
                    raise BadInput(
                        f"{shown(self._root)} holds more than {MOST_FILES:,} files and folders. "
                        "Name the folder that holds the weights."
                    )
        return names


def sources(path: Path) -> list[Source]:
    """The networks in a file or folder. Raises `BadInput` if there are none."""
    kind = kind_of(path)
    if kind == "file":
        if path.suffix not in ARRAYS:
            return [Source(path, (path,))]
        beside, _ = Walk(path.parent).entries(path.parent)  # a network is several arrays
        arrays = (f for f in beside if f.suffix in ARRAYS and not is_of_pairs(f))
        return [Source(path.parent, tuple(arrays))]
    if kind == "nothing":
        raise BadInput(f"{shown(path)}: there is no such file or folder.")
    if kind == "special":
        raise BadInput(f"{shown(path)} is neither a regular file nor a folder. Copy it to a file.")
    networks = list(_below(Walk(path), path, DEEPEST))
    if not networks:
        raise BadInput(
            f"{shown(path)} holds no file of weights ({', '.join(SUFFIXES)}). Name a file, or the "
            "folder that holds some."
        )
    return networks


def _below(walk: Walk, folder: Path, depth: int) -> Iterator[Source]:
    every, folders = walk.entries(folder)
    files = [f for f in every if not is_of_pairs(f)]
    arrays = tuple(f for f in files if f.suffix in ARRAYS)
    files = [f for f in files if f.suffix not in ARRAYS]
    steps = sorted((f for f in files if is_step_name(f.stem)), key=lambda f: int(f.stem))
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
        for inner in folders:
            yield from _below(walk, inner, depth - 1)


def _home(source: Source) -> Path:
    return source.path if source.path.is_dir() else source.path.parent


def pairs_beside(source: Source, reader: Reader) -> tuple[Split | None, tuple[str, ...]]:
    """The split that files of pairs beside a network say, as train_data.pth, and why there is none
    where these are not read."""
    folder = _home(source)
    beside, _ = Walk(folder).entries(folder, (*SUFFIXES, ".json"))
    files = [f for f in beside if is_of_pairs(f)]
    names = ", ".join(f.name for f in files)
    if files and len(list(_below(Walk(folder), folder, 0))) > 1:
        return None, (f"{names}: of which of the networks beside it is not said; --split says it",)
    try:
        return split_beside(files, reader), ()
    except BadInput as error:
        return None, (f"not read: {error}",)


def open_source(source: Source, reader: Reader) -> Contents:
    """What the files of a source hold, as one."""
    if all(f.suffix in ARRAYS for f in source.files):
        config = _config(source.path, source.path, reader)
        arrays = {f.stem: next(iter(reader.read(f).values())) for f in source.files}
        return Contents(_home(source), _over_time(arrays, config), config)
    each = [unpack(f, reader.read(f), _config(f, source.path, reader)) for f in source.files]
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
            elif is_step_name(file.stem):
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


def _config(file: Path, source: Path, reader: Reader) -> dict[str, Any]:
    """The JSON beside a file: of its own name, or of its folder where it is the only one there."""
    folder = file if file.is_dir() else file.parent
    rest = file.stem.partition("_")[2]
    own = [f"{file.stem}.json"] + [f"{x}_{rest}.json" for x in ("config", "cfg") if rest]
    own = [] if file.is_dir() else own
    is_alone = (
        file.stem in ("model", "full_run", "init", "final")
        or source.is_dir()
        or len(Walk(folder).entries(folder)[0]) == 1
    )
    shared = [*CONFIGS] if is_alone else []
    for path in [folder / name for name in (*own, *shared)]:
        if _kind(path) in THERE:
            return reader.read_object(path)
    above = folder.parent / "params.json"
    return reader.read_object(above) if folder.name == "ckpts" and _kind(above) in THERE else {}


def _kind(path: Path) -> str:
    """What is there; nothing where the system does not say, as of a link that leads to itself."""
    try:
        return kind_of(path)
    except BadInput:
        return "nothing"


def digest(source: Source) -> str:
    """A checksum of its files."""
    digest = hashlib.sha256()
    for path in source.files:
        with open_regular(path) as file:
            while block := file.read(2**20):
                digest.update(block)
    return f"sha256 {digest.hexdigest()[:12]}"
