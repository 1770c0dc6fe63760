"""What the pictures of a sweep show: the numbers in them, not their pixels."""

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from grokscope.cli import main
from grokscope.errors import BadInput, UnknownName
from grokscope.plots.sweep import COLOURS, KINDS, plot_sweep
from grokscope.sweep.table import read_table
from tests.tables import rows, sweep


def panel(kind: str, table: Any, *asked: Any) -> Any:
    """The axes of a picture, as matplotlib has them."""
    return plot_sweep(table, kind, *asked).axes[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def table(folder):
    return read_table(folder)


@pytest.mark.parametrize(
    ("hue", "low_decay"),
    [
        (None, [0.0, 0.6, 1.0]),
        ("class=grokking", [0.0, 0.6, 1.0]),
        ("algorithm=clock", [0.0, 0.4, 0.8]),
        ("delay", [np.nan, 240, 120]),
        ("step", [1000, 1000, 1000]),
    ],
)
def test_a_cell_of_a_phase_diagram_has_the_colour_of_its_networks(hue, low_decay, table):
    axes = panel("phase", table, "train_fraction", "weight_decay", hue)
    colours = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_allclose(colours[0], low_decay)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.2", "0.3", "0.4"]


def test_a_cell_with_few_networks_is_marked(tmp_path):
    few = [row for row in rows() if row["train_fraction"] != 0.3 or row["seed"] < 2]
    table = read_table(sweep(tmp_path, few))
    axes = panel("phase", table, "train_fraction", "weight_decay", None)
    marks = [x for x in axes.collections if isinstance(x, PathCollection)]
    assert np.ma.filled(marks[0].get_offsets()).tolist() == [[1, 0], [1, 1]]


def test_a_share_has_its_interval_around_it(table):
    axes = panel("share", table, "train_fraction", None, "weight_decay")
    line, _, (bars,) = axes.containers[0]
    assert line.get_ydata().tolist() == [0.0, 0.6, 1.0]
    low, high = bars.get_segments()[1][:, 1]
    assert (low, high) == pytest.approx((0.231, 0.882), abs=1e-3)


def test_survival_ends_at_the_share_that_never_grokked(table):
    lines = panel("survival", table, None, None, "train_fraction").lines
    ends = [line.get_ydata()[-1] for line in lines if line.get_marker() == "None"]
    assert ends == pytest.approx([1.0, 0.4, 0.0])


def test_a_distribution_is_of_shares(table):
    axes = panel("distribution", table, "norm", None, None)
    heights = axes.patches[0].get_xy()[:, 1]
    assert heights.max() <= 1
    assert "(30 of 30)" in axes.get_legend().get_texts()[0].get_text()


def test_a_curve_is_drawn_for_each_network(table):
    axes = panel("curves", table, None, "test_loss", "class")
    assert len(axes.lines) == 30
    assert {to_hex(line.get_color()) for line in axes.lines} == {x.lower() for x in COLOURS[:3]}


@pytest.mark.parametrize(
    ("kind", "asked", "error", "says"),
    [
        ("phase", {"x": "train_fraction"}, BadInput, "say what goes there: --y"),
        ("phase", {"x": "train_fraction", "y": "wd"}, UnknownName, "no column of the table"),
        ("phase", {"x": "curve", "y": "seed"}, BadInput, "holds lists"),
        ("share", {"x": "seed", "y": "norm"}, BadInput, "is no claim"),
        ("survival", {"x": "norm"}, UnknownName, "norm"),
        ("distribution", {"x": "algorithm"}, BadInput, "has no numbers"),
        ("curves", {"y": "loss"}, UnknownName, "loss"),
        ("survival", {"hue": "id"}, BadInput, "too many for colours"),
        ("pie", {}, UnknownName, "kind of picture"),
    ],
)
def test_what_cannot_be_drawn_says_why(kind, asked, error, says, table):
    with pytest.raises(error, match=says):
        plot_sweep(table, kind, *(asked.get(name) for name in ("x", "y", "hue")))


def test_no_network_is_no_picture(table):
    with pytest.raises(BadInput, match="no network meets"):
        plot_sweep(table.clear(), "curves")


ASKED = {"phase": ["--x", "train_fraction", "--y", "weight_decay"], "share": ["--x", "seed"]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_verb_draws_each_kind(kind, folder, tmp_path):
    file = tmp_path / "drawn.svg"
    main(["plot", str(folder), "--kind", kind, *ASKED.get(kind, []), "-o", str(file)])
    assert "<svg" in file.read_text()


def test_the_verb_says_what_a_file_must_end_in(folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["plot", str(folder), "-o", str(tmp_path / "drawn")])
    assert "must end in .png" in capsys.readouterr().err
