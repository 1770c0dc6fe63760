"""`grokscope judge`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from grokscope.cli.options import (
    Json,
    Out,
    Plugins,
    Threads,
    absent,
    load,
)
from grokscope.errors import StorageError


def judge(
    runs: Positional[
        Annotated[
            tuple[str, ...],
            absent(
                "[RUN ...]",
                "runs, or folders that hold runs; by default all in --out",
            ),
        ]
    ],
    /,
    again: Annotated[bool, arg(help="judge again what these rules have judged already")] = False,
    fail_on_change: Annotated[
        bool, arg(help="exit with 1 if anything is judged otherwise than before")
    ] = False,
    out: Out = Path("runs"),
    threads: Threads = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Judge networks again, and show what other rules had said of them.

    Each run's last checkpoint is explained: verdict, names, the best bound, accuracies. That is
    kept as judgement.json in its folder, with what was said before. A judgement is of a version of
    grokscope and a digest of the source that judges, plug-ins included; what these have judged is
    found, so that a command that was interrupted goes on.

    Example: grokscope judge --out runs --fail-on-change
    """
    from grokscope.cli.find import folders_of
    from grokscope.explain.judgement import judged
    from grokscope.explain.rules import digest
    from grokscope.reading.record import of_judged
    from grokscope.terminal import bar, print_json, print_judged
    from grokscope.training.machine import use_threads

    load(use)
    use_threads(threads)
    rules = digest(use)  # before anything is judged: the source may change meanwhile
    folders, found = folders_of(runs, out), []
    with bar("judging") as track:
        for i, folder in enumerate(folders):
            found.append(judged(folder, rules, again))
            track(i + 1, len(folders))
    if json:
        for x in found:
            print_json(of_judged(x))
    else:
        print_judged(found)
    unkept = [x.reason for x in found if x.now is not None and x.reason is not None]
    if unkept:
        raise StorageError(f"{len(unkept)} of these judgements are {unkept[0]}")
    if fail_on_change and any(x.is_change for x in found):
        raise SystemExit(1)
