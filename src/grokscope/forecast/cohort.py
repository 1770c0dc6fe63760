"""A pool as a cohort: its networks, followed from landmark to landmark while they are at risk of
generalising.

Axes: network; landmark, a multiple of the step at which a network memorised.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from grokscope.errors import BadInput, DamagedFile, brief
from grokscope.forecast.pool import POOLS, SCHEMA
from grokscope.forecast.signal import SIGNALS

OF_A_LANDMARK = ("landmark", "step")
LAST = "last_step"  # the column of a pool that says where training ended, if before `steps`


@dataclass(frozen=True, eq=False)
class Cohort:
    """The networks of one pool. `signals` are NaN where a network has none, and where it is not at
    risk."""

    pool: str
    networks: pl.DataFrame  # a row a network: the columns of `SCHEMA` but for the landmark's
    landmarks: tuple[float, ...]
    step: Float[np.ndarray, "network landmark"]  # NaN: not at risk
    signals: dict[str, Float[np.ndarray, "network landmark"]]

    def __len__(self) -> int:
        return len(self.networks)

    @cached_property
    def at_risk(self) -> Bool[np.ndarray, "network landmark"]:
        """Whether it had neither generalised nor ended there."""
        return np.isfinite(self.step)

    @cached_property
    def grokked(self) -> Bool[np.ndarray, " network"]:
        """Whether it generalised within its budget."""
        return self.networks["grokked"].is_not_null().to_numpy()

    @cached_property
    def time(self) -> Float[np.ndarray, " network"]:
        """The step at which it did, or else at which its training ended."""
        end = pl.coalesce("grokked", *(x for x in (LAST, "steps") if x in self.networks))
        return self.networks.select(end).to_series().to_numpy().astype(float)

    @cached_property
    def cell(self) -> np.ndarray:
        """The name of its cell."""
        return self.networks["cell"].to_numpy()

    @cached_property
    def cells(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.networks["cell"])))

    def known(self, k: int, name: str) -> Bool[np.ndarray, " network"]:
        """Which networks have a signal at the k-th landmark."""
        return self.at_risk[:, k] & np.isfinite(self.signals[name][:, k])

    def of(self, is_in: Bool[np.ndarray, " network"]) -> "Cohort":
        """These networks of it."""
        return replace(
            self,
            networks=self.networks.filter(is_in),
            step=self.step[is_in],
            signals={name: x[is_in] for name, x in self.signals.items()},
        )

    def with_signal(self, name: str, values: Float[np.ndarray, " network"]) -> "Cohort":
        """It with one more signal, the same at all landmarks."""
        everywhere = np.where(self.at_risk, values[:, None], np.nan)
        return replace(self, signals={name: everywhere, **self.signals})


def read_table(path: Path) -> pl.DataFrame:
    """The table of pools: a Parquet file, or those of a folder that `make` made.

    Raises `BadInput` where there is none or a column is missing, `DamagedFile` for other files.
    """
    from grokscope.forecast.make import read_pool

    if path.is_dir():
        return checked(read_pool(path), str(path))
    if not path.is_file():
        raise BadInput(
            f"there is no pool called {brief(str(path), 300)}. "
            f"`grokscope predict --make --pool {brief(str(path), 300)}` makes it."
        )
    try:
        return checked(pl.read_parquet(path), str(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DamagedFile(f"{path} cannot be read as Parquet: {error}.") from error


def checked(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """The table with its columns as `SCHEMA` has them, and besides them numbers alone. Raises
    `BadInput`."""
    missing = [column for column in SCHEMA if column not in table.columns]
    if missing:
        raise BadInput(
            f"the pool {brief(name, 300)} has no column `{missing[0]}`"
            f"{f', nor {len(missing) - 1} others' if missing[1:] else ''}. The columns are in "
            "grokscope.forecast.pool; `grokscope predict --make` makes a whole one."
        )
    for column, kind in SCHEMA.items():
        try:
            table = table.with_columns(pl.col(column).cast(kind))
        except pl.exceptions.PolarsError as error:
            raise BadInput(f"the column `{column}` of {name} is not of {kind}: {error}.") from error
    strange = sorted(set(table["pool"].drop_nulls().unique()) - set(POOLS))
    if strange or table["pool"].null_count():
        which = brief(strange[0]) if strange else "none"
        raise BadInput(f"`pool` must be one of {', '.join(POOLS)}, not {which}, in {name}.")
    if table["cell"].null_count() or table["id"].null_count():
        raise BadInput(f"every row of {name} must say its `cell` and its `id`.")
    return table


def signals_in(table: pl.DataFrame) -> list[str]:
    """The signals that a table has a number of. Raises `BadInput` where it has none."""
    import grokscope.forecast.signals  # noqa: F401  (registers them)

    names = [name for name in SIGNALS if name in table and table[name].is_not_null().any()]
    if not names:
        raise BadInput(
            f"this pool has no column of a signal. Known: {', '.join(SIGNALS)}. "
            "`grokscope predict --make` measures them."
        )
    return names


def cohort(table: pl.DataFrame, pool: str, names: list[str]) -> Cohort | None:
    """The networks of this pool that memorised, with these signals; None where there are none."""
    table = table.filter((pl.col("pool") == pool) & pl.col("memorised").is_not_null())
    if not len(table):
        return None
    networks = table.unique("id", keep="first", maintain_order=True).drop(OF_A_LANDMARK)
    landmarks = sorted(table["landmark"].drop_nulls().unique())
    keys = networks.select("id").with_row_index("network")
    rows = table.filter(pl.col("landmark").is_not_null()).join(keys, on="id")
    i = rows["network"].to_numpy()
    k = np.searchsorted(np.array(landmarks), rows["landmark"].to_numpy())

    def spread(column: str) -> Float[np.ndarray, "network landmark"]:
        values = np.full((len(networks), len(landmarks)), np.nan)
        values[i, k] = rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return values

    signals = {name: spread(name) for name in names}
    return Cohort(pool, networks, tuple(landmarks), spread("step"), signals)
