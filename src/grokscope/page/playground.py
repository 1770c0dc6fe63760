"""The playground: one page in which a network trains, is watched, broken and taken away.

The network trains in the reader's browser (`web/src/playground/`), in a worker that is made of a
blob; the page fetches nothing. Groups, with the parts of their functions, are written into it from
here, so that the page names what the package names.
"""

import json
from pathlib import Path
from string import Template
from typing import Any

from grokscope.algebra.names import element_names
from grokscope.algebra.splits import isotypic
from grokscope.tasks.composition import named

ASSETS = Path(__file__).parent / "assets"
GROUPS = ("S3", "D5", "S4")
DIGITS = 12  # of the numbers of a basis


def write_playground(path: Path) -> Path:
    """Write the page; returns its path."""
    from grokscope.training.files import write_atomically

    write_atomically(path, playground().encode())
    return path


def playground() -> str:
    """The page as HTML: one file, which fetches nothing."""
    names = {"style": "playground.css", "worker": "playground_worker.js", "script": "playground.js"}
    parts = {part: (ASSETS / name).read_text("utf-8") for part, name in names.items()}
    page = Template((ASSETS / "playground.html").read_text("utf-8"))
    return page.substitute(parts, groups=json.dumps(groups()))


def groups() -> dict[str, Any]:
    """Each group by its name: its table, the names of its elements, and orthonormal functions of
    each of its parts, a row each."""
    return {name: _group(name) for name in GROUPS}


def _group(name: str) -> dict[str, Any]:
    group = named(name, "lexicographic")
    parts = isotypic(group).parts.items()
    return {
        "table": group.table.tolist(),
        "names": list(element_names(group)),
        "parts": [{"name": part, "basis": _rounded(Q.T.tolist())} for part, Q in parts],
    }


def _rounded(rows: list[list[float]]) -> list[list[float]]:
    return [[round(x, DIGITS) for x in row] for row in rows]
