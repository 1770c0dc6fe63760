"""From other people's files to run folders: `grokscope import`.

Each network becomes one run folder, named by the file's stem, or by its folder where the stem is
`model` or the network is several files.

Axes: pair = one input.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Bool
from torch import Tensor

from grokscope.errors import BadInput, GrokscopeError, StorageError
from grokscope.foreign.declared import declared_by
from grokscope.foreign.files import Reader
from grokscope.foreign.fit import load_model, note_of_kinds, precision_of
from grokscope.foreign.history import find_split, rows_of
from grokscope.foreign.layout import ForeignNetwork, Losses, State, layout_of
from grokscope.foreign.names import LONGEST, printable
from grokscope.foreign.resolve import Said, resolve
from grokscope.foreign.sources import Source, digest, open_source, pairs_beside, sources
from grokscope.foreign.split import OPEN, Split, parse_split
from grokscope.foreign.tasks import Shown
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.task import ALL_SPLIT, UNKNOWN_SPLIT, Task
from grokscope.tasks import make_task
from grokscope.training.files import as_json, write_atomically
from grokscope.training.run import RECORDED_SPLIT, SPLIT_FILE, Run
from grokscope.training.tensors import write_tensors
from grokscope.training.track import Track, untracked

NOTHING = Said()
SAID = (
    "source",
    "task",
    "task_args",
    "model",
    "model_args",
    "split",
    "split_seed",
    "train_fraction",
)


@dataclass(frozen=True)
class Imported:
    """A network that was imported, or was there already."""

    run: Run
    layout: str
    accuracy: float  # over all pairs of its task
    notes: tuple[str, ...]
    was_there: bool


@dataclass(frozen=True, eq=False)
class Recognised:
    """What a source is: its networks by step, and what is known of their training."""

    name: str
    layout: str
    spec: Spec
    networks: dict[int, Model]
    accuracy: float
    losses: Losses | None
    rows: tuple[dict[str, int | float], ...]
    is_train: Bool[Tensor, " pair"] | None  # a split that was saved with the weights
    notes: tuple[str, ...]


def recognise(source: Source, said: Said = NOTHING) -> Recognised:
    """Read the networks of a source. Its task and its activation are what its user or its source
    says, or what its answers match. Raises `BadInput` with the reason if it is refused."""
    with Reader() as reader:
        if said.split is None:
            split, unread = pairs_beside(source, reader)
        else:
            split, unread = parse_split(said.split, reader), ()
        contents = replace(open_source(source, reader), instance=said.instance, reads=said.reads)
        contents, layout = declared_by(contents, said.layout, reader)
    chosen = layout_of(contents, layout)
    try:
        with warnings.catch_warnings():
            # torch warns where a tensor has too few axes to be turned
            warnings.simplefilter("error", UserWarning)
            _check_numbers(contents.checkpoints)
            network = chosen.read(contents)
            _check_instance(network, said.instance)
            split = None if said.split is None and network.is_train is not None else split
            resolved = resolve(network, contents, chosen.name, said, _shown(network, split))
            foreign, spec = resolved.foreign, resolved.spec
            its_task = make_task(spec.task, spec.task_args)
            states = contents.checkpoints.items()
            networks = {step: load_model(foreign, spec, its_task, w) for step, w in sorted(states)}
    except BadInput as error:
        message, path = str(error), str(source.path)
        raise BadInput(message if path in message else f"{path} is refused: {message}") from None
    except (KeyError, IndexError, RuntimeError, ValueError, UserWarning) as error:
        raise BadInput(
            f"{source.path} is refused: its tensors do not fit layout `{chosen.name}` ({error})."
        ) from None
    spec = replace(
        spec,
        precision=precision_of(networks[max(networks)]),
        source=f"{chosen.name}: {printable(source.path.name)[:LONGEST]}, {digest(source)}",
    )
    converted = note_of_kinds(foreign.weights(contents.state))
    spec, is_train, split_notes = find_split(spec, its_task, foreign, networks, split)
    split_notes = (*split_notes, *(split.notes if split is not None else ()))
    _check_split(spec, its_task, source)
    return Recognised(
        name=contents.name if said.instance is None else f"{contents.name}-{said.instance}",
        layout=chosen.name,
        spec=spec,
        networks=networks,
        accuracy=resolved.answered.fit.accuracy,
        losses=foreign.losses,
        rows=foreign.rows,
        is_train=is_train,
        notes=(*foreign.notes, *converted, *resolved.notes, *split_notes, *unread),
    )


def import_network(source: Source, out: Path, **said: Any) -> Imported:
    """Import one network into its run folder under `out`; `said` are the fields of `Said`.

    Raises `BadInput` with the reason if it is refused, before anything is written, and
    `StorageError` if its folder holds another network; the same one is found and not repeated.
    """
    recognised = recognise(source, Said(**said))
    run = Run(recognised.spec, out / recognised.name)
    result = Imported(run, recognised.layout, recognised.accuracy, recognised.notes, False)
    if (run.folder / "spec.json").exists():
        there = Run.open(run.folder)
        if not _is_same(there, recognised):
            raise StorageError(
                f"{run.folder} holds another run, or this one as something else was said of it. "
                "Move it away, or choose another --out."
            )
        if there.checkpoint(max(recognised.networks)).exists():  # else it was cut short
            return replace(result, run=there, was_there=True)
    elif run.folder.exists() and any(run.folder.iterdir()):
        raise StorageError(
            f"{run.folder} is there, and is not a run. Move it away, or choose another --out."
        )
    _write(run, recognised)
    return result


def _is_same(run: Run, recognised: Recognised) -> bool:
    """Whether a run is of the same file, and the same was said of it."""
    if any(getattr(run.spec, x) != getattr(recognised.spec, x) for x in SAID):
        return False
    return recognised.is_train is None or torch.equal(run.is_train, recognised.is_train)


def _shown(foreign: ForeignNetwork, split: Split | None) -> Shown | None:
    """Which pairs of a task it is said to have been shown; None where some are not known."""
    if split is not None:
        return None if split.scheme == UNKNOWN_SPLIT else split.shown
    if foreign.is_train is None:
        return None
    return lambda task: cast(Tensor, foreign.shown(task))


def _check_split(spec: Spec, task: Task, source: Source) -> None:
    """Refuse a split that leaves no pair, before anything is written."""
    if spec.split in (ALL_SPLIT, UNKNOWN_SPLIT, RECORDED_SPLIT):
        return
    seed = spec.seed if spec.split_seed is None else spec.split_seed
    try:
        task.is_train(spec.train_fraction, seed, spec.split)
    except BadInput as error:
        raise BadInput(f"{source.path} is refused: {error} {OPEN}") from None


def _check_instance(network: ForeignNetwork, instance: int | None) -> None:
    if instance is None or 0 <= instance < network.count:
        return
    if network.count == 1:
        raise BadInput(f"it holds one network, and --instance {instance} is none of it.")
    raise BadInput(
        f"it holds {network.count} networks, counted from 0, and --instance {instance} is none."
    )


def _check_numbers(checkpoints: dict[int, State]) -> None:
    for step, state in checkpoints.items():
        for name, w in state.items():
            if w.layout != torch.strided or w.is_meta or w.is_quantized or w.is_complex():
                raise BadInput(f"{name} is not a plain tensor of numbers.")
            if w.is_floating_point() and not name.endswith("IGNORE"):
                bad = int((~w.isfinite()).sum())
                if bad:
                    raise BadInput(
                        f"{bad:,} of the {w.numel():,} numbers of {name} at step {step} are not "
                        "finite: its training diverged, or the file is damaged."
                    )


def _write(run: Run, recognised: Recognised) -> None:
    """The run's folder; the last checkpoint last, so that what is cut short is seen to be."""
    if recognised.is_train is not None:
        write_tensors(run.folder / SPLIT_FILE, {"is_train": recognised.is_train}, {})
    run.write_spec()
    rows = list(rows_of(run, recognised.losses, recognised.networks, recognised.rows))
    if rows:
        text = "".join(as_json(row) + "\n" for row in rows)
        write_atomically(run.folder / "metrics.jsonl", text.encode())
    made_by = {"grokscope": version("grokscope"), "source": run.spec.source or ""}
    made_by["spec"] = run.spec.to_json()
    for step, model in recognised.networks.items():
        write_tensors(run.checkpoint(step), model.state_dict(), {"step": str(step), **made_by})


def import_networks(
    paths: Sequence[Path],
    out: Path,
    track: Track = untracked,
    **said: Any,
) -> tuple[list[Imported], list[GrokscopeError]]:
    """Import every network of these files and folders; those that are refused are left out, and
    the reasons are returned beside the others. `said` are the fields of `Said`."""
    waiting = [source for path in paths for source in sources(path)]
    imported: list[Imported] = []
    refused: list[GrokscopeError] = []
    track(0, len(waiting))
    for i, source in enumerate(waiting):
        try:
            imported.append(import_network(source, out, **said))
        except GrokscopeError as error:
            refused.append(error)
        track(i + 1, len(waiting))
    return imported, refused
