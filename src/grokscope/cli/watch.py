"""`grokscope watch`."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import OneRun, Out, Plugins, Threads, load
from grokscope.printable import Screen


def watch(
    run: OneRun,
    /,
    port: Annotated[int, arg(help="where on this machine; 0 takes a free one")] = 0,
    open: Annotated[bool, arg(help="open it in a browser")] = False,
    out: Out = Path("runs"),
    threads: Threads = None,
    use: Plugins = (),
) -> None:
    """Show a run's report while it trains, until Ctrl-C. It prints the address.

    The page is served to this machine only, and made anew when there is something new.

    Example: grokscope watch a+b-transformer --open
    """
    import webbrowser

    from grokscope.cli.find import find
    from grokscope.page.live.watch import Watch
    from grokscope.training.machine import use_threads

    load(use)
    use_threads(threads)
    with Watch(find(run, out), port) as live:
        print(live.address, flush=True)
        if open:
            webbrowser.open(live.address)
        message = f"{live.address} is there until you press Ctrl-C."
        Screen(stderr=True).print(message, soft_wrap=True)
        with suppress(KeyboardInterrupt):
            live.wait()
