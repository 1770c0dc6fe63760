"""A run: one spec's folder, and everything that can be read from it.

    <out>/<spec id>/
        spec.json                   what was asked
        metrics.jsonl               one line an evaluation
        step-000000.safetensors     checkpoints: the weights under their names
        resume.safetensors          weights and state to go on from; the one before it is
        resume.older.safetensors    kept beside it
        report.html                 what a person reads
        explanation.json            what was found of its checkpoints
        split.safetensors           of an imported network, where its split was saved with it

A network that was trained in a batch has its share of the batch's files instead, and a folder in
there for what is written of it alone (see `training.batch`). `Run` reads both alike.

The folder is read without torch; what of it is tensors brings torch in when it is asked for, so
that a table of runs costs no more than its rows.

Axes: pair = one input; answer = where an input has several.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from math import nan
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from grokscope.disk import is_there, names_in, read_regular
from grokscope.errors import BadInput, DamagedFile, StorageError, UnknownName, brief
from grokscope.spec import Spec
from grokscope.training.batch import (
    LAST,
    SPECS,
    Share,
    are_specs_whole,
    batch_of,
    is_batch,
    members_in,
    numbers_in,
)
from grokscope.training.events import Events, find_events
from grokscope.training.files import (
    append,
    as_json,
    flush_file,
    read_notes,
    write_atomically,
    writing,
)

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Bool, Int
    from torch import Tensor, nn

    from grokscope.models.model import Model
    from grokscope.task import Task

RECORDED_SPLIT = "recorded"  # of an imported network: kept in its folder
SPLIT_FILE = "split.safetensors"
CHECKPOINT = re.compile(r"step-([0-9]{6}|[1-9][0-9]{6,14})\.safetensors")
OWN = re.compile(  # what no page, picture or export may replace
    r"specs?\.jsonl?|metrics\.jsonl|trace\.parquet|judgement\.json|reading\.json|"
    r"explanation\.json|note\.json|circuit\.py|\.lock|(step-|last|resume|split).*\.safetensors",
    re.IGNORECASE,  # some disks are too
)
LAST_STEP = 10**15 - 1
MOST_BYTES = 4 * 10**9  # of a file of tensors
LARGEST_SPEC = 10**6
LARGEST_PAGE = 10**9
LARGEST_METRICS = 500 * 10**6  # two million evaluations
ROW = {"step", "train_loss", "train_accuracy", "test_loss", "test_accuracy"}


@dataclass(frozen=True, repr=False)
class Run:
    """A spec and the folder of its results, finished or not."""

    spec: Spec
    folder: Path

    @classmethod
    def of(cls, spec: Spec, out: Path | str = "runs") -> "Run":
        """The run of this spec under the folder `out`, whether it was begun or not: in a folder of
        its own, or in a batch."""
        return runs_of([spec], out)[0]

    @classmethod
    def open(cls, folder: Path | str) -> "Run":
        """The run in this folder. Raises `BadInput` if there is none, `DamagedFile` if its spec is
        damaged or lost, `StorageError` if the system does not let it be read."""
        share = Share.of(Path(folder))
        path = Path(folder) / "spec.json" if share is None else share.batch / SPECS
        try:
            if share is not None:
                return cls(share.spec, Path(folder))
            text = read_regular(path, LARGEST_SPEC).decode(errors="replace")
            return cls(Spec.from_json(text), Path(folder))
        except FileNotFoundError:
            raise no_spec(Path(folder)) from None
        except BadInput as error:
            raise DamagedFile(f"{path} is damaged: {error} {mend(Path(folder))}") from error

    @cached_property
    def share(self) -> Share | None:
        """What a batch has of it; None of a run that has a folder to itself."""
        return Share.of(self.folder)

    @property
    def home(self) -> Path:
        """The folder of its files: its own, or its batch's."""
        return self.folder if self.share is None else self.share.batch

    @property
    def out(self) -> Path:
        """The folder that its run or batch is in, beside others."""
        return self.home.parent

    @property
    def is_begun(self) -> bool:
        """Whether there is anything of it. Raises `StorageError` where that cannot be seen."""
        return self.share is not None or is_there(self.folder / "spec.json")

    @property
    def metrics_file(self) -> Path:
        """The file that has its evaluations."""
        return self.home / "metrics.jsonl"

    @cached_property
    def task(self) -> "Task":
        """The task, which runs that ask the same share: so its lenses, irreps and subgroups are
        computed once for all of them."""
        from grokscope.tasks import shared_task

        with self._its_spec():
            return shared_task(self.spec.task, self.spec.task_args)

    @contextmanager
    def _its_spec(self) -> Iterator[None]:
        """What is wrong with the spec is told with its file, where there is one."""
        path = self.folder / "spec.json"
        try:
            yield
        except BadInput as error:
            if is_there(path):
                raise type(error)(f"{path}: {error}") from error
            raise

    def __repr__(self) -> str:
        return f"<Run {self.name} in {self.out}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the report, where one was written of the run as it is now, else
        the last evaluation. The report can do nothing to the notebook around it."""
        report = self.folder / "report.html"
        newest = [self.metrics_file, *map(self.checkpoint, self.steps[-1:])]
        written = _when(report)
        if written and written >= max(map(_when, newest)):
            return (
                f'<iframe title="{escape(self.name)}" sandbox="allow-scripts allow-downloads" '
                f'style="width: 100%; height: 40rem; border: 0" '
                f'srcdoc="{escape(read_regular(report, LARGEST_PAGE).decode())}"></iframe>'
            )
        facts = {"run": self.name, "folder": self.folder, **(self.rows or [{}])[-1]}
        rows = (f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in facts.items())
        hint = (
            "<p><code>write_page(read(run))</code> writes its report, to be shown here; "
            "<code>explore(run)</code> shows it as a widget.</p>"
        )
        return f"<table>{''.join(rows)}</table>{hint}"

    @property
    def name(self) -> str:
        """Its id, or of an imported network the name of its folder."""
        return self.folder.name if self.is_imported else self.spec.id

    @property
    def is_imported(self) -> bool:
        """Whether its weights were trained elsewhere."""
        return self.spec.source is not None

    @property
    def knows_split(self) -> bool:
        """Whether it is known which pairs were held out; else every pair counts as shown."""
        from grokscope.task import ALL_SPLIT, UNKNOWN_SPLIT

        return self.spec.split not in (UNKNOWN_SPLIT, ALL_SPLIT)

    @property
    def was_shown_all(self) -> bool:
        """Whether it is known to have been shown every pair."""
        from grokscope.task import ALL_SPLIT

        return self.spec.split == ALL_SPLIT

    @cached_property
    def is_train(self) -> "Bool[Tensor, ' pair']":
        spec = self.spec
        if spec.split == RECORDED_SPLIT:
            return self._recorded_split()
        seed = spec.seed if spec.split_seed is None else spec.split_seed
        return self.task.is_train(spec.train_fraction, seed, spec.split, spec.train_size)

    def _recorded_split(self) -> "Bool[Tensor, ' pair']":
        import torch

        from grokscope.training.tensors import read_tensors

        path = self.folder / SPLIT_FILE
        is_train = read_tensors(path)[0].get("is_train")
        n = len(self.task.inputs)
        if is_train is None or is_train.shape != (n,) or is_train.dtype != torch.bool:
            raise DamagedFile(f"{path} is not the split of {self.task.name}.")
        return is_train

    @cached_property
    def taught(self) -> "Int[Tensor, ' pair *answer']":
        """The answers that training shows: the task's, or with `label_noise` partly random ones."""
        spec = self.spec
        if spec.label_noise == 0:
            return self.task.answers
        seed = spec.seed if spec.label_seed is None else spec.label_seed
        return self.task.noisy_answers(spec.label_noise, seed)

    def count_weights(self) -> int:
        """How many weights the model has, without taking memory for them; 0 if it will not say."""
        from grokscope.models import count_weights

        with self._its_spec():
            return count_weights(self.spec.model, self.spec.model_args, self.task)

    def new_model(self) -> "Model":
        """The model with its initial weights."""
        from grokscope.models import make_model
        from grokscope.training.loss import DTYPES

        spec, task = self.spec, self.task
        with self._its_spec():
            model = make_model(spec.model, spec.model_args, task, spec.seed)
        return model.to(DTYPES[spec.precision])

    @property
    def rows(self) -> list[dict[str, int | float]]:
        """The evaluations so far. A last line that was cut off is left out."""
        path, lines, rows = self.metrics_file, self.lines.split(b"\n"), []
        for number, line in enumerate(lines):
            try:
                rows += [numbers(json.loads(line))] if line else []
            except (ValueError, TypeError, RecursionError):
                if number < len(lines) - 1:
                    raise DamagedFile(
                        f"{path} is damaged in line {number + 1}. {mend(self.folder)}"
                    ) from None
        if not self.is_imported:
            self._check_steps(rows)
        return rows

    @property
    def lines(self) -> bytes:
        """The evaluations so far, as they are written; in a batch, as they would be alone."""
        if self.share is not None:
            return self.share.lines
        try:
            return read_regular(self.metrics_file, LARGEST_METRICS)
        except FileNotFoundError:
            return b""

    def _check_steps(self, rows: list[dict[str, int | float]]) -> None:
        """Raise `DamagedFile` where an evaluation is missing among these, or there twice."""
        spec = self.spec
        for number, row in enumerate(rows):
            due = min(number * spec.eval_every, spec.steps)
            if row["step"] != due:
                raise DamagedFile(
                    f"{self.metrics_file} has the evaluation of step {row['step']:g} "
                    f"where that of step {due} was written: some are gone or changed. "
                    f"{mend(self.folder)}"
                )

    @property
    def metrics(self) -> "pl.DataFrame":
        """The evaluations as a table, one row each."""
        import polars as pl

        return pl.DataFrame(self.rows, infer_schema_length=None)

    @property
    def events(self) -> Events:
        return find_events(self.spec, self.rows)

    @property
    def is_finished(self) -> bool:
        rows = self.rows
        if self.is_imported:
            return True
        return bool(rows) and (
            find_events(self.spec, rows).stop is not None and self.has(int(rows[-1]["step"]))
        )

    @property
    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in order."""
        if self.share is not None:
            return self.share.steps
        found = (CHECKPOINT.fullmatch(name) for name in names_in(self.folder))
        return sorted(int(match[1]) for match in found if match)

    def checkpoint(self, step: int) -> Path:
        """The file that has the weights of a step; in a batch, beside those of others."""
        if self.share is not None:
            return self.share.checkpoint(step)
        return self.folder / f"step-{step:06d}.safetensors"

    def has(self, step: int) -> bool:
        """Whether there is a checkpoint of this step."""
        path = self.checkpoint(step)
        return path.exists() if self.share is None else self.share.is_in(path)

    def content(self, path: Path) -> bytes:
        """What of a file of tensors, such as `checkpoint(step)`, is this run's: all, or its share
        of a stacked one. Raises `FileNotFoundError`, `DamagedFile` and `StorageError`."""
        if self.share is None or path.parent != self.share.batch:
            return read_regular(path, MOST_BYTES)
        return self.share.content(path)

    def tensors(self, path: Path) -> "tuple[dict[str, Tensor], dict[str, str]]":
        """The tensors and notes of this run in such a file. Raises `DamagedFile` and
        `StorageError`."""
        from grokscope.training.tensors import parsed

        try:
            return parsed(self.content(path), path)
        except FileNotFoundError:
            raise DamagedFile(f"{path} is missing.") from None

    def weights(self, step: int) -> "dict[str, Tensor]":
        """The weights of a checkpoint, by their names. Raises `DamagedFile` and `StorageError`."""
        return self.tensors(self.checkpoint(step))[0]

    def notes(self, path: Path) -> dict[str, str]:
        """What is noted of this run in such a file, whose checksum is not looked at. Raises
        `DamagedFile`."""
        if self.share is None:
            return read_notes(path)
        notes = self.share.notes(path)
        if notes is None:
            raise DamagedFile(f"{path} is damaged and cannot be read.")
        return notes

    @property
    def states(self) -> list[Path]:
        """The files that have a state to resume from, the newest first."""
        if self.share is None:
            return [path for path in (self.resume, self.older_resume) if path.exists()]
        if self.share.last_step is not None:
            return []
        return [p for p in (self.resume, self.older_resume) if self.share.is_in(p)]

    @property
    def sealing(self) -> Path | None:
        """The newest file whose notes say how many evaluations there were, or should."""
        if self.share is not None and self.share.last_step is not None:
            return self.share.batch / LAST
        return next(iter(self.states), None)

    @property
    def resume(self) -> Path:
        return self.home / "resume.safetensors"

    @property
    def older_resume(self) -> Path:
        return self.home / "resume.older.safetensors"

    def model(self, step: int | None = None) -> "Model":
        """The network at a checkpoint, by default the last one.

        Raises `UnknownName` for a step without a checkpoint, `DamagedFile` for a damaged one.
        """
        steps = self.steps
        if not steps:
            raise BadInput(f"{self.folder} has no checkpoint yet. Train it with `grokscope run`.")
        if step is None:
            step = steps[-1]
        if step not in steps:
            near = min(steps, key=lambda other: abs(other - step))
            raise UnknownName(f"there is no checkpoint of step {step}. The nearest is {near}.")
        return next(self.models([step]))[1]

    def models(self, steps: Iterable[int] | None = None) -> "Iterator[tuple[int, Model]]":
        """The checkpoints of these steps, by default all, one after the other: (step, the same
        model with other weights)."""
        model = None
        for step in self.steps if steps is None else steps:
            with self._with_older(step):
                path = self.checkpoint(step)
                weights, _ = self.tensors(path)
                model = self._model_for(weights, path) if model is None else model
                load_weights(model, weights, path)
            yield step, model

    def module(self, step: int | None = None) -> "nn.Module":
        """The network at a checkpoint, by default the last one, as a torch module whose activations
        are submodules: see `models.hook_points`. Raises as `model`."""
        from grokscope.models.hook_points import HookPoints

        return HookPoints(self.model(step), self.task.inputs[:1])

    def hooked(self, step: int | None = None) -> "nn.Module":
        """The same as a model of TransformerLens, where that is installed. Raises as `model`, and
        `NotApplicable` and `BadInput` as `models.hooked.hooked`."""
        from grokscope.models.hooked import hooked

        return hooked(self.model(step))

    @contextmanager
    def _with_older(self, step: int) -> Iterator[None]:
        """A damaged checkpoint is told with the one before it, and with what to do."""
        try:
            yield
        except DamagedFile as error:
            older = [s for s in self.steps if s < step]
            other = f"The one before it is step {older[-1]}." if older else "There is none before."
            raise DamagedFile(f"{error} {other} {mend(self.folder)}") from error

    def _model_for(self, weights: "dict[str, Tensor]", path: Path) -> "Model":
        """The model that is to have these weights. Raises `DamagedFile`, before memory is taken,
        if it has more of them."""
        held, asked = sum(w.numel() for w in weights.values()), self.count_weights()
        if held < asked:
            raise DamagedFile(
                f"{path} does not hold this network's weights: it has {held:,} numbers, and the "
                f"network of its spec.json {asked:,}."
            )
        return self.new_model().eval().requires_grad_(False)

    def write_spec(self) -> None:
        write_atomically(self.folder / "spec.json", self.spec.to_json().encode())

    def append(self, row: dict[str, Any]) -> None:
        """Add an evaluation to metrics.jsonl."""
        append(self.folder / "metrics.jsonl", (as_json(row) + "\n").encode())

    def seal(self) -> dict[str, str]:
        """Have the evaluations so far on the disk, not only in the system's memory; how many they
        are, with a checksum."""
        path = self.folder / "metrics.jsonl"
        flush_file(path)
        return seal_of(read_regular(path, LARGEST_METRICS))

    def sealed(self, notes: dict[str, str]) -> bytes:
        """The lines of metrics.jsonl that `seal` told of, for the step in these notes. Raises
        `DamagedFile` if they are not there. Notes of version 0.1 tell nothing but the step."""
        path = self.metrics_file
        lines = self.lines.splitlines(keepends=True)
        if "rows" not in notes:
            kept = [row for row in self.rows if row["step"] <= int(notes["step"])]
            return "".join(as_json(row) + "\n" for row in kept).encode()
        content = b"".join(lines[: int(notes["rows"])])
        if seal_of(content).items() - notes.items():
            raise DamagedFile(
                f"{path} does not begin with the {int(notes['rows']):,} evaluations up to step "
                f"{notes['step']} that training wrote: lines are gone or changed. "
                f"{mend(self.folder)}"
            )
        return content

    @property
    def leftovers(self) -> list[Path]:
        """The files that writes which were killed have left."""
        left = [*self.home.glob(".*.part"), *self.home.glob("resume.new.*")]
        if self.share is not None:
            return [*left, *self.folder.glob(".*.part"), *self.share.spent]
        with suppress(DamagedFile):  # then it is not known to be finished
            left += [self.older_resume] if self.older_resume.exists() and self.is_finished else []
        return left

    def tidy(self) -> None:
        """Remove the leftovers; only for who holds the run's lock."""
        for file in self.leftovers:
            with writing(file):
                file.unlink(missing_ok=True)

    @property
    def resumes_at(self) -> int | None:
        """The step that training would go on from; None where that is the beginning."""
        for path in self.states:
            with suppress(DamagedFile, KeyError, ValueError):
                return int(self.notes(path)["step"])
        return None

    def keep(self, last_step: int, content: bytes = b"") -> list[dict[str, int | float]]:
        """Drop checkpoints after `last_step`, and all evaluations but these lines, which it
        returns."""
        for step in self.steps:
            if step > last_step:
                with writing(self.checkpoint(step)):
                    self.checkpoint(step).unlink()
        write_atomically(self.folder / "metrics.jsonl", content)
        return self.rows


