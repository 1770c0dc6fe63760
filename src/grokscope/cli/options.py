"""The options that several verbs have, and what is checked of them before anything is done."""

from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, UseAppendAction, arg

from grokscope.errors import BadInput
from grokscope.plugins import load as load


def absent(metavar: str, help: str, **more: Any) -> object:
    """An option without a default that could be shown: `metavar` is what it takes."""
    return arg(metavar=metavar, help=help, help_behavior_hint="", **more)


OneRun = Positional[
    Annotated[
        str, arg(metavar="RUN", help="its folder, its id or the beginning of that, or zoo:NAME")
    ]
]
Runs = Positional[
    Annotated[
        tuple[str, ...],
        absent("[RUN ...]", "each by its folder, its id, or the beginning of its id"),
    ]
]
Out = Annotated[Path, arg(metavar="DIR", help="the folder that holds the runs")]
Step = Annotated[int | None, absent("N", "the checkpoint; by default the last")]
Threads = Annotated[int | None, absent("N", "threads to compute with; by default 2")]
Plot = Annotated[Path | None, absent("FILE", "draw it, to a .png, .svg or .pdf", aliases=["-o"])]
Long = Annotated[bool, arg(help="the whole story, and what specialists ask")]
Json = Annotated[bool, arg(help="print JSON, for scripts")]
Plugins = UseAppendAction[
    Annotated[
        tuple[Path, ...],
        arg(metavar="FILE", help="a Python file that adds to what is known by name"),
    ]
]


def names(text: str) -> list[str]:
    """The names between the commas of a text."""
    return [name.strip() for name in text.split(",") if name.strip()]


def check_replaceable(option: str, file: Path | None) -> None:
    """Raise `BadInput` for what is there and is not a file, and for a run's own files."""
    from grokscope.training.run import is_own

    if file is None:
        return
    if file.exists() and not file.is_file():
        raise BadInput(
            f"{option} {file} is not a file that could be replaced. Choose another name."
        )
    if is_own(file):
        raise BadInput(
            f"{option} {file} would replace a run's own file, its evidence. Choose another name."
        )


def check_plot(file: Path | None, option: str = "--plot") -> None:
    """Raise `BadInput` for a picture that cannot be drawn."""
    from grokscope.plots import FORMATS

    check_replaceable(option, file)
    if file is not None and file.suffix.lstrip(".").lower() not in FORMATS:
        raise BadInput(
            f"{option} {file} must end in .png, .svg or .pdf. Call it {file.with_suffix('.png')}."
        )
