"""The notebooks: what is kept is what their sources give, and they run as a reader runs them."""

import ast
import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest

from docs.executed import DOCS, SOURCES, executed, made
from grokscope import Run, Spec, plot_trace, train
from grokscope.training.notebook import bar_of
from grokscope.training.track import untracked

QUICK = {"first_steps", "stranger"}
# What a notebook's own words promise, asked of its names when all its cells have run.
HOLDS = {
    "first_steps": "run.events.stop == 'grokked' and 'clock' in explanation.algorithms",
    "nanda": "on_diagonals(logits) > 0.9 and found['restricted_loss_sum[all]'] < loss",
    "groups": "{'coset', 'rho-set'} <= set(explanation.algorithms) and names.count('none') < 10",
    "pair": "run.events.t_grok and abs((turned / turned.mean()).angle().rad2deg()).max() < 20",
    "stranger": "'clock' in explanation.algorithms and found.verdict == 'not generalised'",
    "sweep": "[s[3] for s in shares if s[1] == 0] == [0] * 4 and shares[-1][3] == 1",
}
SLOW = [pytest.param(x, marks=[] if x.stem in QUICK else pytest.mark.long) for x in SOURCES]


@pytest.mark.parametrize("source", SOURCES, ids=lambda x: x.stem)
def test_a_notebook_is_that_of_its_source_with_what_its_cells_showed(source):
    kept, new = nbformat.read(source.with_suffix(".ipynb"), 4), made(source)
    nbformat.validate(kept)
    assert [(x.cell_type, x.source) for x in kept.cells] == [
        (x.cell_type, x.source) for x in new.cells
    ], "python -m docs.executed"
    assert f"/docs/notebooks/{source.stem}.ipynb" in kept.cells[1].source
    outputs = [x for cell in kept.cells for x in cell.get("outputs", [])]
    assert sum("image/png" in x.get("data", {}) for x in outputs) >= 2
    assert {x.output_type for x in outputs} <= {"stream", "display_data", "execute_result"}
    assert "/tmp" not in str(outputs)
    assert source.with_suffix(".ipynb").stat().st_size < 400_000


@pytest.mark.parametrize("source", SLOW, ids=lambda x: x.stem)
def test_a_notebook_runs_and_shows_what_it_says(source, tmp_path):
    book = made(source)
    asks = nbformat.v4.new_code_cell(f"bool({HOLDS[source.stem]})")
    book.cells.append(asks)
    done = executed(book, tmp_path)
    assert done.cells[-1].outputs[0].data["text/plain"] == "True"


@pytest.mark.long
@pytest.mark.skipif(not importlib.util.find_spec("marimo"), reason="needs marimo")
def test_the_marimo_notebook_runs_as_a_program(tmp_path):
    file = DOCS / "notebooks/marimo/first_steps.py"
    asked = [sys.executable, str(file)]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "of all pairs" in done.stdout


def test_the_names_that_notebooks_import_are_there():
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("grokscope"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), source


# What is different in a notebook ----------------------------------------------------------------


class Screen:
    """What a kernel's display was given, and when it was written again."""

    def __init__(self):
        self.lines: list[str] = []

    def display(self, line: dict[str, str], raw: bool, display_id: bool) -> "Screen":
        assert raw
        assert display_id
        assert not self.lines
        self.lines.append(line["text/plain"])
        return self

    def update(self, line: dict[str, str], raw: bool) -> None:
        self.lines.append(line["text/plain"])


@pytest.fixture
def screen(monkeypatch) -> Screen:
    screen = Screen()
    shell = SimpleNamespace(kernel=object())
    display = SimpleNamespace(display=screen.display)
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr("grokscope.training.notebook.EVERY", 0.0)
    return screen


def test_training_shows_one_line_in_a_notebook(screen, tmp_path, tiny):
    train(tiny(), tmp_path)
    assert len(screen.lines) > 3
    assert screen.lines[0].startswith("░" * 20 + " step 0 learning")
    assert screen.lines[-1].startswith("█" * 20 + " step 60 ")


def test_many_networks_share_the_line(screen, tmp_path, tiny):
    train([tiny(seed=0), tiny(seed=1)], tmp_path)
    assert "2 networks, " in screen.lines[-1]
    assert screen.lines[-1].startswith("█" * 20)


def test_nothing_is_shown_elsewhere_nor_where_it_is_not_wanted(screen, tmp_path, tiny, monkeypatch):
    train(tiny(), tmp_path, track=untracked)
    assert screen.lines == []
    monkeypatch.delitem(sys.modules, "IPython")
    assert bar_of([tiny()]) is untracked


def test_a_run_is_one_short_line():
    run = Run.of(Spec(task_args={"p": 7}), "runs")
    assert repr(run) == f"<Run {run.spec.id} in runs>"


def test_a_picture_is_shown_as_the_value_of_a_cell(tmp_path, tiny):
    run = train(tiny(), tmp_path)
    figure = plot_trace(run.metrics.select("step", "train_loss"))
    assert figure._repr_png_().startswith(b"\x89PNG")  # pyright: ignore[reportAttributeAccessIssue]
