"""What all tests share: one thread a process, since several run side by side; a small spec."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import settings

from grokscope.spec import Spec

torch.set_num_threads(1)
settings.register_profile("grokscope", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("grokscope")


@pytest.fixture
def tiny() -> Callable[..., Spec]:
    """A spec that trains in a moment, with these fields changed."""
    base = Spec(
        task_args={"p": 7},
        model_args={"d_model": 16, "n_heads": 2, "d_mlp": 32},
        train_fraction=0.5,
        lr=5e-3,
        steps=60,
        eval_every=5,
        checkpoint_every=10,
    )
    return lambda **changes: replace(base, **changes)
