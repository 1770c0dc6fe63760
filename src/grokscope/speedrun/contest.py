"""What is raced for: a task and its split, which networks may enter, and the recipe that a time is
told against. The rules are in docs/speedrun.md."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from grokscope.errors import BadInput
from grokscope.papers import EXPERIMENTS
from grokscope.spec import Spec

FREE = {  # what a recipe may set
    "model", "model_args", "loss", "temperature", "lr", "weight_decay", "betas", "eps", "warmup",
    "optimizer", "optimizer_args", "gradient", "gradient_args", "norm_clamp", "steps",
    "eval_every", "stop_after_grok", "formulation", "loss_precision",
}  # fmt: skip
WIDTH = {"d_model": 128, "d_mlp": 512, "n_heads": 4, "n_layers": 1}


@dataclass(frozen=True)
class Contest:
    """One track of the board.

    Attributes:
        title: What is raced for.
        start: The spec that a recipe changes.
        models: Which architectures of ours may enter; none: all but those with attention.
        widths: Arguments of the model that are given.
        reference: The published recipe.
        reference_steps: How many steps it takes to the same goal.
        source: Where that number is from.
    """

    title: str
    start: Spec
    reference: Spec
    reference_steps: int
    source: str
    models: tuple[str, ...] = ()
    widths: Mapping[str, Any] | None = None

    def recipe(self, *settings: str) -> Spec:
        """The spec of these settings. Raises `BadInput` for what the rules do not let be set."""
        spec = self.start.override(*settings)
        for name, value in vars(spec).items():
            if name not in FREE and value != getattr(self.start, name):
                raise BadInput(
                    f"`{name}` is given in this track: {getattr(self.start, name)!r}. "
                    f"A recipe may set {', '.join(sorted(FREE))}."
                )
        if self.models and spec.model not in self.models:
            raise BadInput(
                f"`{spec.model}` may not enter this track, which is for {', '.join(self.models)}."
            )
        for name, value in (self.widths or {}).items():
            if spec.model_args.get(name, value) != value:
                raise BadInput(f"`model.{name}` is {value} in this track.")
        return spec


SUM = Spec(steps=1_000, eval_every=5, checkpoint_every=10**9, grok_patience=1, stop_after_grok=200)
NANDA = EXPERIMENTS["nanda2023"].spec
MEASURED = "our three seeds of `grokscope run nanda2023`: 5,250, 6,400 and 6,850"
SYMMETRIC = replace(
    SUM, task="composition", task_args={"group": "S5"}, model="mlp", train_fraction=0.4
)

CONTESTS = {
    "width": Contest(
        "a+b mod 113 by a Transformer of the published width, 30 % of the pairs",
        SUM, NANDA, 6_400, MEASURED, ("transformer",), WIDTH,
    ),
    "transformer": Contest(
        "a+b mod 113 by a Transformer of any width, 30 % of the pairs",
        SUM, NANDA, 6_400, MEASURED, ("transformer",),
    ),
    "mlp": Contest(
        "a+b mod 113 by an MLP, 30 % of the pairs",
        replace(SUM, model="mlp"), NANDA, 6_400, MEASURED,
        ("mlp", "pair", "prieto", "power"),
    ),
    "S5": Contest(
        "products in S5 by any network, 40 % of the pairs",
        SYMMETRIC, EXPERIMENTS["chughtai2023"].spec, 93_556,
        "the median of 50 seeds that Chughtai et al. 2023 published",
    ),
}  # fmt: skip
