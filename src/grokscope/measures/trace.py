"""A run's checkpoints measured in order; see `kept` for what becomes of the numbers."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

import polars as pl

from grokscope.errors import NotApplicable, StorageError
from grokscope.measures.kept import Kept
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import chosen, evaluate
from grokscope.snapshot import Snapshot
from grokscope.training.machine import keep_memory
from grokscope.training.run import Run
from grokscope.training.track import Track, untracked

MAIN = (
    "test_loss",  # first: the logits of all pairs hold those of the training pairs
    "train_loss",
    "restricted_loss_sum",
    "excluded_loss_sum_train",
    "excluded_loss_sum_train_by_key",
    "excluded_loss_sum_train_control",
    "gini",
    "lens_score",
    "sum_of_squares",
)


def trace(
    run: Run,
    names: str | Iterable[str] | None = None,
    track: Track = untracked,
    tell: Callable[[StorageError], None] = lambda error: None,
) -> pl.DataFrame:
    """These measures, or families of them, at every checkpoint: one row a step.

    By default those of `MAIN` that apply; "all" means every measure that does. The key parts are
    those of the last checkpoint throughout (Nanda et al. 2023). Where a measure has no meaning yet
    at some step, its value is missing. `track` is told how many checkpoints of how many are done,
    `tell` why the table could not be kept, if so.
    Raises `NotApplicable` for a measure, asked for by its name, that has no meaning at the last
    checkpoint, and for a family of which none has.
    """
    keep_memory()
    steps = run.steps
    last = Snapshot.of(run, steps[-1] if steps else None)
    with suppress(NotApplicable):
        last = replace(last, keys=key_parts(last).names)
    wanted = [names] if isinstance(names, str) else list(MAIN if names is None else names)
    by_name = () if names is None else wanted

    kept, measures, refusal = Kept(run, steps, last.keys), [], None
    try:
        for name in chosen(wanted):
            if not kept.has(steps[-1], name):
                try:
                    kept.add(steps[-1], name, evaluate(last, [name]))
                except NotApplicable as error:
                    if name in by_name:
                        raise
                    refusal = refusal or error
                    continue
            measures.append(name)
        if refusal is not None and not measures:
            raise refusal
        missing = {s: [name for name in measures if not kept.has(s, name)] for s in steps}
        to_do = [step for step in steps if missing[step]]
        done = len(steps) - len(to_do)
        track(done, len(steps))
        for step, model in run.models(to_do):
            snapshot = replace(last, model=model, step=step, keys=last.keys)
            for name in missing[step]:
                with suppress(NotApplicable):
                    kept.add(step, name, evaluate(snapshot, [name]))
            done += 1
            track(done, len(steps))
    finally:
        try:
            kept.write()
        except StorageError as error:
            tell(error)
    return kept.table(measures)
