"""What is run by the Python of an environment that has this package, TransformerLens and nnsight.

python inside.py RUN        prints as JSON how far each way of looking inside is from our own
"""

import json
import sys
from importlib import import_module
from typing import Any

import torch

from grokscope.models.hooked import tokens_of
from grokscope.tap import edit, record
from grokscope.training.run import Run

MLP = "blocks.0.mlp.hook_post"


def far(x: torch.Tensor, y: torch.Tensor) -> float:
    return float((x - y).abs().max() / y.abs().max())


def main(run: Run) -> dict[str, float]:
    model, inputs = run.model(), run.task.inputs
    seen, module, theirs = record(model, inputs), run.module(), run.hooked()
    traced = import_module("nnsight").NNsight(module)
    with traced.trace(inputs):
        post = traced.blocks[0].mlp.hook_post.output.save()
    with traced.trace(inputs):
        traced.blocks[0].mlp.hook_post.output = torch.zeros_like(seen[MLP])
        without = traced.output.save()
    its: Any = theirs
    logits, cache = its.run_with_cache(tokens_of(model, inputs))
    return {
        "seen by nnsight": far(post, seen[MLP]),
        "changed by nnsight": far(without, edit(model, inputs, {MLP: torch.zeros_like})),
        "hooked": far(logits[:, -1], seen["logits"]),
        "hooked, inside": far(cache[MLP], seen[MLP]),
    }


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main(Run.open(sys.argv[1]))))
