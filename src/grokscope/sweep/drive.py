"""The driver of a sweep: what is missing in its table is made, batch by batch, by an engine.

It holds no state: whenever it dies, the same command goes on with what the folder has.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from grokscope.errors import BadInput, DamagedFile
from grokscope.runs import LEVELS
from grokscope.spec import Spec
from grokscope.sweep.asked import Sweep
from grokscope.sweep.batch import KEEPS, Batch, Done, How, versions
from grokscope.sweep.cost import Sizes
from grokscope.sweep.grid import Grid
from grokscope.sweep.local import Local
from grokscope.sweep.on_ray import OnRay, join
from grokscope.sweep.plan import Plan, shape, unfinished
from grokscope.sweep.store import Store
from grokscope.sweep.table import SHARDS, TRAINED, ids_in
from grokscope.training.keeping import lock
from grokscope.training.machine import check_device, cores

ENGINES = ("local", "ray")
Engine = Callable[[Iterator[Batch]], Iterator[Done]]


@dataclass(frozen=True)
class Progress:
    """How many networks of how many are in the table; and of those that were made now, how many
    memorised, grokked and failed."""

    done: int
    total: int
    made: int = 0
    memorised: int = 0
    grokked: int = 0
    failed: int = 0

    def after(self, batch: Done) -> "Progress":
        return Progress(
            self.done + batch.networks,
            self.total,
            self.made + batch.networks,
            self.memorised + batch.memorised,
            self.grokked + batch.grokked,
            self.failed + batch.failed,
        )


Track = Callable[[Progress], None]


def untracked(progress: Progress) -> None:
    """Tell no one."""


def sweep(
    specs: Sequence[Spec],
    out: Path | str,
    *,
    read: str = "keys",
    keep: str = "none",
    workers: int | None = None,
    engine: str = "local",
    name: str = "settings",
    settings: Sequence[str] = (),
    again: bool = False,
    use: Sequence[Path] = (),
    save_every: float = 30.0,
    track: Track = untracked,
) -> Sweep:
    """Train, read and tabulate the networks that the table under `out` has not; return the sweep.

    `read`: what is read of each network: its "events", its "keys" too, or all and what it does,
    "explain". `keep`: which weights stay, "none", the "last" or "all" checkpoints. `workers`: how
    many processes of one thread, by default one a core. `again`: those that failed are made once
    more. `use`: plug-in files, which every worker loads. `track` is told how far it is after every
    batch. Interrupted, it saves what is being trained; called once more, it goes on. Raises
    `BadInput` for what cannot be swept, and `StorageError` where the disk refuses, or another
    process makes this sweep.
    """
    check_device("cpu")
    _one_of("read", read, LEVELS)
    _one_of("keep", keep, KEEPS)
    _one_of("engine", engine, ENGINES)
    if not len(specs):
        raise BadInput("there are no networks to make. Name some, as in seed=0..9.")
    store, count = Store(str(out)), cores() if workers is None else workers
    if count < 1:
        raise BadInput(f"`workers` must be a whole number of at least 1, not {count}.")
    how = How(store.root, str(store.work), read, keep, save_every=save_every)
    held = lock(store.home)
    try:
        count = join(count) if engine == "ray" else count
        begun = list(unfinished(Path(how.work)))
        there = ids_in(store, TRAINED if again else None)
        planned = there | {spec.id for batch in begun for spec in batch.specs}
        plan = Plan.of(specs, planned, f"again {len(store.names(SHARDS))}" if again else "")
        asked = _asked(specs, store, name, settings, how, len(planned) + len(plan))
        asked.write()
        sizes = Sizes(read, count)
        batches = chain(begun, _told(plan.batches(sizes, count), sizes))
        progress = Progress(len(there), asked.networks)
        track(progress)
        for done in _engine(engine, how, count, use)(batches):
            sizes.learn(done)
            progress = progress.after(done)
            track(progress)
    finally:
        held.release()
    return asked


def _told(batches: Iterator[Batch], sizes: Sizes) -> Iterator[Batch]:
    """The batches; which shape each has is remembered, to learn of it what it takes."""
    for batch in batches:
        sizes.shapes[batch.name] = shape(batch.specs[0])
        yield batch


def _engine(name: str, how: How, workers: int, use: Sequence[Path]) -> Engine:
    if name == "local":
        return Local(how, workers, use)
    return OnRay(how, workers, use)


def _one_of(name: str, value: str, names: Sequence[str]) -> None:
    if value not in names:
        raise BadInput(f"`{name}` must be {', '.join(names[:-1])} or {names[-1]}, not `{value}`.")


def _asked(
    specs: Sequence[Spec],
    store: Store,
    name: str,
    settings: Sequence[str],
    how: How,
    networks: int,
) -> Sweep:
    """What is asked of the sweep now, and was before. Raises `BadInput` where the one table would
    have networks that were read, or kept, in two ways."""
    before = _before(store)
    axes = specs.values() if isinstance(specs, Grid) else {}
    if before is not None:
        for option, old, new in (("read", before.read, how.read), ("keep", before.keep, how.keep)):
            if old != new:
                raise BadInput(
                    f"{store.root} was made with --{option} {old}, and a table has one way for all "
                    f"its networks. Add --{option} {old}, or choose another --out."
                )
    typed = [] if before is None else before.settings
    typed = typed if list(settings) in typed else [*typed, list(settings)]
    axes = axes if before is None else _joined(before.axes, axes)
    return Sweep(
        store.root, name, typed, axes, how.read, how.keep, networks, {"versions": versions()}
    )


def _before(store: Store) -> Sweep | None:
    try:
        return Sweep.open(store.root)
    except DamagedFile:
        raise
    except BadInput:
        return None


def _joined(old: Mapping[str, list[Any]], new: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The values of both, those that were there first."""
    joined: dict[str, list[Any]] = {}
    for key in dict.fromkeys([*old, *new]):
        values = list(old.get(key, []))
        for value in new.get(key, []):
            held = list(value) if isinstance(value, tuple) else value
            if held not in values:
                values.append(held)
        joined[key] = values
    return joined
