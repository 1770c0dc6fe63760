"""The notebooks, made of their sources, and executed.

    python -m docs.executed             all of them; or some: first_steps groups

A source is a Python file in cells, jupytext's "percent" form: a linter reads it, and a change of it
is a few lines. The notebook beside it, NAME.ipynb, has a badge that opens it in Colab, a cell that
installs grokscope there, and what its cells show, so that it can be read where nothing runs: on a
code host, and in these pages, whose build then runs nothing either.
"""

import base64
import io
import os
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from grokscope.training.files import write_atomically

DOCS = Path(__file__).parent
SOURCES = sorted((DOCS / "notebooks").glob("*.py"))
PROJECT = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
HOST = PROJECT["urls"]["Repository"]
COLAB = HOST.replace("https://github.com", "https://colab.research.google.com/github")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
COLOURS = 64  # of a picture
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"
INSTALL = f"""\
import sys

if "google.colab" in sys.modules:
    %pip install -q "grokscope[notebook] @ git+{HOST}"
"""


def main(names: list[str]) -> None:
    for source in [x for x in SOURCES if x.stem in names or not names]:
        with TemporaryDirectory() as folder:
            book = small(executed(made(source), Path(folder)))
        write_atomically(source.with_suffix(".ipynb"), (nbformat.writes(book) + "\n").encode())
        print(source.with_suffix(".ipynb"), flush=True)


def made(source: Path) -> NotebookNode:
    """The notebook of a source, without what its cells show."""
    book = jupytext.read(source, fmt="py:percent")
    address = f"{COLAB}/blob/main/docs/notebooks/{source.stem}.ipynb"
    badge = nbformat.v4.new_markdown_cell(BADGE.format(address=address))
    book.cells[1:1] = [badge, nbformat.v4.new_code_cell(INSTALL.strip())]
    for i, cell in enumerate(book.cells):
        cell.id, cell.metadata = f"cell-{i}", NotebookNode()
    book.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    book.nbformat, book.nbformat_minor = 4, 5
    return book


def executed(book: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook after its cells have run, in this folder, by one thread. Raises nbclient's
    `CellExecutionError` where one fails."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(
        book, timeout=600, resources=place, record_timing=False, store_widget_state=False
    ).execute()
    return book


def small(book: NotebookNode) -> NotebookNode:
    """The notebook with its pictures in few colours, and its widgets, which need a kernel, in
    words."""
    for output in (x for cell in book.cells for x in cell.get("outputs", [])):
        data = output.get("data", {})
        data.pop("application/vnd.jupyter.widget-view+json", None)
        if "image/png" in data:
            data["image/png"] = _in_few_colours(data["image/png"])
    return book


def _in_few_colours(png: str) -> str:
    """A PNG in base64 as one of a palette."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").quantize(COLOURS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    main(sys.argv[1:])
