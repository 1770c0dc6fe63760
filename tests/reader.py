"""What a reader does: a command of grokscope, or a program, each in a process of its own.

The processes are forked of one that has imported torch and what reads and draws a run, which takes
some seconds, and has done no more.
"""

import multiprocessing
import os
import sys
import warnings
from collections.abc import Mapping
from multiprocessing.context import BaseContext
from pathlib import Path
from tempfile import TemporaryDirectory

Asked = list[str] | str  # the arguments of grokscope, or a program


def execute(asked: Asked, folder: Path, extra: Mapping[str, str] | None = None) -> str:
    """What it printed in this folder. Fails where it fails; a warning is an error."""
    with TemporaryDirectory() as place:
        told = Path(place) / "told"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **(extra or {})}
        process = _context().Process(target=_become, args=(asked, folder, told, environment))  # pyright: ignore
        process.start()
        process.join()
        text = told.read_text() if told.exists() else "it did not begin"
    assert process.exitcode == 0, f"{asked}\n{text}"
    return text


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["grokscope.page.page", "grokscope.training.train", "tyro"])
    return found


def _become(asked: Asked, folder: Path, told: Path, environment: Mapping[str, str]) -> None:
    with told.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ.update(environment)
    sys.path.insert(0, "")
    warnings.simplefilter("error")
    if isinstance(asked, str):
        exec(compile(asked, "<string>", "exec"), {"__name__": "__main__"})
    else:
        from grokscope.cli import main

        main(asked)
