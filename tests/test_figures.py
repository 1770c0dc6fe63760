"""The figures of the page: one file and one script each, whose captions are made of facts alone."""

import ast
import json
import re
from pathlib import Path

from grokscope.page.contents import contents
from grokscope.page.figures import FIGURES
from grokscope.reading.reading import Reading
from grokscope.training.files import as_json

ROOT = Path(__file__).parents[1]
PAGE, WEB = ROOT / "src/grokscope/page", ROOT / "web/src"


def test_each_figure_is_a_file_and_a_script_of_its_name():
    names = {x.name for x in FIGURES}
    assert len(names) == len(FIGURES)
    assert names == {file.stem for file in (PAGE / "figures").glob("[a-z]*.py")}
    assert names == {file.stem for file in (WEB / "panels").glob("*.js")}
    registered = re.search(r"PANELS = \{ (.*) \}", (WEB / "panels.js").read_text())
    assert registered is not None
    assert names == set(registered[1].split(", "))


def test_no_two_figures_of_a_topic_have_one_place():
    assert len({(x.topic, x.order) for x in FIGURES}) == len(FIGURES)


def imports(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {x.name for node in nodes if isinstance(node, ast.Import) for x in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_the_page_imports_no_tensor_and_its_frame_no_figure():
    for file in PAGE.rglob("*.py"):
        assert not any(name.split(".")[0] == "torch" for name in imports(file)), file
        assert not any(name.startswith("grokscope.page.figures.") for name in imports(file)), file


def test_a_caption_is_made_of_facts_as_they_stand_in_the_page(of_group: Reading):
    page = contents(of_group)
    plain = json.loads(as_json(page.facts))
    for figure in page.figures:
        assert figure.caption(of_group.facts, plain) == figure.caption(of_group.facts, page.facts)
        assert len(figure.caption(of_group.facts, plain)) > 30, figure.name
