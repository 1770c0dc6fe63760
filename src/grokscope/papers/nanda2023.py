"""Nanda, Chan, Lieberum, Smith & Steinhardt 2023, "Progress measures for grokking via mechanistic
interpretability" (arXiv 2301.05217): a+b mod 113 and the Fourier multiplication algorithm."""

from dataclasses import replace

from grokscope.papers.paper import Experiment, Paper
from grokscope.spec import Spec

SPEC = Spec(split="nanda2023", steps=40_000, eval_every=50)
FINITE = Spec(model="sequence", steps=40_000, eval_every=100)

PAPER = Paper(
    citation="Nanda et al. 2023, Progress measures for grokking via mechanistic "
    "interpretability, arXiv 2301.05217",
    experiments={
        "nanda2023": Experiment(
            SPEC,
            "a+b mod 113, their Transformer and training, 40,000 steps",
        ),
        "nanda2023_no_decay": Experiment(
            replace(SPEC, weight_decay=0.0),
            "the same without weight decay, which never generalises",
        ),
        "nanda2023_two_layers": Experiment(
            replace(SPEC, model_args={"n_layers": 2}),
            "the same with two layers",
        ),
        "nanda2023_float32_loss": Experiment(
            replace(SPEC, loss_precision="float32"),
            "the same with the float32 softmax of their released utilities",
        ),
        "nanda2023_fraction": Experiment(
            replace(SPEC, train_fraction=0.5, steps=2_000, eval_every=10),
            "the same on half the pairs; add train_fraction=.25, .4, .7, ...",
        ),
        "nanda2023_weight_decay": Experiment(
            replace(SPEC, weight_decay=3.0),
            "the same with three times the weight decay (theirs also 0.3): less is slower",
        ),
        "nanda2023_primes": Experiment(
            replace(SPEC, task_args={"p": 53}, weight_decay=5.0),
            "the same mod 53, which in theirs took a weight decay of 5; also task.p=109, 401",
        ),
        "nanda2023_addition": Experiment(
            replace(FINITE, task="digit_addition", train_fraction=0.1229),
            "sums of two numbers of 5 digits, of which 700 are shown; our settings",
        ),
        "nanda2023_induction": Experiment(
            replace(
                FINITE,
                task="repeated_subsequence",
                model_args={"n_layers": 2, "d_model": 48, "attention_only": True},
                train_fraction=0.3334,
                steps=250_000,
                eval_every=500,
                checkpoint_every=5_000,
            ),
            "subsequences that come again, 512 rows shown, two layers of attention; our settings",
        ),
        "nanda2023_skip_trigram": Experiment(
            replace(
                FINITE,
                task="skip_trigram",
                model_args={"attention_only": True},
                train_fraction=0.2,
                steps=5_000,
                eval_every=10,
            ),
            "skip trigrams, 512 rows shown, one layer of attention; our settings",
        ),
    },
    published={
        "steps to memorise": "about 1,400 (all seeds)",
        "half the pairs": "train loss below 0.1 at 163, test loss at 956, largest test loss 6.0",
        "steps to generalise": "5,000-10,000; the mainline run about 10,000",
        "key frequencies": "3-5; the mainline run 14 35 41 42 52",
        "loss over all pairs at 40,000": "2.41e-7 (mainline)",
        "restricted loss at 40,000": "5.5e-8 (mainline)",
        "neurons of one frequency (>= 85 %)": "433 of 512 (mainline)",
        "5-digit addition, 700 sums": "train loss below .1 at 472, test loss below 1 at 11,386",
        "repeated subsequences, 512 rows": "train loss below 1 at 2,065, test loss about 245,950",
        "skip trigrams": "train loss below .1 at 239, test loss below 1 at 236, .1 at 1,774",
    },
)
