"""Each source's experiments as specs, one file each, with the numbers to expect."""

from grokscope.papers import furuta2024, groups, nanda2023, others, pair2023, zhong2023
from grokscope.papers.paper import Experiment, Paper, Population
from grokscope.spec import Spec

HELLO = Experiment(
    Spec(
        task_args={"p": 31},
        model="mlp",
        train_fraction=0.8,
        lr=2e-2,
        weight_decay=1.5,
        steps=1_000,
        stop_after_grok=150,
        eval_every=10,
        checkpoint_every=20,
    ),
    "a first example: a+b mod 31 by a small MLP, which groks in a few seconds",
)
DEMO = Experiment(
    Spec(
        model_args={"d_mlp": 128},
        lr=2e-2,
        betas=(0.9, 0.95),
        eps=1e-6,
        steps=2_000,
        stop_after_grok=200,
        give_up_after=1_500,
        eval_every=10,
        checkpoint_every=20,
    ),
    "a+b mod 113 on 30 % of the pairs, by a Transformer and a fast recipe",
)
SLOW = Experiment(
    Spec(
        lr=5e-3,
        weight_decay=2.0,
        betas=(0.9, 0.95),
        steps=4_000,
        stop_after_grok=500,
        give_up_after=3_500,
        eval_every=10,
        checkpoint_every=20,
    ),
    "the same by the published width and a slower recipe, whose phases are told apart",
)
GROUP = Experiment(
    Spec(
        task="composition",
        task_args={"group": "S5"},
        model="wu",
        train_fraction=0.4,
        optimizer="adam",
        optimizer_args={"undecayed": "b_*"},
        lr=1e-2,
        weight_decay=2e-4,
        warmup=0,
        steps=10_000,
        stop_after_grok=500,
        give_up_after=9_000,
        checkpoint_every=25,
    ),
    "products in S5 by Wu et al.'s MLP and recipe, 40 % of the pairs: ends in a clean circuit",
)
MIXED = Experiment(
    Spec(
        task="composition",
        task_args={"group": "S5"},
        model="mlp",
        train_fraction=0.4,
        lr=2e-2,
        weight_decay=2.0,
        steps=10_000,
        stop_after_grok=500,
        give_up_after=9_000,
    ),
    "the same by Chughtai et al.'s MLP and AdamW, a fast recipe whose neurons mix irreps",
)

PAPERS: dict[str, Paper] = {
    "nanda2023": nanda2023.PAPER,
    "furuta2024": furuta2024.PAPER,
    "chughtai2023": groups.CHUGHTAI,
    "stander2023": groups.STANDER,
    "wu2024": groups.WU,
    "pair2023": pair2023.PAPER,
    "zhong2023": zhong2023.PAPER,
    "power2022": others.POWER,
    "prieto2025": others.PRIETO,
    "grokfast2024": others.GROKFAST,
}
EXPERIMENTS: dict[str, Experiment] = {
    "hello": HELLO,
    "demo": DEMO,
    "demo_slow": SLOW,
    "demo_group": GROUP,
    "demo_group_adamw": MIXED,
    **{name: e for paper in PAPERS.values() for name, e in paper.experiments.items()},
}
SWEEPS: dict[str, Population] = {
    name: sweep for paper in PAPERS.values() for name, sweep in paper.sweeps.items()
}
