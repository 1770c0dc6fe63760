"""What a command imports: what is only looked up brings in no torch, a run no compiler."""

import json
import shutil
import subprocess
import sys

import pytest

from grokscope.cli import main
from grokscope.models import MODELS, count_weights, make_model
from grokscope.papers import EXPERIMENTS
from grokscope.reading.said import Said, keep, kept
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.run import Run
from grokscope.training.train import train

SMALL = Spec(
    task_args={"p": 7}, model="mlp", model_args={"d_embed": 8, "d_mlp": 8}, steps=20, eval_every=10
)
COMPILER = ["sympy", "torch._dynamo", "torch._inductor"]
TENSORS = ["torch", "numpy", "polars", "matplotlib", *COMPILER]
ASK = """
import sys
from grokscope.cli import main
try:
    main({argv})
finally:
    print("imported:", [name for name in {names} if name in sys.modules], file=sys.stderr)
"""


def imported(argv: list[str], names: list[str]) -> str:
    """Which of these modules a command of its own process has imported when it ends."""
    code = ASK.format(argv=argv, names=names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.split("imported: ")[-1].strip()


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A folder with a run that was read."""
    folder = tmp_path_factory.mktemp("startup") / "runs"
    run = train(SMALL, folder)
    command = ["show", str(run.folder)]
    assert "torch" in imported(command, TENSORS)  # the first time it is read from the weights
    return folder


@pytest.mark.parametrize(
    "argv", [["--help"], ["show", "--help"], ["list", "runs"], ["show", "a+b-p7-mlp"]], ids=" ".join
)
def test_what_is_looked_up_is_looked_up_without_a_tensor(argv, out):
    where = [] if "--help" in argv else ["--out", str(out)]
    assert imported([*argv, *where], TENSORS) == "[]"


@pytest.mark.parametrize("extra", [["--dry-run"], []], ids=["dry", "whole"])
def test_a_run_imports_no_compiler(extra, tmp_path):
    settings = ["model=mlp", "task.p=7", "model.d_embed=8", "model.d_mlp=8", "steps=20"]
    found = imported(["run", *settings, "--out", str(tmp_path), *extra], ["torch", *COMPILER])
    assert found == "['torch']"


def test_weights_are_counted_as_they_are_made():
    rows = {e.spec.model: e.spec for e in EXPERIMENTS.values()}
    assert set(rows) <= set(MODELS)
    for spec in rows.values():
        task = make_task(spec.task, spec.task_args)
        model = make_model(spec.model, spec.model_args, task, 0)
        count = sum(w.numel() for w in model.parameters())
        assert count_weights(spec.model, spec.model_args, task) == count, spec.model


def said(folder, capsys) -> str:
    main(["show", str(folder), "--json"])
    return capsys.readouterr().out


@pytest.fixture
def copy(out, tmp_path, capsys):
    """The run, read and kept where it stands."""
    (run,) = out.iterdir()
    folder = tmp_path / run.name
    shutil.copytree(run, folder)
    said(folder, capsys)
    return folder


def test_what_is_kept_is_what_was_read(copy, capsys):
    kept = said(copy, capsys)
    (copy / "reading.json").unlink()
    assert kept == said(copy, capsys)
    assert json.loads(kept)["run"] == Run.open(copy).name


def forge(file):
    """Another accuracy, under the stamp of the old one."""
    text = file.read_text()
    content = json.loads(text)
    content["said"]["record"]["final"]["test_accuracy"] = 0.123
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("harm", [forge, lambda file: file.write_text('{"said": ['), lambda file:
    file.write_text("[]")], ids=["forged", "cut off", "no object"])  # fmt: skip
def test_what_is_not_ours_is_read_again(harm, copy, capsys):
    before = said(copy, capsys)
    harm(copy / "reading.json")
    assert said(copy, capsys) == before


def test_another_checkpoint_is_read_again(copy, capsys):
    before = json.loads(said(copy, capsys))
    last, first = copy / "step-000020.safetensors", copy / "step-000000.safetensors"
    last.write_bytes(first.read_bytes())
    after = json.loads(said(copy, capsys))
    assert after["measures"] != before["measures"]


def test_what_was_said_without_a_plugin_is_not_said_with_it(copy, tmp_path):
    plugin, run = tmp_path / "mine.py", Run.open(copy)
    plugin.write_text("")
    was = kept(run)
    assert was is not None
    assert kept(run, [plugin]) is None
    keep(run, was, [plugin])
    assert kept(run, [plugin]) == was
    plugin.write_text("x = 1")
    assert kept(run, [plugin]) is None


def test_of_a_run_that_goes_on_nothing_is_kept(tmp_path):
    run = Run.of(SMALL, tmp_path)
    keep(run, Said("", "", (), (), {}))
    assert not run.folder.exists()