def numbers(row: Any) -> dict[str, int | float]:
    """A row as it was before `as_json`. Raises `TypeError` if it is not one."""
    if not isinstance(row, dict) or not set(row) >= ROW:
        raise TypeError("not an evaluation")
    if not all(v is None or isinstance(v, float) or _is_whole(v) for v in row.values()):
        raise TypeError("not numbers")
    if not _is_whole(row["step"]) or row["step"] < 0:
        raise TypeError("not a step")
    return {k: nan if v is None else v for k, v in row.items()}


@dataclass
class Seal:
    """How many evaluations there are, and a checksum of their lines that goes on with them."""

    count: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, lines: bytes) -> None:
        self.count += lines.count(b"\n")
        self.digest.update(lines)

    def notes(self) -> dict[str, str]:
        return {"rows": str(self.count), "rows_sha256": self.digest.hexdigest()[:16]}


def seal_of(lines: bytes) -> dict[str, str]:
    """How many evaluations these lines are, with a checksum, as notes."""
    seal = Seal()
    seal.add(lines)
    return seal.notes()


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number that a step could be."""
    return isinstance(value, int) and abs(value) <= LAST_STEP


def no_spec(folder: Path) -> BadInput | DamagedFile:
    """The error for a folder without a spec.json: what it has else says whether it was a run."""
    batch = batch_of(folder)
    if batch is not None and (batch == folder or not are_specs_whole(batch)):
        if are_specs_whole(batch):
            return BadInput(
                f"{brief(str(batch), 300)} is a batch of {len(numbers_in(batch))} networks. Name "
                "one of them, by its id or its first letters."
            )
        return DamagedFile(f"{batch / SPECS} is damaged, or lines of it are lost. {mend(batch)}")
    if _has_checkpoints(folder):
        return DamagedFile(f"{folder / 'spec.json'} is lost, beside checkpoints. {mend(folder)}")
    return BadInput(
        f"{brief(str(folder), 300)} is not a run: it has no spec.json. `grokscope list runs` shows "
        "the runs."
    )


def _has_checkpoints(folder: Path) -> bool:
    return any(CHECKPOINT.fullmatch(name) for name in names_in(folder))


def mend(folder: Path) -> str:
    """What to do about a damaged run."""
    ask = f"`grokscope check {quote(str(folder))} --repair`"
    return f"{ask} says what is damaged, and mends what can be."


def _when(file: Path) -> int:
    """When a file was changed, in ns; 0 if it is not there."""
    return file.stat().st_mtime_ns if file.exists() else 0


def load_weights(model: "Model", weights: "dict[str, Tensor]", path: Path) -> None:
    """Give a model the weights that were read from `path`. Raises `DamagedFile` if they are not
    its own."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise DamagedFile(f"{path} does not hold this network's weights: {error}.") from error


