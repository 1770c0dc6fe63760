"""What the tutorial's commands print, written into it again.

    python -m docs.shown          some 20 CPU-seconds

A block of text below commands holds what the last of them printed; where it ends with `...`, as
many of its first lines as stand there.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from grokscope.training.files import write_atomically

PAGE = Path(__file__).parent / "tutorial.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MORE = "..."


def main() -> None:
    with TemporaryDirectory() as folder:
        write_atomically(PAGE, refreshed(PAGE.read_text(), Path(folder)).encode())


def refreshed(page: str, folder: Path) -> str:
    """A page with its commands run in a folder, and what they print beneath them."""
    told = ""

    def block(match: re.Match[str]) -> str:
        nonlocal told
        language, content = match.groups()
        if language == "text":
            return f"```text\n{shortened(told, content)}```"
        for line in content.splitlines() if language == "bash" else ():
            told = printed(line, folder)
        return match[0]

    return BLOCK.sub(block, page)


def shortened(told: str, like: str) -> str:
    """It, or as many lines of it as a text has that ends with `...`."""
    before = like.splitlines()
    lines = [line.rstrip() for line in told.splitlines()]
    if before[-1:] == [MORE]:
        lines = [*lines[: len(before) - 1], MORE]
    return "".join(f"{line}\n" for line in lines)


def printed(line: str, folder: Path) -> str:
    """What a command prints, 80 characters wide."""
    _, *arguments = shlex.split(line, comments=True)
    if arguments[0] == "run":
        arguments += ["--threads", "1"]
    narrow = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    asked = [sys.executable, "-m", "grokscope", *arguments]
    done = subprocess.run(
        asked, cwd=folder, env=narrow, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
