"""A run in a notebook: its page as a widget, where the package that widgets need is installed."""

from typing import TYPE_CHECKING

from grokscope.errors import BadInput
from grokscope.reading.reading import Reading, read
from grokscope.training.run import Run

if TYPE_CHECKING:
    import grokscope.page.live.widget


def explore(run: Run | Reading, *others: Run | Reading) -> "grokscope.page.live.widget.Explorable":
    """The report of a run as a widget of a notebook, or of several runs with a comparison. What was
    not read yet is read.

    The widget's `step`, `neuron`, `a`, `b` and `run` are what is chosen in it, both ways.

    Raises:
        BadInput: where anywidget is not installed.
    """
    try:
        from grokscope.page.live.widget import Explorable
    except ModuleNotFoundError as error:
        raise BadInput(
            f"a widget needs the package `{error.name}`, which is not installed. Install it: "
            "pip install 'grokscope[notebook]'"
        ) from None
    return Explorable(*(read(x) if isinstance(x, Run) else x for x in (run, *others)))