def is_own(file: Path) -> bool:
    """Whether a run keeps its results under this name, or under that which it links to."""
    folder, target = (os.path.realpath(x) for x in (file.parent, file))
    meant = (Path(folder, file.name), Path(target))
    return any(OWN.fullmatch(path.name) and _is_run(path.parent) for path in meant)


def runs_of(specs: Iterable[Spec], out: Path | str) -> list[Run]:
    """The runs of these specs under `out`, begun or not; one that has a folder of its own is that,
    though a batch has it too."""
    batched = members_in(Path(out))
    alone = {spec.id: Path(out) / spec.id for spec in specs}
    folders = {
        name: batched[name] if name in batched and not is_there(own / "spec.json") else own
        for name, own in alone.items()
    }
    return [Run(spec, folders[spec.id]) for spec in specs]


def spread(steps: Sequence[int], count: int) -> list[int]:
    """So many of these steps, evenly spread, the first and the last among them; of one, the last.
    Raises `BadInput` for a count below 1, and where there are none."""
    if count < 1 or not steps:
        raise BadInput(f"{count} checkpoints of {len(steps)} cannot be chosen. Ask for 1 or more.")
    gaps, last = min(count, len(steps)) - 1, len(steps) - 1
    return [steps[round(i * last / gaps)] for i in range(gaps + 1)] if gaps else [steps[-1]]


