"""A laboratory for grokking: train tiny networks, watch them generalise, and explain how.

    from grokscope import Spec, train, read

    run = train(Spec(task="a+b", task_args={"p": 59}, lr=5e-3, weight_decay=2.0, steps=1000))
    reading = read(run)

The names below are the public surface; each is imported when it is first used, so that importing
the package costs nothing. What adds a task, a model or a measure by name stands beside its noun:
`grokscope.task.task`, `grokscope.models.model.model`, `grokscope.measures.measure`; a column of the
tables of runs is added by `grokscope.runs.column`. What explains and verifies is
`grokscope.explain.explain` and `grokscope.verify.verify.verify`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grokscope.circuits.circuit import Circuit
    from grokscope.errors import (
        BadInput,
        DamagedFile,
        GrokscopeError,
        NotApplicable,
        RewriteError,
        StorageError,
        UnknownName,
    )
    from grokscope.explain.explanation import Explanation
    from grokscope.measures import trace
    from grokscope.models.model import Fold, Model
    from grokscope.page.live.notebook import explore
    from grokscope.page.page import write_page
    from grokscope.plots.ablations import plot_ablations
    from grokscope.plots.grids import plot_maps
    from grokscope.plots.prices import plot_prices
    from grokscope.plots.run import plot_spectrum, plot_trace
    from grokscope.plots.sweep import plot_sweep
    from grokscope.reading.reading import Reading, read
    from grokscope.reading.spectrum import read_spectrum
    from grokscope.snapshot import Snapshot
    from grokscope.spec import Spec
    from grokscope.tap import edit, record
    from grokscope.task import Task, lenses
    from grokscope.tasks import make_task
    from grokscope.training.run import Run
    from grokscope.training.train import train
    from grokscope.verify.certificate import Certificate
    from grokscope.verify.evidence import Evidence

_HOMES = {
    "circuits.circuit": ["Circuit"],
    "errors": [
        "BadInput",
        "DamagedFile",
        "GrokscopeError",
        "NotApplicable",
        "RewriteError",
        "StorageError",
        "UnknownName",
    ],
    "explain.explanation": ["Explanation"],
    "measures": ["trace"],
    "models.model": ["Fold", "Model"],
    "page.live.notebook": ["explore"],
    "page.page": ["write_page"],
    "plots.ablations": ["plot_ablations"],
    "plots.grids": ["plot_maps"],
    "plots.prices": ["plot_prices"],
    "plots.run": ["plot_spectrum", "plot_trace"],
    "plots.sweep": ["plot_sweep"],
    "reading.reading": ["Reading", "read"],
    "reading.spectrum": ["read_spectrum"],
    "snapshot": ["Snapshot"],
    "spec": ["Spec"],
    "tap": ["edit", "record"],
    "task": ["Task", "lenses"],
    "tasks": ["make_task"],
    "training.run": ["Run"],
    "training.train": ["train"],
    "verify.certificate": ["Certificate"],
    "verify.evidence": ["Evidence"],
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022  (in the order of the data's way)
    "GrokscopeError", "BadInput", "UnknownName", "NotApplicable", "StorageError", "DamagedFile",
    "RewriteError",
    "Task", "make_task", "lenses", "Model", "Fold", "record", "edit",
    "Spec", "Run", "train", "Snapshot", "trace",
    "Circuit", "Evidence", "Certificate", "Explanation", "Reading", "read", "write_page",
    "explore", "read_spectrum",
    "plot_trace", "plot_spectrum", "plot_maps", "plot_ablations", "plot_prices", "plot_sweep",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module `grokscope` has no attribute `{name}`")
    return getattr(import_module(f"grokscope.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
