"""`grokscope show`."""

from pathlib import Path

from grokscope.cli.options import Json, OneRun, Out, Plugins, load


def show(run: OneRun, /, out: Out = Path("runs"), json: Json = False, use: Plugins = ()) -> None:
    """Say what happened in a run.

    Example: grokscope show a+b-transformer
    """
    from grokscope.cli.find import find
    from grokscope.reading.reading import read
    from grokscope.reading.record import of_reading
    from grokscope.terminal import bar, print_json, print_reading
    from grokscope.training.machine import use_threads

    load(use)
    use_threads()
    with bar("reading the checkpoints") as track:
        reading = read(find(run, out), track)
    page = reading.run.folder / "report.html"
    if json:
        print_json({**of_reading(reading.facts), "report": str(page)})
    else:
        print_reading(reading.facts, page if page.exists() else None)
