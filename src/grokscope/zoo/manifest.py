"""The zoo's networks: what each shows and how it is made, and what was recorded when it was built.

zoo.json                what was recorded of every network, in the package and in a built zoo
networks/NAME/          those that travel with the package, as run folders
"""

import json
import shlex
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from grokscope.disk import is_there
from grokscope.errors import lookup
from grokscope.papers import EXPERIMENTS
from grokscope.spec import Spec

HERE = Path(__file__).parent
RECORD = "zoo.json"
SHELF = HERE / "networks"
PLANTED, OWN = "planted", "grokscope"  # sources beside the papers
ALL = 0  # checkpoints: as many as were kept
Recorded = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """One network: `asked` is what comes after `grokscope run` for a trained one. A planted one is
    drawn by `planted`, a kind of `grokscope.planted` with its seed and sizes, and `asked` says its
    task. So many `checkpoints` are kept, spread over the training."""

    name: str
    source: str  # of `grokscope list papers`, or PLANTED, or OWN
    shows: str
    asked: str
    checkpoints: int = 1
    travels: bool = False  # with the package
    planted: str | None = None

    @cached_property
    def spec(self) -> Spec:
        """What is trained; of a planted network, its task."""
        first, *settings = shlex.split(self.asked)
        if self.planted is not None:
            return Spec().override(first, *settings)
        return EXPERIMENTS[first].spec.override(*settings)

    @property
    def command(self) -> str | None:
        """What trains it; None of a planted one."""
        return None if self.planted is not None else f"grokscope run {self.asked}"

    @property
    def whole(self) -> str:
        """All that it depends on."""
        return f"{self.planted or 'run'}: {self.asked}; checkpoints {self.checkpoints or 'all'}"

    @property
    def on_shelf(self) -> Path:
        """Its folder in the package, where it travels with it."""
        return SHELF / self.name


