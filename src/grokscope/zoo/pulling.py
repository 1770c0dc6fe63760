"""Networks pulled into a folder of runs: from the package, from a folder, or from the Hub.

What is taken is what makes a run, and nothing else. It is looked at in a place of its own, and is
under its name only when it is whole; a network of the zoo must be the one that was recorded.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from grokscope.disk import is_there, names_in, read_regular
from grokscope.errors import BadInput, DamagedFile, StorageError, brief, unknown
from grokscope.training.files import write_atomically, writing
from grokscope.training.run import CHECKPOINT, MOST_BYTES, SPLIT_FILE, Run
from grokscope.zoo.manifest import NETWORKS, named, recorded

HOME = "grokscope/zoo"  # on the Hub, where GROKSCOPE_ZOO says no other repository or folder
OF_RUN = re.compile(
    rf"spec\.json|metrics\.jsonl|{re.escape(SPLIT_FILE)}|{CHECKPOINT.pattern}"
)  # files
PATTERNS = ("spec.json", "metrics.jsonl", SPLIT_FILE, "step-*.safetensors")
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?:/[\w.-]+)*")
NAME = re.compile(r"[\w+-][\w.+-]{0,99}")
BESIDE = ".pulled"  # in the folder of runs, for what is not whole yet


@dataclass(frozen=True)
class Pulled:
    """A run, and whether it was there already."""

    run: Run
    was_there: bool


def pull(name: str, out: Path) -> Pulled:
    """The network of this name as a run under `out`: one of the zoo, a folder, or a repository of
    the Hub. Raises `UnknownName`, `BadInput` for what holds no run, `DamagedFile` for a network of
    the zoo that is not the recorded one, and `StorageError` where another run has its name, the
    disk refuses or the Hub cannot be reached."""
    if name in NETWORKS:
        expected = recorded().get(name, {}).get("files", {})
        with _of_zoo(name) as folder:
            return _placed(folder, name, out, expected)
    if is_there(Path(name) / "."):
        return _placed(Path(name), Path(name).resolve().name, out, {})
    if REPOSITORY.fullmatch(name) is None:
        raise unknown("network of the zoo", name, NETWORKS)
    owner, own, *within = name.split("/")
    with _of_hub(f"{owner}/{own}", "/".join(within)) as folder:
        return _placed(folder, name.split("/")[-1], out, {})


def unpacked(name: str, out: Path) -> Path:
    """The folder under `out` of a network of the zoo that travels with the package, or was pulled;
    it is put there first. Raises as `pull`, and `BadInput` for one that is not here."""
    network = named(name)
    if is_there(out / name / "spec.json"):
        return out / name
    if not is_there(network.on_shelf / "spec.json"):
        train = "" if network.command is None else f" To train it again: {network.command}"
        raise BadInput(
            f"{name} does not travel with the package. `grokscope pull {name}` fetches it.{train}"
        )
    return pull(name, out).run.folder


@contextmanager
def _of_zoo(name: str) -> Iterator[Path]:
    """Where the files of a network of the zoo are: in the package, or where GROKSCOPE_ZOO says."""
    network, home = named(name), os.environ.get("GROKSCOPE_ZOO", HOME)
    if is_there(network.on_shelf / "spec.json"):
        yield network.on_shelf
    elif is_there(Path(home) / "."):
        yield Path(home) / name
    else:
        with _of_hub(home, name) as folder:
            yield folder


@contextmanager
def _of_hub(repo: str, within: str) -> Iterator[Path]:
    """The files of a run in a repository, or in a folder of it, while they are looked at."""
    from grokscope.zoo.hub import download

    start = f"{within}/" if within else ""
    with TemporaryDirectory() as folder:
        download(repo, [start + pattern for pattern in PATTERNS], Path(folder))
        yield Path(folder) / within


def _placed(source: Path, name: str, out: Path, expected: Mapping[str, str]) -> Pulled:
    """The run of a folder under its name in `out`."""
    taken = [x for x in names_in(source) if OF_RUN.fullmatch(x)]
    if "spec.json" not in taken or not any(map(CHECKPOINT.fullmatch, taken)):
        raise BadInput(f"{brief(str(source), 300)} is no run: it has no spec.json and checkpoints.")
    if NAME.fullmatch(name) is None:
        raise BadInput(f"`{brief(name)}` cannot be the name of a run. Rename the folder.")
    contents = {x: read_regular(source / x, MOST_BYTES) for x in taken}
    _check_recorded(name, contents, expected)
    target = out / name
    if is_there(target):
        return _found(target, contents)
    beside = out / BESIDE / f"{name}.{os.getpid()}"
    try:
        for file, content in contents.items():
            write_atomically(beside / file, content)
        run = Run.open(beside)
        run.model()  # is it its own, and undamaged?
        with writing(target):
            beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if not names_in(out / BESIDE):
            shutil.rmtree(out / BESIDE, ignore_errors=True)
    return Pulled(Run.open(target), False)


def _found(target: Path, contents: Mapping[str, bytes]) -> Pulled:
    """The run that has the name already, if it is this one."""
    newest = max(x for x in contents if CHECKPOINT.fullmatch(x))
    for file in ("spec.json", newest):
        if not is_there(target / file) or (target / file).read_bytes() != contents[file]:
            raise StorageError(
                f"{target} holds another run. Move it away, or choose another --out."
            )
    return Pulled(Run.open(target), True)


def _check_recorded(name: str, contents: Mapping[str, bytes], expected: Mapping[str, str]) -> None:
    """Raise `DamagedFile` for a file that is not what was recorded of this network."""
    for file, digest in expected.items():
        found = hashlib.sha256(contents.get(file, b"")).hexdigest()
        if OF_RUN.fullmatch(file) and found != digest:
            what = "is not the one that was recorded" if file in contents else "is missing"
            raise DamagedFile(
                f"{file} of the zoo's {name} {what}: it was changed, or is of another version. "
                "Install the version of grokscope that it belongs to, or look at where it is from."
            )
