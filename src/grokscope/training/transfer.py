"""Where a network's first weights come from, and which of them stay: transfer (Furuta et al. 2024).

Their pre-grokked embedding (PG-E) is `load=RUN load_parts=embed freeze=embed`, their pre-grokked
Transformer (PG-T) `load=RUN load_parts=transformer freeze=transformer`. The controls: `freeze`
without `load` (random and frozen), `load` without `freeze` (loaded and trained on),
`load_shuffled=true` (the rows in another order). A frozen weight is neither updated nor decayed.
"""

from fnmatch import fnmatchcase
from pathlib import Path

import torch
from torch import Tensor

from grokscope.disk import is_there
from grokscope.errors import BadInput, brief, unknown
from grokscope.models.model import Model
from grokscope.training.batch import Share
from grokscope.training.run import Run, find_folders

EMBED = ("W_E*", "W_x", "W_y", "W_pos", "E", "embed*")
UNEMBED = ("W_U*", "b_U", "unembed*")


def initial_model(run: Run) -> Model:
    """The model as its training begins: drawn from its seed, with the parts that it loads.

    Raises `BadInput` if there is no such run or part, or if shapes differ.
    """
    spec, model = run.spec, run.new_model()
    if spec.load is None:
        if spec.load_parts != "all" or spec.load_shuffled:
            raise BadInput(
                f"load_parts={spec.load_parts} loads from no run: add load=RUN (`grokscope list "
                "runs` shows them). For random and frozen parts, use freeze alone."
            )
        return model
    if run.states:
        return model  # what was loaded is in there, and may have been trained on
    source = Run.open(_folder(run, spec.load))
    if not source.is_finished:
        raise BadInput(f"load={spec.load}: that run is not finished. Train it to its end first.")
    weights = source.weights(source.steps[-1])
    own: dict[str, Tensor] = dict(model.named_parameters())
    generator = torch.Generator().manual_seed(spec.seed)
    for name in named(model, spec.load_parts, "load_parts"):
        if name not in weights:
            raise unknown(f"weight of {spec.load}", name, weights)
        if weights[name].shape != own[name].shape:
            raise BadInput(
                f"load={spec.load}: its {name} is {tuple(weights[name].shape)}, and this one "
                f"{tuple(own[name].shape)}. Load between networks of one size, or other load_parts."
            )
        loaded = weights[name]
        if spec.load_shuffled and loaded.ndim > 1:
            # An embedding has a row for each symbol, and others for "=" and operators; the second
            # last axis of any other weight is what it reads.
            rows = loaded.shape[-2]
            some = run.task.n_symbols if _matches(name, EMBED) and loaded.ndim == 2 else rows
            order = torch.arange(rows)
            order[: min(some, rows)] = torch.randperm(min(some, rows), generator=generator)
            loaded = loaded[..., order, :]
        with torch.no_grad():
            own[name].copy_(loaded)
    return model


def frozen(model: Model, freeze: str | None) -> list[str]:
    """The weights that stay as they are."""
    return [] if freeze is None else named(model, freeze, "freeze")


def check_frozen(model: Model, freeze: str | None) -> None:
    """Raise `BadInput` if `freeze` does not name a weight, or leaves none to train."""
    if len(frozen(model, freeze)) == len(list(model.parameters())):
        raise BadInput(f"freeze={brief(str(freeze))} leaves no weight to train. Freeze fewer.")


def named(model: Model, text: str, field: str) -> list[str]:
    """The weights that `text` names: embed, transformer (all between), unembed, all, or names with
    * for any letters, several with commas between. Raises `BadInput` for what names none."""
    names = [name for name, _ in model.named_parameters()]
    weights: dict[str, None] = {}
    for word in text.replace(" ", "").split(","):
        here = [name for name in names if _is_meant(name, word)]
        if not here:
            raise BadInput(
                f"{field}={brief(text)}: `{brief(word)}` is not a weight of this model. Known: "
                f"embed, transformer, unembed, all, {', '.join(names)}."
            )
        weights |= dict.fromkeys(here)
    return list(weights)


def _is_meant(name: str, word: str) -> bool:
    is_embed, is_unembed = _matches(name, EMBED), _matches(name, UNEMBED)
    groups = {
        "all": True,
        "embed": is_embed,
        "unembed": is_unembed,
        "transformer": not (is_embed or is_unembed),
    }
    return groups[word] if word in groups else fnmatchcase(name, word)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _folder(run: Run, name: str) -> Path:
    """The folder of the run beside this one that is called so, or that is itself called so."""
    folders = {folder.name: folder for folder in find_folders(run.out)}
    if name not in folders and (is_there(Path(name) / "spec.json") or Share.of(Path(name))):
        return Path(name)
    if name not in folders:
        raise unknown("run to load from", name, folders)
    return folders[name]
