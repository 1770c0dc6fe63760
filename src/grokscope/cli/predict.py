"""`grokscope predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from grokscope.cli.ending import Ended
from grokscope.cli.options import (
    Json,
    Out,
    Plot,
    Plugins,
    absent,
    check_plot,
    check_replaceable,
    load,
)
from grokscope.cli.sweep import HOUR, duration
from grokscope.errors import BadInput, must_be
from grokscope.printable import Screen

if TYPE_CHECKING:
    import polars as pl

    from grokscope.forecast.locked import Locked
    from grokscope.forecast.race import Raced

MOST_DRAWS = 100_000


def predict(
    run: Positional[
        Annotated[str | None, absent("[RUN]", "its folder, its id, or the beginning of its id")]
    ] = None,
    /,
    pool: Annotated[
        Path | None, absent("DIR", "the folder of the pools, or a table of one as .parquet")
    ] = None,
    make: Annotated[bool, arg(help="train the networks of the pools that are missing")] = False,
    part: Annotated[
        Literal["mixed", "same", "control"] | None, absent("PART", "make this one alone")
    ] = None,
    workers: Annotated[int | None, absent("N", "processes; by default one a core")] = None,
    yes: Annotated[bool, arg(help="do not ask, though it takes more than an hour")] = False,
    dry_run: Annotated[bool, arg(help="say what it would cost, and train nothing")] = False,
    draws: Annotated[int, arg(help="resampled and permuted, for intervals and chance")] = 500,
    seed: Annotated[int, arg(help="of the halves and of the draws")] = 0,
    plot: Plot = None,
    lock: Annotated[
        Path | None, absent("FILE", "write the models that are said of runs, as .json")
    ] = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Will it grok? Say so of a run in training, or race the signals that are said to tell.

    With a run it says the chance that its network generalises, and how often such chances were
    right; or why nothing is known. With --pool it races all signals on networks that were trained
    for that, by rules that docs/forecasting.md explains. --make trains them first.

    Example: grokscope predict --pool pools --plot race.png
    """
    from grokscope.training.machine import use_threads

    load(use)
    use_threads(1)
    check_plot(plot)
    check_replaceable("--lock", lock)
    if make:
        _make(pool or Path("pools"), part, workers, yes, dry_run)
        if run is None and plot is None and lock is None:
            return
        pool = pool or Path("pools")
    for option, given in {"--part": part, "--workers": workers}.items():
        if given is not None and not make:
            raise BadInput(f"{option} is of what --make trains. Say --make, or leave it out.")
    if not 10 <= draws <= MOST_DRAWS:
        raise must_be("--draws", f"a whole number from 10 to {MOST_DRAWS:,}", draws)
    if run is not None:
        _say(run, out, pool, seed, json)
    elif pool is None:
        _known(json)
    else:
        _race(pool, seed, draws, plot, lock, json)


def _make(folder: Path, part: str | None, workers: int | None, yes: bool, dry_run: bool) -> None:
    from grokscope.forecast.make import estimate_pool, make_pool
    from grokscope.sweep.progress import progress_bar
    from grokscope.terminal import print_paragraphs
    from grokscope.training.machine import cores

    count = cores() if workers is None else workers
    if count < 1:
        raise must_be("--workers", "a whole number of at least 1", count)
    cost, notes = estimate_pool(folder, part), Screen(stderr=True)
    told = (
        f"{cost.networks:,} networks take at most about {duration(cost.seconds)} of one processor, "
        f"{duration(cost.seconds / count)} by {count} workers."
    )
    if dry_run:
        print_paragraphs([told])
        return
    if cost.seconds / count > HOUR and not yes:
        raise BadInput(f"{told} Add --yes to make them.")
    notes.print(told, soft_wrap=True)
    try:
        with progress_bar(notes) as track:
            make_pool(folder, part, workers=count, track=track)
    except Ended as end:
        raise type(end)(" What was made is kept: the same command goes on from there.") from None


def _race(
    pool: Path, seed: int, draws: int, plot: Path | None, file: Path | None, json: bool
) -> None:
    from grokscope.forecast.locked import lock, write_locked
    from grokscope.forecast.race import race
    from grokscope.forecast.told import answer
    from grokscope.terminal import bar, print_file, print_json

    table = _table(pool)
    with bar("racing") as track:
        found = race(table, seed, draws, track)
    if json:
        print_json({"answer": answer(found), "pools": {k: x.record() for k, x in found.items()}})
    else:
        _print(found)
    if plot is not None:
        from grokscope.plots import save
        from grokscope.plots.forecast import plot_race

        saved = save(plot_race(found), plot)
        None if json else print_file(saved)
    if file is not None:
        write_locked(lock(table, answer(found), seed), file)
        None if json else print_file(file)


def _table(pool: Path) -> "pl.DataFrame":
    from grokscope.forecast.cohort import read_table

    return read_table(pool)


def _print(found: "dict[str, Raced]") -> None:
    from grokscope.forecast import told
    from grokscope.terminal import print_paragraphs, print_table

    for x in found.values():
        print_paragraphs(told.described(x))
        for rows in (
            told.by_landmark(x),
            told.by_signal(x),
            told.alarm_rows(x),
            told.delay_rows(x),
        ):
            if rows:
                print_paragraphs([""])
                print_table(rows)
        print_paragraphs([""])
    print_paragraphs([told.answer(found)])


def _known(json: bool) -> None:
    """What the models say that travel with the package."""
    from dataclasses import asdict

    from grokscope.forecast.told import known
    from grokscope.terminal import print_json, print_paragraphs

    locked = _locked(None, 0)
    if json:
        print_json(asdict(locked))
        return
    print_paragraphs(known(locked))


def _locked(pool: Path | None, seed: int) -> "Locked":
    """The models of a pool, or those of the package."""
    from grokscope.forecast.locked import lock, read_locked

    if pool is not None:
        return lock(_table(pool), "", seed)
    found = read_locked()
    if found is None:
        raise BadInput(
            "no models were locked yet. Name a pool, as in `grokscope predict --pool pools`; "
            "`grokscope predict --make --pool pools` makes one."
        )
    return found


def _say(name: str, out: Path, pool: Path | None, seed: int, json: bool) -> None:
    from dataclasses import asdict

    from grokscope.cli.find import find
    from grokscope.forecast.foretold import of_run
    from grokscope.forecast.told import foretold
    from grokscope.terminal import print_json, print_paragraphs

    found = of_run(find(name, out), _locked(pool, seed))
    if json:
        plain = asdict(found)
        del plain["locked"]
        print_json(plain | {"said": foretold(found)})
    else:
        print_paragraphs(foretold(found))
