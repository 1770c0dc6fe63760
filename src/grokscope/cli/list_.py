"""`grokscope list`."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional

from grokscope.cli.options import (
    Json,
    Out,
    Plugins,
    absent,
    load,
)
from grokscope.errors import brief

Kind = Literal[
    "runs", "specs", "settings", "tasks", "models", "measures", "papers", "splits", "losses",
    "optimizers", "gradients", "formulations", "zoo",
]  # fmt: skip


def list_(
    what: Positional[Kind] = "runs",
    /,
    where: Annotated[
        str | None,
        absent("SQL", "runs alone: a condition, as in grokked or 'lr < .01 and task.p=59'"),
    ] = None,
    tag: Annotated[str | None, absent("TAG", "runs alone: those with this tag")] = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """List the runs, or what can be run and measured by name.

    Example: grokscope list measures
    """
    from grokscope.terminal import print_json, print_runs, print_table

    load(use)
    rows = _runs(out, where, tag) if what == "runs" else _names()[what]
    if json:
        print_json(rows)
    elif what == "runs":
        print_runs(rows, empty=f"no runs in {brief(str(out))}. `grokscope run demo` makes one.")
    else:
        print_table(rows)


NUMBER = "number of the row"


def _runs(out: Path, condition: str | None, tag: str | None) -> list[dict[str, Any]]:
    """A row for each run that meets the condition and has the tag, with the disk it takes."""
    from grokscope.runs import REASON, table
    from grokscope.training.note import note_of
    from grokscope.training.run import find_folders

    folders = find_folders(out)
    if tag is not None:
        folders = [folder for folder in folders if tag in note_of(folder).tags]
    rows = table(folders)
    if condition is not None:
        chosen = _chosen(rows, folders, condition)
        rows, folders = [rows[i] for i in chosen], [folders[i] for i in chosen]
    kept = [{**row, **_kept(folder)} for row, folder in zip(rows, folders, strict=True)]
    return [{**row, REASON: row.pop(REASON)} for row in kept]


def _kept(folder: Path) -> dict[str, Any]:
    """What a run takes of the disk, and its tags."""
    from grokscope.errors import GrokscopeError
    from grokscope.training.note import note_of
    from grokscope.training.removal import bytes_of
    from grokscope.training.run import Run

    try:
        size = round(bytes_of(Run.open(folder)) / 1e6, 2)
        return {"mb": size, "tags": " ".join(note_of(folder).tags) or None}
    except (GrokscopeError, OSError):  # its row says why
        return {"mb": None, "tags": None}


def _chosen(rows: list[dict[str, Any]], folders: list[Path], condition: str) -> list[int]:
    """The numbers of the rows whose columns or settings meet a condition."""
    import polars as pl

    from grokscope.errors import GrokscopeError
    from grokscope.sweep.table import settings_of
    from grokscope.sweep.where import where
    from grokscope.training.run import Run

    whole = []
    for row, folder in zip(rows, folders, strict=True):
        with suppress(GrokscopeError):
            row = {**settings_of(Run.open(folder).spec), **row}
        whole.append(row)
    names = dict.fromkeys(name for row in whole for name in row)
    table = pl.DataFrame([{n: row.get(n) for n in names} for row in whole], strict=False,
                         infer_schema_length=None)  # fmt: skip
    return where(table.with_row_index(NUMBER), condition)[NUMBER].to_list()


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
        "settings": _settings(),
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
        "zoo": _zoo(),
    }  # fmt: skip


def _zoo() -> list[dict[str, Any]]:
    """The networks of the zoo, with what was recorded of them."""
    from grokscope.zoo.manifest import NETWORKS, recorded

    rows = []
    for name, network in NETWORKS.items():
        there = recorded().get(name, {})
        rows.append(
            {
                "network": name,
                "shows": network.shows,
                "source": network.source,
                **{k: there.get(k) for k in ("verdict", "algorithm", "bound", "checkpoints")},
                "here": "yes" if network.travels else "pull",
            }
        )
    return rows


def _described(one: str, registry: dict[str, Any]) -> list[dict[str, Any]]:
    """Each name with the first sentence of its docstring."""
    return [{one: name, "what": _first_sentence(x)} for name, x in registry.items()]


ABBREVIATED = ("al", "Fig", "eq", "Def", "App")


def _first_sentence(thing: Any) -> str:
    text = " ".join((thing.__doc__ or "").split())
    end = "".join(f"(?<!{word})" for word in ABBREVIATED) + r"\. "
    return re.split(end, text)[0].rstrip(".") + "." if text else ""


def _settings() -> list[dict[str, Any]]:
    """A row a setting: its default, what it means, and what it is called elsewhere."""
    from grokscope.settings import MEANINGS, OTHER_NAMES
    from grokscope.spec import Spec

    start = Spec()
    return [
        {
            "setting": name,
            "default": _written(getattr(start, name)),
            "what": what,
            "elsewhere": ", ".join(k for k, setting in OTHER_NAMES.items() if setting == name),
        }
        for name, what in MEANINGS.items()
    ]


def _written(default: Any) -> str:
    """A default as it is written in a setting; none: a dash."""
    if default is None:
        return "–"
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)
