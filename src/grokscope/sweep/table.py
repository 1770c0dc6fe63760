"""The table of a sweep: a row a network, in shards that batches leave behind.

    <DIR>/shards/<batch>.parquet    rows of the networks of a batch: the mark that it is done

A row has the network's `id`, what was asked of it (`seed`, `lr`, `task.p`, `model.d_mlp`, ...),
`state` ("trained", or "failed" with a `reason`), the columns of `runs` down to the level that was
read, and what was measured of the making: seconds, device, versions. Those last are no part of what
a network is. `class` is computed when the table is read, as its thresholds are the reader's.

Two workers may have done one batch, where the first was thought dead: of rows of one id the first
counts, and one that was trained before one that failed.
"""

import io
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import polars as pl

from grokscope.errors import BadInput, DamagedFile
from grokscope.runs import COLUMNS, READ, Entry
from grokscope.spec import Spec
from grokscope.sweep.store import Store
from grokscope.training.run import Run

SHARDS = "shards"
TRAINED, FAILED = "trained", "failed"
MEASURED = {
    "cpu_s_train": pl.Float64,  # of this network's share of its batch
    "cpu_s_read": pl.Float64,
    "cpu_s_explain": pl.Float64,
    "weights": pl.String,  # what below `weights` has them, where they are kept
    "device": pl.String,
    "host_cpu": pl.String,
    "versions": pl.String,
}  # outside equality: none of it is what a network is
FIRST = {
    "id": pl.String,
    "task": pl.String,
    "state": pl.String,
    "reason": pl.String,
    "weights_sha256": pl.String,
}
CURVE = pl.List(
    pl.Struct(
        {
            "step": pl.UInt32,
            "train_accuracy": pl.Float32,
            "test_accuracy": pl.Float32,
            "train_loss": pl.Float32,
            "test_loss": pl.Float32,
        }
    )
)
LOSS, RATIO = 1e-5, 5e4  # the thresholds of the PAIR page, as its sliders stand
CLASSES = ("high train loss", "high test loss", "together", "grokking")

Rows = Sequence[Mapping[str, Any]]


def settings_of(spec: Spec) -> dict[str, Any]:
    """What is asked of a network, flat, as a table holds it: `task.p` an argument of the task,
    lists as JSON. What is none is left out, and the task, which the column `task` says."""
    flat: dict[str, Any] = {}
    for name in (field.name for field in fields(spec)):
        value = getattr(spec, name)
        if name.endswith("_args"):
            flat |= {f"{name.removesuffix('_args')}.{k}": plain(v) for k, v in value.items()}
        elif value is not None and name not in ("task", "assumed", "source"):
            flat[name] = plain(value)
    if spec.train_size is not None:
        del flat["train_fraction"]  # which is not asked then
    return {name: value for name, value in flat.items() if value is not None}


def task_text(spec: Spec) -> str:
    """As the column `task` of all tables says it."""
    return str(COLUMNS["task"](Entry(Run(spec, Path(spec.id)))))


def plain(value: Any) -> Any:
    """A number, a text or a truth as it is; other values as JSON."""
    return value if isinstance(value, bool | int | float | str | None) else json.dumps(value)


def shard(rows: Rows) -> bytes:
    """Rows as a Parquet file. What a row lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [_column(name, [row.get(name) for row in rows]) for name in names]
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file, compression="zstd", statistics=False)
    return file.getvalue()


def _column(name: str, values: list[Any]) -> pl.Series:
    kind = _kind(name)
    if kind is None:
        kind, values = _kind_of(values)
    return pl.Series(name, values, dtype=kind, strict=False)


def _kind(name: str) -> Any:
    """What a column of ours holds, by what its function says it gives; None of others."""
    if name in FIRST or name in MEASURED:
        return {**FIRST, **MEASURED}[name]
    if name == "curve":
        return CURVE
    f = next((table[name] for table in (COLUMNS, *READ.values()) if name in table), None)
    hint = None if f is None else get_type_hints(f).get("return")
    return None if hint is None else _kind_said(hint)


def _kind_said(hint: Any) -> Any:
    kinds = get_args(hint) if get_origin(hint) is types.UnionType else (hint,)
    if any(get_origin(kind) is list for kind in kinds):
        return pl.List(pl.String)
    said = ((float, pl.Float64), (int, pl.Int64), (str, pl.String))
    return next((dtype for kind, dtype in said if kind in kinds), None)


def _kind_of(values: list[Any]) -> tuple[Any, list[Any]]:
    """The kind that holds all of these settings, and they in it: text, if they are of several."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pl.Null, values
    if kinds == {bool}:
        return pl.Boolean, values
    if kinds <= {int, float}:
        return (pl.Int64 if kinds == {int} else pl.Float64), values
    return pl.String, [x if isinstance(x, str | None) else json.dumps(x) for x in values]


