"""`grokscope list`."""

import re
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from grokscope.cli.options import Json, Out, Plugins, load
from grokscope.errors import brief

Kind = Literal[
    "runs", "specs", "tasks", "models", "measures", "papers", "splits", "losses", "optimizers",
    "gradients", "formulations",
]  # fmt: skip


def list_(
    what: Positional[Kind] = "runs",
    /,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """List the runs, or what can be run and measured by name.

    Example: grokscope list measures
    """
    from grokscope.runs import table
    from grokscope.terminal import print_json, print_runs, print_table
    from grokscope.training.run import find_folders

    load(use)
    rows = table(find_folders(out)) if what == "runs" else _names()[what]
    if json:
        print_json(rows)
    elif what == "runs":
        print_runs(rows, empty=f"no runs in {brief(str(out))}. `grokscope run demo` makes one.")
    else:
        print_table(rows)


def _names() -> dict[str, list[dict[str, Any]]]:
    """What is known by name, of each kind."""
    from grokscope import tasks as _tasks  # noqa: F401  (registers the built-in ones)
    from grokscope.measures.measure import MEASURES, family, kind
    from grokscope.models import MODELS
    from grokscope.papers import EXPERIMENTS, PAPERS, SWEEPS
    from grokscope.task import SCHEMES, TASKS
    from grokscope.training import update as _update  # noqa: F401  (registers its rules)
    from grokscope.training.losses import LOSSES
    from grokscope.training.rule import FILTERS, OPTIMIZERS
    from grokscope.training.steps import FORMULATIONS

    measures = _described("measure", MEASURES)
    formula = {"task": "a+b, a*b, ...", "what": "any formula in a and b, modulo task.p"}
    return {
        "specs": [
            {"spec": k, "shows": e.shows, "task": e.spec.task, "model": e.spec.model}
            for k, e in (*EXPERIMENTS.items(), *SWEEPS.items())
        ],
        "tasks": [formula, *_described("task", TASKS)],
        "models": _described("model", MODELS),
        "measures": [
            {"family": family(k), "measure": k, "is": kind(k), "what": x["what"]}
            for k, x in zip(MEASURES, measures, strict=True)
        ],
        "papers": [
            {"paper": k, "citation": p.citation, "specs": ", ".join([*p.experiments, *p.sweeps]),
             "published": "; ".join(f"{q}: {v}" for q, v in p.published.items())}
            for k, p in PAPERS.items()
        ],
        "splits": _described("split", SCHEMES),
        "losses": _described("loss", LOSSES),
        "optimizers": _described("optimizer", OPTIMIZERS),
        "gradients": _described("gradient", FILTERS),
        "formulations": _described("formulation", FORMULATIONS),
    }  # fmt: skip


def _described(one: str, registry: dict[str, Any]) -> list[dict[str, Any]]:
    """Each name with the first sentence of its docstring."""
    return [{one: name, "what": _first_sentence(x)} for name, x in registry.items()]


ABBREVIATED = ("al", "Fig", "eq", "Def", "App")


def _first_sentence(thing: Any) -> str:
    text = " ".join((thing.__doc__ or "").split())
    end = "".join(f"(?<!{word})" for word in ABBREVIATED) + r"\. "
    return re.split(end, text)[0].rstrip(".") + "." if text else ""
