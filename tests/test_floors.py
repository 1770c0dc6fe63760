"""Each module may import only from the floors below it, or from its own folder without a cycle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

FLOORS = [
    {"errors"},
    {"algebra"},
    {"tap", "task", "spec"},
    {"tasks", "models"},
    {"training"},
    {"snapshot"},
    {"measures", "foreign"},
    {"circuits"},
    {"verify"},
    {"explain"},
    {"planted"},
    {"report"},
    {"papers"},
    {"cli"},
]
SOURCE = Path(__file__).parents[1] / "src/grokscope"
FILES = sorted(f for f in SOURCE.rglob("*.py") if f.parent != SOURCE or f.stem[:2] != "__")
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}


def module(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path) -> set[str]:
    """The modules of this package that a file imports, wherever in it, as names below it."""
    modules = {module(f) for f in FILES}
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("grokscope")]
            found |= {name.removeprefix("grokscope").removeprefix(".") for name in names}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("grokscope"):
            home = (node.module or "").removeprefix("grokscope").removeprefix(".")
            for alias in node.names:
                name = f"{home}.{alias.name}".removeprefix(".")
                found.add(name if name in modules else home)
    return found - {""}


@pytest.mark.parametrize("file", FILES, ids=module)
def test_imports_point_down(file):
    here = module(file).split(".")[0]
    for there in imported(file):
        below = there.split(".")[0]
        assert below == here or FLOOR[below] < FLOOR[here], f"{module(file)} imports {there}"


def test_no_module_imports_itself_through_others():
    # A package's __init__ gathers its modules, which may import each other but not the package.
    graph = {module(f): imported(f) for f in FILES}
    assert graph["cli"], "the graph is empty"
    TopologicalSorter(graph).prepare()


def test_every_module_has_a_floor():
    assert {module(f).split(".")[0] for f in FILES} == set(FLOOR)


def test_every_module_says_what_it_is_for():
    for file in FILES:
        assert ast.get_docstring(ast.parse(file.read_text())), f"{file} has no docstring"
