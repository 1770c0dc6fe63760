"""A run's weights written for TransformerLens: `grokscope export --to transformer_lens`.

Axes: none.
"""

import io
import json
from pathlib import Path

import torch
from safetensors.torch import save

from grokscope.errors import BadInput
from grokscope.models.hooked import State, as_hooked
from grokscope.training.files import write_atomically
from grokscope.training.run import Run

WRITTEN = (".safetensors", ".pt", ".pth")


def export(run: Run, step: int | None = None, file: Path | None = None) -> tuple[Path, Path]:
    """Write a checkpoint as `as_hooked` has it: the weights to `file` (.safetensors or .pt, by
    default into the run's folder), the configuration beside it as JSON; their paths."""
    state, config = as_hooked(run.model(step))
    at = run.steps[-1] if step is None else step
    path = file or run.folder / f"transformer_lens-{at:06d}.safetensors"
    if path.suffix not in WRITTEN:
        raise BadInput(f"--file {path}: write to a .safetensors, a .pt or a .pth.")
    if path.exists() and not path.is_file():
        raise BadInput(f"--file {path} is not a file that could be replaced. Choose another name.")
    write_atomically(path, _content(state, path))
    beside = path.with_suffix(".json")
    write_atomically(beside, json.dumps(config, indent=2).encode())
    return path, beside


def export_all(run: Run, folder: Path | None = None) -> list[Path]:
    """Write every checkpoint, by default into a folder `transformer_lens` in the run's, as
    step-000100.safetensors with its configuration; their paths."""
    home = folder or run.folder / "transformer_lens"
    if home.exists() and not home.is_dir():
        raise BadInput(f"--file {home} is a file, and --all writes a folder. Choose another name.")
    home.mkdir(parents=True, exist_ok=True)
    return [export(run, step, home / f"step-{step:06d}.safetensors")[0] for step in run.steps]


def _content(state: State, path: Path) -> bytes:
    if path.suffix == ".safetensors":
        return save(state)
    buffer = io.BytesIO()
    torch.save({name: x.clone() for name, x in state.items()}, buffer)
    return buffer.getvalue()
