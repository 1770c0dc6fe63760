"""Works that the four sources lean on: Power et al. 2022 (arXiv 2201.02177), Prieto et al. 2025
(arXiv 2501.04697) and Lee et al. 2024, "Grokfast" (arXiv 2405.20233)."""

from dataclasses import replace

from grokscope.papers.paper import Experiment, Paper
from grokscope.spec import Spec

POWER = Paper(
    citation="Power et al. 2022, Grokking: Generalization Beyond Overfitting on Small Algorithmic "
    "Datasets, arXiv 2201.02177",
    experiments={
        "power2022": Experiment(
            Spec(
                task="a/b",
                task_args={"p": 97},
                model="power",
                train_fraction=0.5,
                steps=100_000,
                stop_after_grok=2_000,
                eval_every=100,
                checkpoint_every=500,
            ),
            "a/b mod 97 by a two-layer decoder, full batch: add task=conditional, task=word, ...",
        ),
    },
    published={"a/b mod 97, half the pairs": "train 100 % before 1,000 steps, test near 1,000,000 "
               "without weight decay and in batches of 512 (their Fig. 1; ours decays by 1)"},
)  # fmt: skip
ONE_HOT = Spec(
    task_args={"p": 113},
    model="prieto",
    train_fraction=0.4,
    weight_decay=0.0,
    lr=1e-2,
    betas=(0.9, 0.99),
    eps=1e-25,
    warmup=0,
    loss_precision="float32",
    steps=80_000,
    checkpoint_every=1_000,
)
PRIETO = Paper(
    citation="Prieto et al. 2025, Grokking at the Edge of Numerical Stability, arXiv 2501.04697",
    experiments={
        "prieto2025": Experiment(
            replace(
                ONE_HOT,
                gradient="orthogonal",
                betas=(0.9, 0.999),
                eps=1e-8,
                steps=300,
                eval_every=5,
                checkpoint_every=20,
            ),
            "no weight decay, and no gradient along the weights: ⊥Grad, which has no delay",
        ),
        "prieto2025_stablemax": Experiment(
            replace(ONE_HOT, loss="stablemax", betas=(0.9, 0.999), loss_precision="float64"),
            "no weight decay, and a softmax that does not saturate",
        ),
        "prieto2025_plain": Experiment(ONE_HOT, "neither: memorises and stays there"),
    },
    published={
        "⊥Grad": "generalises as it memorises, within 300 steps (Fig. 1a)",
        "StableMax": "generalises within 80,000 steps without weight decay (Fig. 1b)",
        "plain AdamW": "overfits (Fig. 1c); within 200,000 steps it generalises at this rate after "
        "all, by slingshots (issue 4 of their code)",
    },
)
GROKFAST = Paper(
    citation="Lee et al. 2024, Grokfast: Accelerated Grokking by Amplifying Slow Gradients, "
    "arXiv 2405.20233",
    experiments={
        "grokfast2024": Experiment(
            Spec(
                task="a*b",
                task_args={"p": 97},
                model="power",
                train_fraction=0.5,
                optimizer="adam",
                weight_decay=0.005,
                gradient="grokfast_ema",
                steps=40_000,
                stop_after_grok=500,
            ),
            "slow gradients amplified, coupled decay; compare with gradient=plain at a decay tuned "
            "alike. Full batch, and the decoder of power2022 (theirs: batches of 512, GELU)",
        ),
        "grokfast2024_adamw": Experiment(
            Spec(
                task_args={"p": 97},
                train_fraction=0.5,
                gradient="grokfast_ema",
                steps=10_000,
                stop_after_grok=500,
            ),
            "the same filter before AdamW on a+b by Nanda et al.'s network: ours, not theirs",
        ),
    },
    published={
        "a*b mod 97": "43.8 times fewer steps with the average, 50.5 with the window, against Adam "
        "with no decay said (39,890 steps); others: AdamW at a tuned decay is as fast"
    },
)