def read_table(
    folder: Path | str | Store, loss: float = LOSS, ratio: float = RATIO
) -> pl.DataFrame:
    """A sweep's table so far, a row a network, with its `class` by these thresholds. Raises
    `BadInput` where there is none yet, `DamagedFile` for a shard that cannot be read."""
    store = folder if isinstance(folder, Store) else Store(str(folder))
    parts = [rows_of(store, name) for name in _shards(store)]
    if not parts:
        raise BadInput(
            f"{store.root} has no finished batch of a sweep yet. Wait for one, or start it with "
            "`grokscope sweep`."
        )
    whole = pl.concat(_aligned(parts), how="diagonal_relaxed")
    whole = whole.sort(pl.col("state") == FAILED, maintain_order=True)
    whole = whole.unique("id", keep="first", maintain_order=True)
    return whole.with_columns(run_class(loss, ratio)) if "best_train_loss" in whole else whole


def ids_in(store: Store, state: str | None = None) -> set[str]:
    """The networks that the table has, of all or of one state."""
    found: set[str] = set()
    for name in _shards(store):
        rows = rows_of(store, name, ["id", "state"])
        found |= set((rows if state is None else rows.filter(pl.col("state") == state))["id"])
    return found


def _shards(store: Store) -> list[str]:
    names = (name for name in store.names(SHARDS) if name.endswith(".parquet"))
    return [f"{SHARDS}/{name}" for name in names]


def rows_of(store: Store, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    """The rows of a shard. Raises `DamagedFile`."""
    try:
        return pl.read_parquet(io.BytesIO(store.read(name)), columns=columns)
    except (pl.exceptions.PolarsError, FileNotFoundError) as error:
        raise DamagedFile(
            f"{store.root}/{name} is damaged ({error}). Remove it, and repeat the command of the "
            "sweep: it makes that batch again."
        ) from error


def _aligned(parts: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """With columns of text wherever one shard has text and another numbers."""
    kinds: dict[str, set[Any]] = {}
    for part in parts:
        for name, kind in part.schema.items():
            kinds.setdefault(name, set()).add(kind)
    mixed = [n for n, seen in kinds.items() if pl.String in seen and seen - {pl.String, pl.Null}]
    cast = [pl.col(name).cast(pl.String) for name in mixed]
    return [part.with_columns(x for x in cast if x.meta.output_name() in part) for part in parts]


def run_class(loss: float = LOSS, ratio: float = RATIO) -> pl.Expr:
    """The class of a run, as the PAIR page colours it: by the least train and test loss of all
    evaluations, and the largest ratio of both. It says nothing of a delay. Null of what failed."""
    train, test = pl.col("best_train_loss"), pl.col("best_test_loss")
    return (
        pl.when(train.is_null())
        .then(None)
        .when(train > loss)
        .then(pl.lit(CLASSES[0]))
        .when(test > loss)
        .then(pl.lit(CLASSES[1]))
        .when(pl.col("largest_loss_ratio") < ratio)
        .then(pl.lit(CLASSES[2]))
        .otherwise(pl.lit(CLASSES[3]))
        .alias("class")
    )


def equal_part(table: pl.DataFrame) -> pl.DataFrame:
    """The table but for what was measured of its making, in the order of ids and of names: what
    two sweeps of the same networks have alike."""
    names = sorted(name for name in table.columns if name not in MEASURED)
    return table.select(names).sort("id")
