"""Where networks that train together are kept: each in a folder of its own, or all in a batch.

Both promise the same: what is said to be saved is on the disk, and whatever ends training, it goes
on from there to the same numbers.

Axes: member = one network.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from grokscope.disk import is_there
from grokscope.errors import InUse
from grokscope.training.batch import LAST, METRICS, OLDER, RESUME, header, stacked_lines, step_file
from grokscope.training.files import (
    append,
    as_json,
    flush_file,
    make_folder,
    replace_keeping_older,
    writing,
)
from grokscope.training.member import Member, noted, save, to_go_on, write_checkpoint
from grokscope.training.run import Seal
from grokscope.training.shares import Shares, drop, put, put_lines
from grokscope.training.stack import State
from grokscope.training.writer import Writer


def lock(folder: Path) -> FileLock:
    """A run's folder, or a batch's, held against other processes until the lock is left."""
    held = FileLock(folder / ".lock", timeout=0)
    with writing(folder):
        make_folder(folder)
        try:
            held.acquire()
        except Timeout:
            raise InUse(
                f"{folder} is being trained by another process. Wait for it, or stop it."
            ) from None
    return held


class Keeping(ABC):
    """What becomes of members while they train, all at one step. All tensors have a row for each
    member that is named, in that order."""

    saves_all: bool  # at once, as they share a file
    has_checkpoints: bool = True  # of steps before the last

    @abstractmethod
    def begin(self, members: Sequence[Member]) -> None:
        """Bring what is there to where they begin, or go on, and read their evaluations."""

    @abstractmethod
    def evaluated(self, members: Sequence[Member]) -> None:
        """Add the last of each one's evaluations."""

    @abstractmethod
    def checkpoint(self, members: Sequence[Member], weights: State) -> None:
        """Keep their weights at this step."""

    @abstractmethod
    def save(self, members: Sequence[Member], weights: State, state: State) -> None:
        """Keep what they can go on from."""

    @abstractmethod
    def end(self, members: Sequence[Member], weights: State, state: State) -> None:
        """Keep the last checkpoint of members that are finished."""

    @abstractmethod
    def settle(self) -> None:
        """Return when all of it is on the disk. Raises `StorageError`."""

    def __enter__(self) -> "Keeping":
        return self

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Nothing more comes. What was asked for is still written; who was interrupted does not
        wait for it."""


class Apart(Keeping):
    """Each member in a folder of its own, written at once."""

    saves_all = False

    def begin(self, members: Sequence[Member]) -> None:
        for member in members:
            if member.begins:
                member.run.write_spec()
            member.rows = member.run.keep(-1 if member.begins else member.step, member.lines)

    def evaluated(self, members: Sequence[Member]) -> None:
        for member in members:
            member.run.append(member.rows[-1])

    def checkpoint(self, members: Sequence[Member], weights: State) -> None:
        for i, member in enumerate(members):
            write_checkpoint(member, _row(weights, i))

    def save(self, members: Sequence[Member], weights: State, state: State) -> None:
        for i, member in enumerate(members):
            save(member, _row(weights, i), _row(state, i))

    def end(self, members: Sequence[Member], weights: State, state: State) -> None:
        self.checkpoint(members, weights)
        self.save(members, weights, state)
        for member in members:
            member.run.tidy()

    def settle(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        return


def _row(state: State, i: int) -> State:
    return {name: rows[i] for name, rows in state.items()}


class InBatch(Keeping):
    """All members in the folder of their batch, written by a thread while the next steps train.

    A member that is finished waits in memory for the next save, or the end; until then it would be
    trained again, as the others would.
    """

    saves_all = True

    def __init__(self, batch: Path, has_checkpoints: bool = True):
        self.batch, self.has_checkpoints = batch, has_checkpoints
        self.writer = Writer()
        self.numbers: dict[Member, int] = {}
        self.seals: dict[int, Seal] = {}
        self.finished: list[Shares] = []  # that wait to be written

    def begin(self, members: Sequence[Member]) -> None:
        later: dict[Path, list[int]] = {}
        for member in members:
            assert member.run.share is not None
            number = self.numbers[member] = member.run.share.number
            self.seals[number] = Seal()
            self.seals[number].add(member.lines)
            for step in member.run.steps:
                if member.begins or step > member.step:
                    later.setdefault(member.run.checkpoint(step), []).append(number)
        for file, numbers in later.items():
            drop(file, numbers)
        put_lines(self.batch, {self.numbers[m]: m.lines for m in members})
        for member in members:
            member.rows = member.run.rows

    def evaluated(self, members: Sequence[Member]) -> None:
        lines = b""
        for member in members:
            number, line = self.numbers[member], (as_json(member.rows[-1]) + "\n").encode()
            self.seals[number].add(line)
            lines += stacked_lines(line, number)
        if lines:
            self.writer.ask(lambda: append(self.batch / METRICS, lines))

    def checkpoint(self, members: Sequence[Member], weights: State) -> None:
        if members:
            file = self.batch / step_file(members[0].step)
            shares = self._shares(members, weights, [noted(m) for m in members])
            self.writer.ask(lambda: put(file, shares))

    def save(self, members: Sequence[Member], weights: State, state: State) -> None:
        notes = [to_go_on(m) | self._seal(m) for m in members]
        shares = self._shares(members, weights | state, notes)
        finished, self.finished = self.finished, []
        self.writer.ask(lambda: self._save(shares, finished))
        for member in members:
            member.unsaved = 0.0

    def end(self, members: Sequence[Member], weights: State, state: State) -> None:
        notes = [noted(m) | self._seal(m) for m in members]
        self.finished.append(self._shares(members, weights, notes))

    def settle(self) -> None:
        self.writer.settle()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.writer.close(wait=kind is None or issubclass(kind, Exception))

    def _seal(self, member: Member) -> dict[str, str]:
        return self.seals[self.numbers[member]].notes()

    def _shares(
        self, members: Sequence[Member], rows: dict[str, Tensor], notes: list[dict[str, str]]
    ) -> Shares:
        return Shares([self.numbers[m] for m in members], rows, notes)

    # By the thread:

    def _save(self, shares: Shares, finished: list[Shares]) -> None:
        resume = self.batch / RESUME
        flush_file(self.batch / METRICS)
        if finished:
            put(self.batch / LAST, _together(finished))
        ended = header(self.batch / LAST).members if is_there(self.batch / LAST) else {}
        if not shares.numbers:
            for file in (resume, self.batch / OLDER):
                drop(file, ended)
            return
        beside = resume.with_name("resume.new.safetensors")
        put(resume, shares, without=ended, to=beside)
        replace_keeping_older(resume, beside, self.batch / OLDER)


def _together(parts: Sequence[Shares]) -> Shares:
    first = parts[0]
    return Shares(
        [number for part in parts for number in part.numbers],
        {name: torch.cat([part.tensors[name] for part in parts]) for name in first.tensors},
        [notes for part in parts for notes in part.notes],
    )
