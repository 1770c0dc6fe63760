"""A row of a sweep's table as a run of its own: unpacked where all of it was kept, else trained."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl

from grokscope.errors import BadInput, DamagedFile, brief, unknown
from grokscope.spec import Spec
from grokscope.sweep.batch import WEIGHTS, digest
from grokscope.training.batch import Share, header
from grokscope.training.files import write_atomically
from grokscope.training.run import Run
from grokscope.training.track import TrackRun, untracked
from grokscope.training.train import train

MOST_NAMED = 5


def find_row(table: pl.DataFrame, name: str) -> dict[str, Any]:
    """The row whose id begins so, or whose id's last part does. Raises `BadInput` where there is
    none, or several."""
    ids = table["id"].to_list()
    alike = [x for x in ids if x == name] or [
        x for x in ids if x.startswith(name) or x.rpartition("-")[2].startswith(name)
    ]
    if len(alike) == 1:
        return table.row(by_predicate=pl.col("id") == alike[0], named=True)
    if not alike:
        raise unknown("network of this sweep", name, ids[:1000])
    some = ", ".join(alike[:MOST_NAMED]) + (", ..." if len(alike) > MOST_NAMED else "")
    raise BadInput(f"`{brief(name)}` may be {len(alike):,} networks: {some}. Write more of it.")


def spec_of(row: Mapping[str, Any]) -> Spec:
    """What was asked of the network of a row. Raises `DamagedFile` if the row does not say it."""
    known: dict[str, Any] = {}
    for field in fields(Spec):
        if field.name.endswith("_args"):
            head = f"{field.name.removesuffix('_args')}."
            own = {k.removeprefix(head): v for k, v in row.items() if k.startswith(head)}
            known[field.name] = {k: _read(v) for k, v in own.items() if v is not None}
        elif row.get(field.name) is not None and field.name != "task":
            known[field.name] = _read(row[field.name])
    ends = (row["task"].find(f" {key}=") for key in known["task_args"])
    known["task"] = row["task"][: min((end for end in ends if end >= 0), default=None)]
    try:
        spec = Spec.from_json(json.dumps(known))
    except BadInput as error:
        raise DamagedFile(f"the row of {row['id']} is damaged: {error}") from error
    if spec.id != row["id"]:
        raise DamagedFile(f"the row of {row['id']} does not say all that was asked of it.")
    return spec


def _read(value: Any) -> Any:
    """A value as it was before the table held it."""
    is_json = isinstance(value, str) and value[:1] in ("[", "{")
    return json.loads(value) if is_json else value


def opened(
    row: Mapping[str, Any], folder: Path | str, out: Path | str, track: TrackRun = untracked
) -> tuple[Run, bool]:
    """The run of a row of the sweep in `folder`, under `out`; and whether its weights are those of
    the row, as they are on the same processor and versions. Raises what `spec_of` and `train`
    raise."""
    spec = spec_of(row)
    home = None if row.get("weights") is None else Path(folder, WEIGHTS, row["weights"])
    kept = None if home is None or not home.is_dir() else Run.open(home / spec.id)
    run = Run.of(spec, out)
    if kept is not None and not run.is_begun:
        _unpack(kept, run)
    elif not run.is_finished:
        run = train(spec, out, track=track)
    return run, digest(run) == row["weights_sha256"]


def with_last_weights(row: Mapping[str, Any], folder: Path | str, out: Path | str) -> Run | None:
    """A run under `out` of which there are the last weights alone, where the sweep kept these;
    None where it did not. Raises `DamagedFile`."""
    spec = spec_of(row)
    file = None if row.get("weights") is None else Path(folder, WEIGHTS, row["weights"])
    if file is None or not file.is_file():
        return None
    there = header(file)
    ids = {k: Spec.from_json(there.notes[i]["spec"]).id for k, i in there.members.items()}
    number = next((k for k, name in ids.items() if name == spec.id), None)
    if number is None:
        raise DamagedFile(f"{file} has no weights of {spec.id}.")
    run = Run.of(spec, out)
    write_atomically(run.checkpoint(row["step"]), Share(file.parent, number).content(file))
    run.write_spec()
    return run


def _unpack(kept: Run, run: Run) -> None:
    """Write a network's share of a batch as the run that it would be alone."""
    for step in kept.steps:
        write_atomically(run.checkpoint(step), kept.content(kept.checkpoint(step)))
    write_atomically(run.metrics_file, kept.lines)
    run.write_spec()
