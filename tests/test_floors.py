"""The house: each module imports only from the floors below it, or from its own floor of its own
room without a circle; words are made without a tensor, and no room knows a form by its name."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from grokscope.circuits.circuit import FORMS

FLOORS = [
    {"errors"},
    {"activations", "border", "verify.evidence", "disk", "printable", "plugins", "settings"},
    {"algebra", "stamp"},
    {"score"},
    {"tap", "task", "spec"},
    {"tasks", "models"},
    {"training"},
    {"snapshot"},
    {"canonical"},
    {"measures", "foreign", "trackers"},
    {"integrity"},
    {"verify.rounding", "verify.traced", "verify.running", "verify.digits"},
    {"verify.network", "verify.low_rank"},
    {"circuits"},
    {"verify"},
    {"explain"},
    {"planted"},
    {"reading"},
    {"runs"},
    {"sweep"},
    {"forecast"},
    {"page", "plots", "terminal"},
    {"papers"},
    {"speedrun"},
    {"zoo"},
    {"cli"},
]
WITHOUT_TENSORS = [
    "border.process",
    "cli",
    "explain.verdict",
    "reading.facts",
    "reading.said",
    "reading.sentences",
    "runs",
    "terminal",
    "training.run",
    "verify.evidence",
]
SOURCE = Path(__file__).parents[1] / "src/grokscope"
FILES = sorted(f for f in SOURCE.rglob("*.py") if f.parent != SOURCE or f.stem[:2] != "__")
FLOOR = {name: i for i, names in enumerate(FLOORS) for name in names}


def module(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(name: str) -> int:
    """That of the module itself, or else of the room it stands in."""
    return FLOOR[name if name in FLOOR else name.split(".")[0]]


def imported(file: Path) -> set[str]:
    """The modules of this package that a file imports, wherever in it, as names below it."""
    modules = {module(f) for f in FILES}
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            aliases = [alias.name for alias in node.names if alias.name.startswith("grokscope")]
            names |= {name.removeprefix("grokscope").removeprefix(".") for name in aliases}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("grokscope"):
            home = (node.module or "").removeprefix("grokscope").removeprefix(".")
            for alias in node.names:
                name = f"{home}.{alias.name}".removeprefix(".")
                names.add(name if name in modules else home)
    return names - {""}


@pytest.mark.parametrize("file", FILES, ids=module)
def test_imports_point_down(file):
    here = module(file)
    for there in imported(file):
        is_own_room = here.split(".")[0] == there.split(".")[0] and floor(here) == floor(there)
        assert is_own_room or floor(there) < floor(here), f"{here} imports {there}"


def test_no_module_imports_itself_through_others():
    # A package's __init__ gathers its modules, which may import each other but not the package.
    graph = {module(f): imported(f) for f in FILES}
    assert graph["reading.reading"], "the graph is empty"
    TopologicalSorter(graph).prepare()


def test_every_module_has_a_floor():
    rooms = {module(f).split(".")[0] for f in FILES}
    assert rooms == {name.split(".")[0] for name in FLOOR}


def test_every_module_says_what_it_is_for():
    for file in FILES:
        assert ast.get_docstring(ast.parse(file.read_text())), f"{file} has no docstring"


@pytest.mark.parametrize("name", WITHOUT_TENSORS)
def test_words_are_made_without_a_tensor(name):
    ask = f"import sys, grokscope.{name}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("file", sorted((SOURCE / "page").rglob("*.py")), ids=module)
def test_the_page_measures_nothing_itself(file):
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for x in nodes if isinstance(x, ast.Import) for alias in x.names]
    names += [x.module or "" for x in nodes if isinstance(x, ast.ImportFrom)]
    assert not any(name.split(".")[0] == "torch" for name in names)


def compared(file: Path) -> Iterator[str]:
    """What in a file is compared with the name of a form."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                is_name = isinstance(side, ast.Constant) and side.value in FORMS
                if is_name or (isinstance(side, ast.Attribute) and side.attr == "form"):
                    yield ast.unparse(node)


@pytest.mark.parametrize("file", FILES, ids=module)
def test_no_room_but_the_registry_knows_a_form_by_its_name(file):
    if module(file) != "circuits.circuit":
        assert list(compared(file)) == []


def test_a_comparison_with_a_form_is_noticed(tmp_path):
    file = tmp_path / "host.py"
    file.write_text("x = circuit.form == 'mine'\ny = name in ('lookup',) or name == 'lookup'\n")
    assert len(list(compared(file))) == 2
