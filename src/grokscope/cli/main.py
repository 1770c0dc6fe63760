"""The command `grokscope`: its verbs, and how it ends."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from functools import partial, wraps
from typing import Any

import tyro
from rich.text import Text

from grokscope.cli.ablate import ablate
from grokscope.cli.check import check
from grokscope.cli.compare import compare
from grokscope.cli.construct import construct
from grokscope.cli.diff import diff
from grokscope.cli.ending import CODES, Ended, hear_sigterm
from grokscope.cli.exam import exam
from grokscope.cli.explain import explain
from grokscope.cli.export import export
from grokscope.cli.film import film
from grokscope.cli.import_ import import_
from grokscope.cli.judge import judge
from grokscope.cli.list_ import list_
from grokscope.cli.mistakes import refuse_mistakes
from grokscope.cli.note import note
from grokscope.cli.open_ import open_
from grokscope.cli.playground import playground
from grokscope.cli.plot import plot
from grokscope.cli.predict import predict
from grokscope.cli.pull import pull
from grokscope.cli.push import push
from grokscope.cli.report import report
from grokscope.cli.reproduce import reproduce
from grokscope.cli.rm import rm
from grokscope.cli.run import run, settings_together
from grokscope.cli.show import show
from grokscope.cli.spectrum import spectrum
from grokscope.cli.speedrun import speedrun
from grokscope.cli.sweep import sweep
from grokscope.cli.table import table
from grokscope.cli.trace import trace
from grokscope.cli.watch import watch
from grokscope.disk import refused
from grokscope.errors import BadInput, GrokscopeError
from grokscope.printable import Screen, printable

VERBS: dict[str, Callable[..., None]] = {
    verb.__name__.removesuffix("_"): verb
    for verb in (
        run, list_, show, trace, spectrum, explain, judge, compare, exam, report, film, watch,
        construct, playground, import_, export, pull, push, check, diff, note, rm, speedrun, sweep,
        table, plot, open_, reproduce, ablate, predict,
    )
}  # fmt: skip
FLAGS = (tyro.conf.FlagCreatePairsOff,)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line. Exits with 2 for bad input, 1 for other errors of ours."""
    # Threads that spin while they wait slow a step tenfold when another program wants the core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = list(sys.argv[1:] if argv is None else argv)
    if args == ["--version"]:
        from importlib.metadata import version

        print(f"grokscope {version('grokscope')}")
        return
    hear_sigterm()
    try:
        refuse_mistakes(args or ["--help"], VERBS)
        _asked(settings_together(args) or ["--help"])()
    except Ended as end:
        Screen(stderr=True).print(Text(f"\ninterrupted.{end}"))
        raise SystemExit(CODES[type(end)]) from None
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except GrokscopeError as error:
        raise SystemExit(_told(error)) from None
    except OSError as error:  # wherever a file was only looked for
        raise SystemExit(_told(refused(error))) from None


def _asked(args: list[str]) -> Callable[[], None]:
    """What these words ask for. Ends here where they make no sense, which is said with them."""
    with redirect_stderr(io.StringIO()) as said:
        try:
            if args[0] in VERBS:  # no parser is made of the other verbs
                return tyro.cli(
                    _later(VERBS[args[0]]), prog=f"grokscope {args[0]}", args=args[1:], config=FLAGS
                )
            return tyro.extras.subcommand_cli_from_dict(
                {name: _later(verb) for name, verb in VERBS.items()},
                prog="grokscope",
                description="A laboratory for grokking: train tiny networks, watch them "
                "generalise, read what they learned. `grokscope --version` prints the version.",
                args=args,
                config=FLAGS,
            )
        except SystemExit as end:
            code = end.code
    print(printable(said.getvalue()), end="", file=sys.stderr)
    raise SystemExit(code)


def _later(verb: Callable[..., None]) -> Callable[..., Callable[[], None]]:
    """The verb as it is to be parsed: called, it is not yet done."""

    @wraps(verb)
    def later(*args: Any, **options: Any) -> Callable[[], None]:
        return partial(verb, *args, **options)

    return later


def _told(error: GrokscopeError) -> int:
    """Say what went wrong; the exit code."""
    message = Text.assemble(("error: ", "bold red"), str(error))
    Screen(stderr=True).print(message, soft_wrap=True)
    return 2 if isinstance(error, BadInput) else 1
