"""What can go wrong, as a tree.

    GrokscopeError
    ├── BadInput        what was asked cannot be done; nothing was started
    │   ├── UnknownName     a task, model, key, ... that does not exist; says the nearest that does
    │   └── NotApplicable   a measure that this task or network has no meaning for
    ├── StorageError    the disk refused; nothing is damaged
    │   └── InUse           another process holds the run, or the sweep
    ├── DamagedFile     a file is not what was written; says which, and what to do
    └── RewriteError    a fast step disagrees with its plain twin; a defect of the model's fold

Every message names the thing, the value and the next step.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

T = TypeVar("T")


class GrokscopeError(Exception):
    """Any error this package raises on purpose."""


class BadInput(GrokscopeError, ValueError):
    """What was asked for is impossible."""


class UnknownName(BadInput):
    """A name of something that does not exist."""


class NotApplicable(BadInput):
    """A measure that this task or network has no meaning for."""


class StorageError(GrokscopeError):
    """A file could not be read or written, or the folder is in use."""


class InUse(StorageError):
    """Another process works in the folder."""


class DamagedFile(GrokscopeError):
    """A file cannot be read back as it was written."""


class RewriteError(GrokscopeError):
    """A fast formulation does not equal its plain twin."""


def together(refused: Sequence[tuple[str, GrokscopeError]]) -> GrokscopeError:
    """The errors of several things, each by its name, as one of the first's kind; that of one thing
    as it is."""
    (_, first), *rest = refused
    text = "\n".join(f"{name}: {error}" for name, error in refused)
    return type(first)(text) if rest else first


def unknown(kind: str, name: str, names: Iterable[str]) -> UnknownName:
    """The error for a `kind` (task, model, ...) that is none of these `names`: it says the nearest
    one."""
    names, name = sorted(names), name if len(name) <= 80 else f"{name[:60]}..."
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(names)}."
    return UnknownName(f"no {kind} is called `{brief(name)}`. {hint}")


def lookup(kind: str, name: str, registry: Mapping[str, T]) -> T:
    """`registry[name]`, or an error that names the nearest."""
    if name not in registry:
        raise unknown(kind, name, registry)
    return registry[name]


def must_be(setting: str, wanted: str, value: Any) -> BadInput:
    """The error for a `setting` (`steps`, `model.d_mlp`, `--threads`) of another value than what is
    `wanted`, as in "a whole number of at least 1"."""
    return BadInput(f"`{setting}` must be {wanted}, not {written(value)}.")


def written(value: Any) -> str:
    """A value as Python writes it, where that is short; else its beginning, or what it is."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or thousands of brackets
        return f"such {type(value).__name__}"
    return shown if len(shown) < 80 else f"{shown[:60]}..."


def brief(text: str, most: int = 120) -> str:
    """A text of at most about `most` characters: of a longer one, how it begins and ends."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}...{text[-most // 4 :]} ({len(text):,} characters)"