MLP = "hello model.d_embed=32 eval_every=20"
GROUP = "demo_group train_fraction=.7 steps=3000 stop_after_grok=200 eval_every=20"
PIZZA = "zhong2023 task.p=31 model.d_model=64 lr=1e-2 seed=2 steps=4000 stop_after_grok=1000"
NETWORKS = {
    x.name: x
    for x in (
        Network(
            "sum-31", OWN, "a+b mod 31 by a small MLP: it memorises, groks, and is a clock",
            "hello model.d_embed=32", 6, True,
        ),
        Network(
            "sum-31-film", OWN, "the same, every checkpoint of its training",
            "hello model.d_embed=32 checkpoint_every=10", ALL,
        ),
        Network(
            "product-31", OWN, "a*b mod 31: a clock of discrete logarithms",
            f"{MLP} 'task=a*b'", 1, True,
        ),
        Network(
            "memoriser-31", OWN, "a failure: without weight decay it knows by heart, and no more",
            f"{MLP} weight_decay=0", 2, True,
        ),
        Network(
            "random-31", OWN, "a failure: answers drawn at random, of which there is no rule",
            f"{MLP} label_noise=1",
        ),
        Network(
            "squares-31", OWN, "a**2+b**2 mod 31 by the same MLP",
            f"{MLP} 'task=a**2+b**2'",
        ),
        Network(
            "clock-transformer-31", "nanda2023", "a+b mod 31 by a Transformer of their form",
            "demo task.p=31 model.d_model=64 model.d_mlp=128 train_fraction=.6 eval_every=20",
            1, True,
        ),
        Network(
            "sum-113", "nanda2023", "a+b mod 113 by their Transformer and a fast recipe",
            "demo", 12,
        ),
        Network(
            "sum-53-film", "nanda2023", "a+b mod 53 by their Transformer, every checkpoint",
            "demo task.p=53 train_fraction=.4 checkpoint_every=40", ALL,
        ),
        Network(
            "sum-31-half",
            "nanda2023",
            "a+b mod 31 by their network, on half of the pairs",
            "nanda2023_fraction task.p=31 lr=5e-3 weight_decay=2 stop_after_grok=100",
            4,
        ),
        Network(
            "no-decay-31",
            "nanda2023",
            "a failure: their Transformer without weight decay",
            "nanda2023_no_decay task.p=31 train_fraction=.6 lr=5e-3 steps=1000 eval_every=20",
            2,
        ),
        Network(
            "difference-31", "furuta2024", "a-b mod 31 by their Transformer: a part of the way",
            "furuta2024 task=a-b task.p=31 train_fraction=.7 lr=5e-3 steps=6000 "
            "stop_after_grok=500 eval_every=50",
        ),
        Network(
            "cubic-31", "furuta2024", "a failure: a**3+a*b, a formula that is hard for all of them",
            "furuta2024 'task=a**3+a*b' task.p=31 train_fraction=.3 lr=5e-3 steps=4000 "
            "eval_every=50", 2,
        ),
        Network(
            "mixture-23", "furuta2024", "sums and differences by one network, an operator token "
            "each",
            "furuta2024_mixture task.formulas=a+b,a-b task.p=23 train_fraction=.8 lr=3e-3 "
            "steps=6000 stop_after_grok=500 eval_every=50",
        ),
        Network(
            "s4-film", "chughtai2023", "products in S4 by their MLP, every checkpoint",
            "demo_group_adamw task.group=S4 train_fraction=.7 steps=2000 stop_after_grok=150 "
            "eval_every=10 checkpoint_every=40", ALL,
        ),
        Network(
            "s5-mixed", "chughtai2023", "products in S5 by their MLP: neurons that mix irreps",
            "demo_group_adamw", 3,
        ),
        Network(
            "s4-stander", "stander2023", "products in S4 by their MLP, weight decay 2",
            "stander2023 task.group=S4 train_fraction=.7 lr=2e-2 weight_decay=2 steps=3000 "
            "stop_after_grok=300 eval_every=20",
        ),
        Network(
            "s4-wu", "wu2024", "products in S4 by their MLP and recipe",
            f"{GROUP} task.group=S4 model.d_embed=32", 1, True,
        ),
        Network(
            "s5-cosets", "wu2024", "products in S5 by their MLP and recipe: a clean coset circuit",
            "demo_group model.d_embed=64", 1, True,
        ),
        Network(
            "parity-30", "pair2023", "the parity of the first three of thirty digits",
            "pair_parity model.d_mlp=64 steps=10000 stop_after_grok=500", 2, True,
        ),
        Network(
            "five-neurons-17", "pair2023", "a+b mod 17 by twenty weights on one circle",
            "five_neurons task.p=17", 2,
        ),
        Network(
            "triangle-31", "pair2023", "a+b mod 31, a <= b, by their tied and factored MLP",
            "pair2023 task.p=31 train_fraction=.6 lr=1e-2 steps=6000 stop_after_grok=500",
        ),
        Network(
            "pizza-31", "zhong2023", "a+b mod 31 by a Transformer that attends evenly",
            f"{PIZZA} model.attention_rate=0", 1, True,
        ),
        Network(
            "attentive-31", "zhong2023", "the same with attention of its own",
            f"{PIZZA} model.attention_rate=1",
        ),
        Network(
            "quotient-13",
            "power2022",
            "a/b mod 13 by a small one of their two-layer decoders",
            "power2022 task.p=13 model.d_model=32 train_fraction=.8 lr=5e-3 steps=2000 "
            "stop_after_grok=100 eval_every=20",
        ),
        Network(
            "orthogonal-59", "prieto2025", "no delay: no gradient along the weights, and no decay",
            "prieto2025 task.p=59",
        ),
        Network(
            "planted-clock-31", PLANTED, "a truth: relus that compute a clock",
            "task.p=31", 1, True, "clock_relu seed=1 p=31",
        ),
        Network(
            "planted-pizza-31", PLANTED, "a truth: relus that compute a pizza",
            "task.p=31", 1, False, "pizza_relu seed=1 p=31",
        ),
        Network(
            "planted-cosets-s4", PLANTED, "a truth: neurons that ask for cosets of S4",
            "task=composition task.group=S4", 1, True, "cosets seed=1 group=S4",
        ),
        Network(
            "planted-table-13", PLANTED, "an impostor: a table of the answers of a+b mod 13",
            "task=composition task.group=C13", 1, False, "lookup_table seed=1 group=C13",
        ),
    )
}  # fmt: skip


def named(name: str) -> Network:
    """The network of this name. Raises `UnknownName`, which says the nearest."""
    return lookup("network of the zoo", name, NETWORKS)


def recorded_in(folder: Path) -> dict[str, Recorded]:
    """What was recorded of each network of a zoo when it was built: verdict, algorithm, bound, and
    the SHA-256 of its files; nothing where there is none."""
    path = folder / RECORD
    return json.loads(path.read_text())["networks"] if is_there(path) else {}


@cache
def recorded() -> dict[str, Recorded]:
    """The same of the zoo that this package knows."""
    return recorded_in(HERE)
