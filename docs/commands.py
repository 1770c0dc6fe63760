"""The references of the command line and of the public Python API, made when the pages are built.

Nothing of them is written by hand: the verbs say what they do and take, in the words of `--help`,
and the packages which names they export.
"""

import inspect
import io
import os
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pkgutil import iter_modules

import grokscope
from grokscope.cli.main import VERBS, main

WIDTH = "88"  # of the help, in characters


def commands() -> str:
    """A section a verb, with its help, in Markdown."""
    return "\n".join(f"## grokscope {verb}\n\n```text\n{helped(verb)}\n```\n" for verb in VERBS)


def helped(verb: str) -> str:
    """What `grokscope VERB --help` prints, without colours."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1"}
    try:
        with redirect_stdout(io.StringIO()) as said, suppress(SystemExit):
            main([verb, "--help"])
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


def names() -> str:
    """A section a package, with a directive for each name that none before it exports."""
    seen: list[object] = []
    return "\n".join(f"## {package}\n\n{_exported(package, seen)}" for package in packages())


def packages() -> list[str]:
    """The package, and those within it that say what they export; the command line has its own
    reference."""
    within = [f"grokscope.{x.name}" for x in iter_modules(grokscope.__path__) if x.ispkg]
    exporting = [name for name in within if hasattr(import_module(name), "__all__")]
    return ["grokscope", *(name for name in exporting if name != "grokscope.cli")]


def _exported(package: str, seen: list[object]) -> str:
    home, lines = import_module(package), []
    for name in home.__all__:
        thing = getattr(home, name)
        if not any(thing is x for x in seen):
            seen.append(thing)
            lines += _directive(package, name, thing)
    return "\n".join(["```{eval-rst}", *lines, "```", ""])


def _directive(package: str, name: str, thing: object) -> list[str]:
    if inspect.isclass(thing):
        return [f".. autoclass:: {package}.{name}", "   :members:", ""]
    kind = "autofunction" if callable(thing) else "autodata"
    return [f".. {kind}:: {package}.{name}", *(["   :no-value:"] * (kind == "autodata")), ""]
