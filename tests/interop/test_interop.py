"""Networks of the real packages, each in an environment of its own: `make interop` builds them.

What is trained there is read here with the same logits and activations; what is exported here is
loaded there, and nothing is missing or left over.
"""

import json
import subprocess
from pathlib import Path

import pytest
import torch

from grokscope.foreign import export
from grokscope.tap import record
from grokscope.training.train import train
from tests.interop.there import KINDS
from tests.layouts import imported

ROOT = Path(__file__).parents[2]
THERE = Path(__file__).with_name("there.py")
ENVIRONMENTS = {x: ROOT / ".interop" / x / "bin" / "python" for x in ("2.18.0", "newest")}
WANTED = "needs an environment with TransformerLens: make interop"
CLOSE = 1e-5  # of the largest
pytestmark = pytest.mark.long
THERE_ARE = [
    pytest.param(x, marks=pytest.mark.skipif(not python.exists(), reason=WANTED))
    for x, python in ENVIRONMENTS.items()
]


def asked(python: Path, *words: str | Path) -> str:
    said = subprocess.run([python, *words], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-2000:]
    return said.stdout


@pytest.fixture(scope="module", params=THERE_ARE)
def trained(request, tmp_path_factory) -> tuple[str, Path]:
    """A version, and the folder of what it trained."""
    folder = tmp_path_factory.mktemp(request.param)
    asked(ENVIRONMENTS[request.param], THERE, "trained", folder)
    return request.param, folder


def kept(folder: Path, kind: str) -> dict[str, torch.Tensor]:
    return torch.load(folder / f"{kind}.cache.pth")


def far(x: torch.Tensor, y: torch.Tensor) -> float:
    """How far two tensors are apart, as a share of the largest; masked scores are no numbers."""
    x, y = (torch.where(v < -1e30, 0.0, v) for v in (x, y))
    return float((x - y).abs().max() / y.abs().max())


def test_what_is_trained_there_has_the_same_logits_and_activations_here(trained, tmp_path):
    version, folder = trained
    for kind in KINDS:
        run = imported(folder / f"{kind}.pth", tmp_path, task="a+b")
        seen, theirs = record(run.model(), run.task.inputs), kept(folder, kind)
        assert far(seen["logits"], theirs["logits"]) < CLOSE, kind
        assert len(seen.hooked) >= 9
        for hook in seen.hooked:
            if version == "newest" and hook.endswith("attn_scores"):
                continue  # 4.3 has the pattern under this name
            assert far(seen[hook], theirs[hook]) < CLOSE, f"{kind}: {hook}"


def test_what_is_exported_here_is_loaded_there_with_the_same_logits(trained, tmp_path):
    version, folder = trained
    out = tmp_path / "exported"
    for kind in KINDS:
        run = imported(folder / f"{kind}.pth", tmp_path, task="a+b")
        export(run, file=out / f"{kind}.safetensors")
    asked(ENVIRONMENTS[version], THERE, "run", out)
    for kind in KINDS:
        ours, theirs = (kept(x, kind)["logits"] for x in (out, folder))
        assert far(ours, theirs) < CLOSE, kind


@pytest.mark.skipif(not ENVIRONMENTS["newest"].exists(), reason=WANTED)
def test_nnsight_and_the_package_itself_see_inside_our_models(tmp_path, tiny):
    run = train(tiny(), tmp_path)
    inside = THERE.with_name("inside.py")
    found = json.loads(asked(ENVIRONMENTS["newest"], inside, run.folder).splitlines()[-1])
    assert len(found) == 4
    assert max(found.values()) < CLOSE, found
