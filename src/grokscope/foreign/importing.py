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

import torch
from jaxtyping import Bool
from torch import Tensor

from grokscope.errors import BadInput, StorageError
from grokscope.foreign.history import find_split, rows_of
from grokscope.foreign.layout import Losses, State, layout_of
from grokscope.foreign.sources import Source, digest, open_source, sources
from grokscope.foreign.tasks import load_model, precision_of, resolve_task
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.files import as_json, write_atomically, write_tensors
from grokscope.training.run import SPLIT_FILE, Run
from grokscope.training.track import Track, untracked


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
    is_train: Bool[Tensor, " pair"] | None  # a split that was saved with the weights
    notes: tuple[str, ...]


def recognise(
    source: Source,
    layout: str | None = None,
    task: str | None = None,
    instance: int | None = None,
) -> Recognised:
    """Read the networks of a source. The task is the one asked for, the one its source says, or the
    one its answers match. Raises `BadInput` with the reason if it is refused."""
    contents = replace(open_source(source), instance=instance)
    chosen = layout_of(contents, layout)
    try:
        with warnings.catch_warnings():
            # torch warns where a tensor has too few axes to be turned
            warnings.simplefilter("error", UserWarning)
            _check_numbers(contents.checkpoints)
            foreign = chosen.read(contents)
            score, notes = resolve_task(foreign, contents.state, task)
            its_task = make_task(score.spec.task, score.spec.task_args)
            states = contents.checkpoints.items()
            networks = {
                step: load_model(foreign, score.spec, its_task, w) for step, w in sorted(states)
            }
    except BadInput as error:
        message, path = str(error), str(source.path)
        raise BadInput(message if path in message else f"{path} is refused: {message}") from None
    except (KeyError, IndexError, RuntimeError, ValueError, UserWarning) as error:
        raise BadInput(
            f"{source.path} is refused: its tensors do not fit layout `{chosen.name}` ({error})."
        ) from None
    spec = replace(
        score.spec,
        precision=precision_of(networks[max(networks)]),
        source=f"{chosen.name}: {source.path.name}, {digest(source)}",
    )
    spec, is_train, split_notes = find_split(spec, its_task, foreign, networks)
    return Recognised(
        name=contents.name if instance is None else f"{contents.name}-{instance}",
        layout=chosen.name,
        spec=spec,
        networks=networks,
        accuracy=score.accuracy,
        losses=foreign.losses,
        is_train=is_train,
        notes=(*foreign.notes, *notes, *split_notes),
    )


def import_network(
    source: Source,
    out: Path,
    layout: str | None = None,
    task: str | None = None,
    instance: int | None = None,
) -> Imported:
    """Import one network into its run folder under `out`.

    Raises `BadInput` with the reason if it is refused, before anything is written, and
    `StorageError` if its folder holds another network; the same one is found and not repeated.
    """
    recognised = recognise(source, layout, task, instance)
    run = Run(recognised.spec, out / recognised.name)
    result = Imported(run, recognised.layout, recognised.accuracy, recognised.notes, False)
    if (run.folder / "spec.json").exists():
        there = Run.open(run.folder)
        if (there.spec.source, there.spec.task) != (recognised.spec.source, recognised.spec.task):
            raise StorageError(
                f"{run.folder} holds another run. Move it away, or choose another --out."
            )
        if there.checkpoint(max(recognised.networks)).exists():  # else it was cut short
            return replace(result, run=there, was_there=True)
    elif run.folder.exists() and any(run.folder.iterdir()):
        raise StorageError(
            f"{run.folder} is there, and is not a run. Move it away, or choose another --out."
        )
    _write(run, recognised)
    return result


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
    rows = list(rows_of(run, recognised.losses, recognised.networks))
    if rows:
        text = "".join(as_json(row) + "\n" for row in rows)
        write_atomically(run.folder / "metrics.jsonl", text.encode())
    made_by = {"grokscope": version("grokscope"), "source": run.spec.source or ""}
    for step, model in recognised.networks.items():
        write_tensors(run.checkpoint(step), model.state_dict(), {"step": str(step), **made_by})


def import_networks(
    paths: Sequence[Path],
    out: Path,
    layout: str | None = None,
    task: str | None = None,
    instance: int | None = None,
    track: Track = untracked,
) -> tuple[list[Imported], list[str]]:
    """Import every network of these files and folders; those that are refused are left out, and
    the reasons are returned beside the others."""
    waiting = [source for path in paths for source in sources(path)]
    imported: list[Imported] = []
    refused: list[str] = []
    track(0, len(waiting))
    for i, source in enumerate(waiting):
        try:
            imported.append(import_network(source, out, layout, task, instance))
        except (BadInput, StorageError) as error:
            refused.append(str(error))
        track(i + 1, len(waiting))
    return imported, refused
