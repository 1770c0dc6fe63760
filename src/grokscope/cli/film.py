"""`grokscope film`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import OneRun, Out, Plugins, Threads, check_replaceable, load


def film(
    run: OneRun,
    /,
    file: Annotated[
        Path, arg(metavar="FILE", help="where to write: a .gif, .webp or .mp4", aliases=["-o"])
    ],
    seconds: Annotated[float, arg(help="how long it plays; then it rests for a second")] = 8.0,
    fps: Annotated[int, arg(help="frames a second")] = 12,
    width: Annotated[int, arg(help="in pixels")] = 720,
    dark: Annotated[bool, arg(help="light on dark")] = False,
    out: Out = Path("runs"),
    threads: Threads = None,
    use: Plugins = (),
) -> None:
    """Write the story of a run as a short film, for talks and pages.

    Its curves with a moving line, what it has inside, and what it answers, from the checkpoints
    that were kept; smoother with a smaller checkpoint_every. A .mp4 needs ffmpeg. It prints the
    file's name.

    Example: grokscope film a+b-transformer -o grok.gif
    """
    from grokscope.cli.find import find
    from grokscope.cli.told import tell_kept
    from grokscope.plots.film import check_checkpoints, check_film, filmed, write_film
    from grokscope.reading.reading import read
    from grokscope.terminal import bar, print_file
    from grokscope.training.machine import use_threads

    check_replaceable("--file", file)
    check_film(file, seconds, fps, width)
    load(use)
    use_threads(threads)
    asked = find(run, out)
    check_checkpoints(asked)
    with bar("reading the run") as track:
        reading = read(asked, track, out, use)
    tell_kept(reading.explained)
    with bar("reading the checkpoints") as track:
        frames = filmed(reading, seconds, fps, width, dark, track)
    with bar("drawing") as track:
        written = write_film(frames, file, track)
    print_file(written)
