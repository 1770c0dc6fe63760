"""An exam as it is sat: by several processes, each answer kept in a file as soon as it is there, so
that an exam that was stopped goes on where it was.

A kept answer is a line of JSON with the explainer's name and the question. It is not asked again,
so a changed explainer needs a new file.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from grokscope.disk import cannot_write, is_there, read_regular
from grokscope.errors import DamagedFile, lookup
from grokscope.planted.exam import EXPLAINERS, Answer, Question, asked
from grokscope.training.files import as_json, write_atomically
from grokscope.training.machine import use_threads

Kept = dict[tuple[str, Question], Answer]
LARGEST = 500 * 10**6  # bytes of a file of answers
SETS = ("truth", "exact", "claimed", "undisguised")


def sit(
    explainer: str,
    questions: Sequence[Question],
    workers: int = 1,
    keep: Path | None = None,
    begin: Callable[[], object] | None = None,
) -> Iterator[Answer]:
    """The answers of the explainer of this name, in the order of the questions. Each process that
    is started calls `begin` first, which loads what the explainer needs."""
    kept = {} if keep is None else _opened(keep)
    left = [x for x in questions if (explainer, x) not in kept]
    new = _answered(explainer, left, workers, begin)
    for question in questions:
        answer = kept.get((explainer, question))
        if answer is None:
            answer = next(new)
            if keep is not None:
                _append(keep, explainer, answer)
        yield answer


def _opened(path: Path) -> Kept:
    """The answers of a file, which then ends where its last whole line does."""
    kept = kept_in(path)
    if is_there(path):
        content = read_regular(path, LARGEST)
        write_atomically(path, content[: content.rfind(b"\n") + 1])
    return kept


def kept_in(path: Path) -> Kept:
    """The answers of a file by explainer and question; none where there is no such file. A last
    line that was cut short is left out. Raises `DamagedFile` for another that is no answer."""
    try:
        lines = read_regular(path, LARGEST).splitlines()
    except FileNotFoundError:
        return {}
    kept: Kept = {}
    for i, line in enumerate(lines):
        try:
            row = json.loads(line)
            answer = _answer(row)
            kept[row["explainer"], answer.question] = answer
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if i < len(lines) - 1:
                raise DamagedFile(
                    f"line {i + 1} of {path} is no answer. Take that line out, or choose another "
                    "--keep."
                ) from error
    return kept


def _answered(
    explainer: str,
    questions: Sequence[Question],
    workers: int,
    begin: Callable[[], object] | None,
) -> Iterator[Answer]:
    if workers < 2:
        yield from map(partial(_asked, explainer), questions)
        return
    start = partial(_start, begin)
    with ProcessPoolExecutor(workers, get_context("spawn"), start) as pool:
        yield from pool.map(partial(_asked, explainer), questions)


def _start(begin: Callable[[], object] | None) -> None:
    use_threads(1)
    if begin is not None:
        begin()


def _asked(explainer: str, question: Question) -> Answer:
    return asked(lookup("explainer", explainer, EXPLAINERS), question)


def _append(path: Path, explainer: str, answer: Answer) -> None:
    row = asdict(answer)
    listed = {name: None if row[name] is None else sorted(row[name]) for name in SETS}
    line = as_json({"explainer": explainer, **row, **listed}) + "\n"
    try:
        with path.open("a") as file:
            file.write(line)
    except (OSError, ValueError) as error:
        raise cannot_write(path, len(line), error) from error


def _answer(row: Any) -> Answer:
    fields: dict[str, Any] = {k: v for k, v in row.items() if k != "explainer"}
    sets = {k: None if fields[k] is None else frozenset(fields[k]) for k in SETS}
    return Answer(**{**fields, **sets, "question": Question(**fields["question"])})
