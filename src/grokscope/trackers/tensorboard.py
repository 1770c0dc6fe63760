"""TensorBoard, by tensorboardX: event files that `tensorboard --logdir` reads."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

from grokscope.trackers.tracker import Log, Numbers, settings, tracker
from grokscope.training.run import Run


@tracker("tensorboardX", extra="tensorboard")
@contextmanager
def tensorboard(run: Run, place: Path) -> Iterator[Log]:
    """Scalars by their names, and the spec as a text."""
    with closing(import_module("tensorboardX").SummaryWriter(str(place))) as writer:
        rows = (f"| {k} | {v} |" for k, v in settings(run).items())
        writer.add_text("spec", "\n".join(["| field | value |", "|-|-|", *rows]))

        def log(step: int, numbers: Numbers) -> None:
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)

        yield log
