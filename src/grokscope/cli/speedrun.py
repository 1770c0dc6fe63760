"""`grokscope speedrun`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from grokscope.cli.options import (
    Json,
    Plugins,
    absent,
    load,
)
from grokscope.errors import BadInput, brief, must_be, unknown

if TYPE_CHECKING:
    from grokscope.spec import Spec
    from grokscope.speedrun.contest import Contest

MOST_SEEDS = 1_000
LARGEST = 2**31


def speedrun(
    entry: Positional[
        Annotated[
            tuple[str, ...],
            absent("[ENTRY | TRACK SETTING ...]", "a record, or a track and key=value"),
        ]
    ] = (),
    /,
    seeds: Annotated[int, arg(help="networks to train; a record needs 20")] = 20,
    first_seed: Annotated[
        int | None, absent("N", "of these; by default one drawn at random")
    ] = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Show the fastest recipes, or judge one: how soon does a network generalise?

    Alone it shows the tracks and the board. Told a record, or a track and settings, it trains the
    recipe on seeds that nobody chose, by one thread, and says how many seconds of the processor the
    median seed took until it was right on 99 % of the pairs never shown, and how many times less
    that is than the published recipe in the same run. The rules are in docs/speedrun.md.

    Example: grokscope speedrun mlp lr=.05 weight_decay=2 eval_every=10
    """
    from secrets import randbelow

    from grokscope.speedrun.judge import judge, table
    from grokscope.terminal import bar, print_json, print_table, print_upright
    from grokscope.training.machine import use_threads

    load(use)
    if not entry:
        rows = _board()
        if json:
            print_json(rows)
        else:
            print_table(_tracks())
            print_table([{k: x[k] for k in x if k != "settings"} for x in rows], "No record yet.")
            print_table([{k: x[k] for k in ("record", "settings")} for x in rows])
        return
    if not 1 <= seeds <= MOST_SEEDS:
        raise must_be("--seeds", f"a whole number from 1 to {MOST_SEEDS:,}", seeds)
    if first_seed is not None and not 0 <= first_seed < LARGEST:
        raise must_be("--first-seed", f"a whole number from 0 to {LARGEST:,}", first_seed)
    contest, recipe = _entered(entry)
    use_threads(1)
    first = randbelow(LARGEST) if first_seed is None else first_seed
    with bar("training") as track:
        result = judge(contest, recipe, range(first, first + seeds), track)
    summary = {
        "first seed": first,
        "succeeded": f"{result.succeeded} of {seeds}",
        "certificates that hold": f"{result.held} of {seeds}",
        "step of the median seed": result.step,
        "CPU seconds of the median seed": round(result.seconds, 3),
        "CPU seconds of the reference": round(result.reference, 1),
        "times faster": round(result.ratio, 1),
        "record": result.why_not or "may be one",
    }
    if json:
        print_json({**summary, "heats": [asdict(h) for h in result.heats]})
    else:
        print_table(list(table(result)))
        print_upright([summary])


def _entered(entry: tuple[str, ...]) -> "tuple[Contest, Spec]":
    """The track and the recipe of a record's name, or of a track's and settings."""
    from grokscope.speedrun.board import RECORDS
    from grokscope.speedrun.contest import CONTESTS

    name, *settings = entry
    if name in RECORDS:
        if settings:
            raise BadInput(
                f"`{name}` is a record, which has its settings. To try others, name its track: "
                f"`grokscope speedrun {RECORDS[name].contest} {brief(settings[0])}`."
            )
        record = RECORDS[name]
        contest = CONTESTS[record.contest]
        return contest, contest.recipe(*record.settings)
    if name not in CONTESTS:
        raise unknown("record or track", name, [*RECORDS, *CONTESTS])
    contest = CONTESTS[name]
    return contest, contest.recipe(*settings)


def _tracks() -> list[dict[str, Any]]:
    """A row a track: what is raced for, and how many steps the published recipe takes."""
    from grokscope.speedrun.contest import CONTESTS

    return [
        {
            "track": name,
            "what": contest.title,
            "published recipe": f"{contest.reference_steps:,} steps: {contest.source}",
        }
        for name, contest in CONTESTS.items()
    ]


def _board() -> list[dict[str, Any]]:
    """A row a record, the fastest of each track first."""
    from grokscope.speedrun.board import RECORDS
    from grokscope.speedrun.contest import CONTESTS

    order = list(CONTESTS)
    ranked = sorted(RECORDS.items(), key=lambda x: (order.index(x[1].contest), -x[1].ratio))
    return [
        {
            "record": name,
            "track": r.contest,
            "times faster": r.ratio,
            "CPU s": r.seconds,
            "step": r.step,
            "succeeded": f"{r.succeeded} of {r.seeds}",
            "held": f"{r.held} of {r.seeds}",
            "settings": " ".join(r.settings),
        }
        for name, r in ranked
    ]
