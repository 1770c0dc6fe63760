"""Which rules judge: a digest of the source that a verdict, a name or a bound depends on.

The version of the package is the same all through its development; this is not. It changes with
every character of that source, so that what was judged by other rules is judged again.
"""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import grokscope

JUDGES = (
    "activations.py", "algebra", "score.py", "snapshot.py", "canonical.py", "measures", "circuits",
    "verify", "explain",
)  # fmt: skip


def digest(plugins: Iterable[Path] = (), home: Path | None = None) -> str:
    """Eight hexadecimal digits of the sources that judge and of the plug-in files, which can add to
    them. `home` is the folder of the package."""
    package = Path(grokscope.__file__).parent if home is None else home
    found = hashlib.sha256()
    for file in sorted(file for name in JUDGES for file in _sources(package / name)):
        found.update(f"{file.relative_to(package)}\n".encode() + file.read_bytes())
    for file in plugins:
        found.update(file.read_bytes())
    return found.hexdigest()[:8]


def _sources(path: Path) -> list[Path]:
    """The Python files of a module or a package; none where it is not there."""
    if path.is_dir():
        return [*path.rglob("*.py")]
    return [path] if path.is_file() else []


def package_version() -> str:
    return version("grokscope")
