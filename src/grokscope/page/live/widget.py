"""A run's page as a widget of a notebook: what is chosen in it is a trait, and moves both ways."""

from typing import Any

from anywidget import AnyWidget
from traitlets import Int, TraitError, Unicode, observe, validate

from grokscope.errors import BadInput
from grokscope.page.page import articles, asset
from grokscope.reading.reading import Reading
from grokscope.training.files import as_json

MOST_LISTED = 48  # neurons


class NotShown(BadInput, TraitError):
    """A value that the page does not have; the trait keeps the one it had."""


class Explorable(AnyWidget):
    """The page of one run or several. To set a trait moves the page, and what is chosen in the page
    sets the trait.

    Attributes:
        run: Which run is seen, counted from 0.
        step: One of the steps of that run that the page shows, at first the middle of the change.
        neuron: The marked neuron, or None.
        a, b: The operands.
    """

    _esm = asset("widget.js")

    run = Int(0).tag(sync=True)
    step = Int(0).tag(sync=True)
    neuron = Int(None, allow_none=True).tag(sync=True)
    a = Int(0).tag(sync=True)
    b = Int(0).tag(sync=True)
    _facts = Unicode().tag(sync=True)
    _words = Unicode().tag(sync=True)

    def __init__(self, *readings: Reading):
        self._runs, words = articles(*readings)
        self._most = [int(r.run.task.inputs[:, :2].max()) for r in readings]
        super().__init__(
            step=_nearest(self.steps, self._runs[0]["opens"]),
            a=min(3, *self._most),
            b=min(5, *self._most),
            _facts=as_json(self._runs),
            _words=words,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._runs[self.run]['id']} at step {self.step}>"

    @property
    def steps(self) -> list[int]:
        """The steps that the page shows of the chosen run."""
        return self._runs[self.run]["frames"]

    @validate("run")
    def _a_run(self, asked: Any) -> int:
        return _within("run", asked["value"], len(self._runs) - 1)

    @validate("step")
    def _a_step(self, asked: Any) -> int:
        step = asked["value"]
        if step not in self.steps:
            raise NotShown(
                f"the page shows no checkpoint of step {step}. The nearest is "
                f"{_nearest(self.steps, step)}; `steps` has all {len(self.steps)}."
            )
        return step

    @validate("neuron")
    def _a_neuron(self, asked: Any) -> int | None:
        neuron = asked["value"]
        shown = self._runs[self.run].get("neurons", {"index": []})["index"]
        if neuron is not None and neuron not in shown:
            listed = ", ".join(map(str, sorted(shown)[:MOST_LISTED])) or "none"
            raise NotShown(f"the page shows no neuron {neuron}. It shows: {listed}.")
        return neuron

    @validate("a", "b")
    def _an_operand(self, asked: Any) -> int:
        return _within(asked["trait"].name, asked["value"], self._most[self.run])

    @observe("run")
    def _to_another_run(self, change: Any) -> None:
        """The same step, a and b of another run, as near as it has them."""
        self.neuron = None
        self.step = _nearest(self.steps, self.step)
        self.a, self.b = (min(x, self._most[self.run]) for x in (self.a, self.b))


def _within(name: str, value: int, most: int) -> int:
    if not 0 <= value <= most:
        raise NotShown(f"`{name}` cannot be {value}: it is from 0 to {most}.")
    return value


def _nearest(steps: list[int], step: int) -> int:
    return min(steps, key=lambda x: abs(x - step))
