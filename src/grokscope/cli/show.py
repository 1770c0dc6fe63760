"""`grokscope show`."""

from pathlib import Path
from typing import TYPE_CHECKING

from grokscope.cli.options import Json, Long, OneRun, Out, Plugins, load

if TYPE_CHECKING:
    from grokscope.reading.said import Said
    from grokscope.training.run import Run


def show(
    run: OneRun,
    /,
    out: Out = Path("runs"),
    long: Long = False,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Say what happened in a run.

    Example: grokscope show a+b-transformer
    """
    from grokscope.cli.find import find
    from grokscope.reading.said import kept
    from grokscope.terminal import print_json, print_reading

    load(use)
    shown = find(run, out)
    said = kept(shown, use) or _read(shown, out, use)
    page = shown.folder / "report.html"
    if json:
        print_json({**said.record, "report": str(page)})
    else:
        print_reading(shown.name, said, page if page.exists() else None, long)


def _read(run: "Run", out: Path, use: Plugins) -> "Said":
    """What there is to say, read from the weights, and kept for the next time."""
    from grokscope.cli.told import tell_kept
    from grokscope.reading.reading import read
    from grokscope.reading.said import Said, keep
    from grokscope.terminal import bar
    from grokscope.training.machine import use_threads

    use_threads()
    with bar("reading the checkpoints") as track:
        reading = read(run, track, out, use)
    tell_kept(reading.explained)
    said = Said.of(reading.facts)
    keep(run, said, use)
    return said
