"""`grokscope note`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from grokscope.cli.options import (
    Json,
    OneRun,
    Out,
    absent,
)

Tags = UseAppendAction[Annotated[tuple[str, ...], arg(metavar="TAG", help="one word")]]


def note(
    run: OneRun,
    text: Positional[Annotated[str | None, absent("[TEXT]", "what to write of it")]] = None,
    /,
    tag: Tags = (),
    untag: Tags = (),
    out: Out = Path("runs"),
    json: Json = False,
) -> None:
    """Write a note and tags to a run, or say what they are.

    `grokscope list runs --tag a` shows the runs with a tag.

    Example: grokscope note a+b-transformer "memorised late" --tag odd
    """
    from dataclasses import asdict

    from grokscope.cli.find import find
    from grokscope.terminal import print_json, print_upright
    from grokscope.training.note import Note, note_of, write_note

    found = find(run, out)
    held = note_of(found.folder)
    kept = [x for x in (*held.tags, *tag) if x not in untag]
    new = Note(held.text if text is None else text, tuple(dict.fromkeys(kept)))
    if new != held:
        write_note(found, new)
    row = {"run": found.name, **asdict(new)}
    print_json(row) if json else print_upright([row | {"tags": " ".join(new.tags)}])
