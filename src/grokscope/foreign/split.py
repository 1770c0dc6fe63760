"""Which pairs a foreign network was shown, as its user or the files beside it say.

`--split` takes a file, SCHEME:SEED:FRACTION, all or unknown. A file holds the training pairs: rows
(a, b) or (a, b, =), the pairs' numbers a·n + b, a mask over them, or (inputs, labels); under a name
such as "train" where it holds more.

Axes: pair = one input; shown = those of training.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from grokscope.border.regular import kind_of, shown
from grokscope.errors import BadInput, lookup
from grokscope.foreign.files import Reader
from grokscope.spec import Spec
from grokscope.task import ALL_SPLIT, SCHEMES, UNKNOWN_SPLIT, Task
from grokscope.training.run import RECORDED_SPLIT

PARTS = ("train", "test")
NAMES = ("inputs", "x", "X", "pairs", "indices", "data", "is_train", "mask")  # that hold them
WORDS = {
    "train": {"train", "training"},
    "test": {"test", "testing"},
    "other": {"val", "valid", "validation"},
}
RIGHT_HAND = {"labels", "label", "targets", "target", "answers", "y"}
OPEN = "`--split unknown` leaves open which pairs it was shown."
VOCABULARY = {
    "data", "dataset", "pairs", "set", "split", "indices", "index", "idx", "inputs", "mask", "x",
    "is", *RIGHT_HAND, *(word for words in WORDS.values() for word in words),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Split:
    """A scheme with its seed and fraction, or the numbers that a file holds of one part."""

    scheme: str  # of `SCHEMES`, or recorded, all, unknown
    seed: int | None = None
    fraction: float | None = None
    path: Path | None = None
    numbers: Tensor | None = None  # a mask, rows of pairs, or their numbers
    is_of_test: bool = False
    notes: tuple[str, ...] = ()

    def shown(self, task: Task) -> Bool[Tensor, " pair"]:
        """Which pairs of a task training showed. Raises `BadInput` for numbers that are not pairs
        of it, and where there are none."""
        if self.numbers is None:
            return task.is_train(self.fraction or 0.0, self.seed or 0, self.scheme)
        table = self._table(self.numbers, task.n_symbols)
        a, b = task.inputs[:, :2].unbind(dim=1)
        is_there = table[a, b]
        is_shown = ~is_there if self.is_of_test else is_there
        if not is_shown.any():
            raise BadInput(f"{self.path} has no training pair of {task.name}. {OPEN}")
        return is_shown

    def of(self, spec: Spec, task: Task) -> tuple[Spec, Bool[Tensor, " pair"] | None]:
        """The spec with this split, and the mask that is kept where no scheme makes it again."""
        if self.numbers is None:
            fraction = spec.train_fraction if self.fraction is None else self.fraction
            self.shown(task)  # says where a scheme is of no such task, or leaves nothing
            spec = replace(spec, split=self.scheme, split_seed=self.seed, train_fraction=fraction)
            return spec, None
        is_shown = self.shown(task)
        if is_shown.all():
            return replace(spec, split=ALL_SPLIT, split_seed=None), None
        return replace(spec, split=RECORDED_SPLIT, split_seed=None), is_shown

    def _table(self, x: Tensor, n: int) -> Bool[Tensor, "symbol symbol"]:
        """Which of all n x n pairs these numbers are."""
        if x.dtype == torch.bool:
            if x.numel() != n * n:
                raise BadInput(
                    f"{self.path} has a mask of {x.numel():,} pairs, not of {n}². {OPEN}"
                )
            return x.view(n, n)
        pairs = x[:, :2] if x.ndim == 2 else torch.stack([x // n, x % n], dim=1)
        outside = ((pairs < 0) | (pairs >= n)).any(dim=1)
        if outside.any():
            first = x[outside][0].tolist()
            raise BadInput(
                f"{self.path} has the pair {first}, and there are {n} symbols, from 0. Count them "
                f"from 0, or: {OPEN}"
            )
        table = torch.zeros(n, n, dtype=torch.bool)
        table[pairs[:, 0], pairs[:, 1]] = True
        return table


def parse_split(text: str, reader: Reader) -> Split:
    """What `--split` says. Raises `BadInput` for what it cannot mean."""
    if text in (ALL_SPLIT, UNKNOWN_SPLIT):
        return Split(text)
    if _is_there(text):
        return read_split(Path(text), reader)
    scheme, *numbers = text.split(":")
    if len(numbers) != 2:
        raise BadInput(
            f"--split {shown(Path(text))} is no file, and none of all, unknown and "
            f"SCHEME:SEED:FRACTION, as in ordered:0:0.3. Schemes: {', '.join(SCHEMES)}."
        )
    lookup("split", scheme, SCHEMES)
    try:
        seed, fraction = int(numbers[0]), float(numbers[1])
    except ValueError:
        seed, fraction = -1, 0.0
    if seed < 0 or not 0 < fraction < 1:
        raise BadInput(
            f"--split {text}: the seed is a whole number and the fraction between 0 and 1, as in "
            f"{scheme}:0:0.3."
        )
    return Split(scheme, seed, fraction)


def _is_there(text: str) -> bool:
    try:
        return kind_of(Path(text)) not in ("nothing", "folder")
    except BadInput:  # no system has a file of such a name
        return False


def read_split(path: Path, reader: Reader, part: str = "train") -> Split:
    """The split in a file of the pairs of one part, or of several by their names. Raises `BadInput`
    if there are no pairs in it."""
    content, part = _part(reader.read(path), part)
    numbers = _numbers(content)
    if numbers is None:
        raise BadInput(
            f"{path} holds no training pairs. Save rows (a, b), their numbers a·n + b, or a mask, "
            "under the name train where there is more."
        )
    is_told_mask = numbers.dtype == torch.bool and not _is_of_bools(content)
    note = f"{path.name} holds only 0 and 1, and is read as a mask over all pairs"
    return Split(
        RECORDED_SPLIT, path=path, numbers=numbers, is_of_test=part == "test",
        notes=(note,) if is_told_mask else (),
    )  # fmt: skip


def _is_of_bools(x: Any) -> bool:
    while isinstance(x, list | tuple) and x:
        x = x[0]
    return x.dtype == torch.bool if isinstance(x, Tensor) else isinstance(x, bool)


def _part(content: Any, part: str) -> tuple[Any, str]:
    """The training part of what a file holds, else its test part."""
    if not isinstance(content, dict):
        return content, part
    for name in PARTS:
        for key, value in content.items():
            words = words_of(str(key))
            if words & WORDS[name] and words <= VOCABULARY and not words & RIGHT_HAND:
                return _part(value, name)
    known = [content[key] for key in NAMES if key in content]
    return (known or [*content.values(), None])[0] if len(content) == 1 or known else None, part


def _numbers(x: Any) -> Tensor | None:
    """A mask, rows of pairs or numbers of pairs; None of anything else."""
    if isinstance(x, list | tuple) and len(x) == 2 and _is_labelled(*x):
        x = x[0]
    if isinstance(x, list | tuple):
        x = _tensor([row[0] if _is_labelled_row(row) else row for row in x])
    if not isinstance(x, Tensor) or not x.numel() or x.layout != torch.strided or x.is_complex():
        return None
    if x.dtype == torch.bool:
        return x if x.ndim == 1 or (x.ndim == 2 and x.shape[0] == x.shape[1]) else None
    if x.is_floating_point() and not (x == x.round()).all():
        return None
    x = x.long()
    is_binary = bool(((x == 0) | (x == 1)).all())
    if is_binary and (x.ndim == 1 or (x.ndim == 2 and x.shape[0] == x.shape[1] > 3)):
        return x.bool()
    return x if x.ndim == 1 or (x.ndim == 2 and x.shape[1] in (2, 3)) else None


def _is_labelled(inputs: Any, labels: Any) -> bool:
    """Whether these are rows of pairs and a label for each."""
    first, second = _tensor(inputs), _tensor(labels)
    if first is None or second is None:
        return False
    return first.ndim == 2 and second.squeeze(-1).ndim == 1 and len(first) == len(second)


def _is_labelled_row(row: Any) -> bool:
    return isinstance(row, list | tuple) and len(row) == 2 and isinstance(row[0], list | tuple)


def _tensor(x: Any) -> Tensor | None:
    try:
        return x if isinstance(x, Tensor) else torch.as_tensor(x)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def words_of(name: str) -> set[str]:
    """The words of a name such as train_data or X-test."""
    return {word for word in name.lower().replace("-", "_").replace(".", "_").split("_") if word}


def is_of_pairs(path: Path) -> bool:
    """Whether a file beside weights holds training data by its name, as train_data.pth, and is so
    no network."""
    words = words_of(path.stem)
    about = {word for part in WORDS.values() for word in part}
    return words == {"split"} or (bool(words & about) and len(words) > 1 and words <= VOCABULARY)


def split_beside(files: list[Path], reader: Reader) -> Split | None:
    """The split in the first of these files that has the training pairs, else in one of the test
    pairs. Raises `BadInput` if it cannot be read."""
    inputs = [f for f in files if not words_of(f.stem) & RIGHT_HAND]
    for part in PARTS:
        for path in inputs:
            words = words_of(path.stem)
            if words & WORDS[part] or (part == "train" and words == {"split"}):
                return read_split(path, reader, part)
    return None