def find_folders(out: Path | str) -> list[Path]:
    """The folders of the runs under `out`, oldest first, with those that have lost their spec or
    cannot be looked into; of a batch, those of its networks, whether anything is in them or not.
    Raises `StorageError` if `out` cannot be."""
    home = Path(out)
    if is_batch(home):
        return _networks(home)
    found: list[Path] = []
    for folder in (home / name for name in names_in(home)):
        if _is_batch(folder):
            found += _networks(folder)
        elif _is_run(folder):
            found.append(folder)
    return sorted(found, key=_since)


def _networks(batch: Path) -> list[Path]:
    """The folders of a batch's networks; the batch's own, where some of their names are lost."""
    named = [batch / name for name in numbers_in(batch)]
    return named if are_specs_whole(batch) else [*named, batch]


def _is_batch(folder: Path) -> bool:
    try:
        return is_batch(folder)
    except StorageError:
        return False


def _is_run(folder: Path) -> bool:
    """Whether it is a run's, or may be: what cannot be seen is no proof that there is none."""
    try:
        is_alone = is_there(folder / "spec.json") or _has_checkpoints(folder)
        return is_alone or Share.of(folder) is not None
    except StorageError:
        return True


def _since(folder: Path) -> int:
    """When its spec was written, in ns; 0 if that is not to be seen."""
    try:
        return _when(folder / "spec.json") or _when((batch_of(folder) or folder) / SPECS)
    except OSError:
        return 0


def find_runs(out: Path | str) -> list[Run]:
    """The runs under `out`, oldest first. Raises `DamagedFile` or `StorageError` if one cannot be
    read."""
    return [Run.open(folder) for folder in find_folders(out)]
