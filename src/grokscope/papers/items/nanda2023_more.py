"""Items of Nanda et al. 2023 beyond their main network: other sizes, primes and penalties, and the
tasks on sequences."""

from dataclasses import replace
from functools import partial

from grokscope.measures.keys import keys_of
from grokscope.papers import nanda2023
from grokscope.papers.item import Published, Row, Size, item, seeds
from grokscope.papers.items.nanda2023 import FAST
from grokscope.papers.measured import curve, events, first_below
from grokscope.plots.items import curves, dots
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.run import Run

DECAYS = (0.3, 0.5, 1.0, 3.0, 5.0, 8.0)


@item(
    "nanda2023:primes_401",
    shows="none of six decays generalises mod 401",
    full=Size(
        [replace(nanda2023.SPEC, task_args={"p": 401}, weight_decay=x) for x in DECAYS], hours=60
    ),
    quick=Size(
        [
            replace(FAST, task_args={"p": 101}, weight_decay=x, steps=300, stop_after_grok=0)
            for x in (0.3, 5.0)
        ],
        hours=0.03,
    ),
    published=(Published("generalises", 0, "share", {"p": 401}),),
    draw=partial(dots, columns=("generalised", "test_accuracy"), by="decay"),
)
def primes_401(run: Run) -> Row:
    """When it generalises."""
    return {**events(run), "decay": run.spec.weight_decay}


@item(
    "nanda2023:l1",
    shows="with an l1 penalty in the place of weight decay it never generalises",
    full=Size(
        [
            replace(nanda2023.SPEC, optimizer="adam_l1", weight_decay=x)
            for x in (1e-6, 1e-5, 1e-4, 1e-3)
        ],
        hours=3.5,
    ),
    quick=Size(
        [replace(FAST, optimizer="adam_l1", weight_decay=x) for x in (1e-5, 1e-3)], hours=0.03
    ),
    published=(Published("generalises", 0, "share"),),
    draw=partial(dots, columns=("generalised", "test_accuracy"), by="penalty"),
)
def l1(run: Run) -> Row:
    """When it generalises."""
    return {**events(run), "penalty": run.spec.weight_decay}


@item(
    "nanda2023:dropout",
    shows="dropout of the hidden layer in the place of weight decay: it generalises, slowly",
    full=Size(
        [replace(nanda2023.SPEC, dropout=x, weight_decay=0.0) for x in (0.2, 0.5)], hours=3.0
    ),
    quick=Size(
        [
            replace(FAST, dropout=x, weight_decay=0.0, lr=5e-3, eps=1e-8, train_fraction=0.5,
                    steps=600, give_up_after=None)
            for x in (0.2, 0.5)
        ],
        hours=0.04,
    ),
    published=(Published("generalises", 1, "share"),),
    draw=partial(curves, columns=("train_loss", "test_loss", "test_accuracy")),
)  # fmt: skip
def dropout(run: Run) -> Row:
    """When it generalises. Where theirs leave numbers out is not said; here it is the neurons."""
    return {**events(run), **curve(run), "dropout": run.spec.dropout}


SIZES = (
    {"n_layers": 2}, {"d_model": 64}, {"d_model": 256}, {"d_mlp": 256}, {"d_mlp": 1024},
)  # two layers are theirs; which other sizes they took is not known  # fmt: skip

SMALL = replace(FAST, task_args={"p": 31}, train_fraction=0.6)


def _sizes(spec: Spec, *sizes: dict[str, int], **changes: int) -> list[Spec]:
    return [replace(spec, model_args={**spec.model_args, **x}, **changes) for x in sizes]


@item(
    "nanda2023:two_layers",
    shows="key frequencies of two layers and of other widths: few, whatever the size (Table 5)",
    full=Size(_sizes(nanda2023.SPEC, *SIZES), hours=3),
    quick=Size(_sizes(SMALL, {"n_layers": 2}, {"d_mlp": 64}, steps=500), hours=0.05),
    draw=partial(dots, columns=("key frequencies", "generalised"), by="size"),
)
def two_layers(run: Run) -> Row:
    """The key frequencies by the logits, and how many they are."""
    keys = [name.removeprefix("frequency ") for name in keys_of(Snapshot.of(run))]
    size = " ".join(f"{k}={v}" for k, v in run.spec.model_args.items())
    return {**events(run), "size": size, "keys": " ".join(keys), "key frequencies": len(keys)}


# ---- tasks on sequences --------------------------------------------------------------------------

ADDITION, INDUCTION, TRIGRAM = (
    nanda2023.PAPER.experiments[f"nanda2023_{name}"].spec
    for name in ("addition", "induction", "skip_trigram")
)


def _sequence(run: Run) -> Row:
    """Its events and curves, and when its losses fell."""
    return {
        **events(run),
        "train loss below .1": first_below(run, "train_loss", 0.1),
        "train loss below 1": first_below(run, "train_loss", 1),
        "test loss below .1": first_below(run, "test_loss", 0.1),
        "test loss below 1": first_below(run, "test_loss", 1),
        "largest test loss": max(row["test_loss"] for row in run.rows),
        **curve(run),
    }


@item(
    "nanda2023:addition",
    shows="sums of five digits, 700 shown: memorised at once, learned digit by digit much later",
    full=Size([replace(ADDITION, steps=15_000)], hours=2),
    quick=Size(
        [
            replace(
                ADDITION,
                task_args={"digits": 2, "samples": 2_000},
                model_args={"d_mlp": 128},
                train_fraction=0.35,
                lr=1e-2,
                steps=300,
                eval_every=20,
                checkpoint_every=100,
            )
        ],
        hours=0.04,
    ),
    published=(
        Published("train loss below .1", 472, "decade"),
        Published("largest test loss", 8.51, "decade"),
        Published("test loss below 1", 11_386, "decade"),
    ),
    draw=partial(curves, columns=("train_loss", "test_loss", "test_accuracy")),
)
def addition(run: Run) -> Row:
    """Its losses, and the accuracy of each digit on the test, the largest first."""
    s = Snapshot.of(run)
    right = s.is_right[s.is_test].double().mean(dim=0).tolist()
    return {**_sequence(run), **{f"digit {i + 1}": x for i, x in enumerate(right)}}


@item(
    "nanda2023:skip_trigram",
    shows="skip trigrams: train and test loss fall together; ours is an easier task than theirs",
    full=Size(seeds(TRIGRAM, 3, steps=1_000), hours=0.3),
    quick=Size([replace(TRIGRAM, steps=120)], hours=0.03),
    published=tuple(
        Published(column, x, why_not="of their task the losses alone are known; ours is easier")
        for column, x in (
            ("train loss below .1", 239), ("test loss below 1", 236), ("test loss below .1", 1_774),
        )
    ),
    draw=partial(curves, columns=("train_loss", "test_loss")),
)  # fmt: skip
def skip_trigram(run: Run) -> Row:
    """When its losses fell."""
    return _sequence(run)


@item(
    "nanda2023:induction",
    shows="repeated subsequences: memorised at 2,000 steps, learned at 246,000",
    full=Size([INDUCTION], hours=40),
    quick=Size(
        [
            replace(
                INDUCTION, task_args={"symbols": 32, "length": 26, "size": 6, "samples": 600},
                train_fraction=0.5, steps=200, eval_every=10, checkpoint_every=100,
            )
        ],
        hours=0.04,
    ),
    published=(
        Published("train loss below 1", 2_065, "decade"),
        Published("test loss below 1", 245_950, "decade"),
    ),
    draw=partial(curves, columns=("train_loss", "test_loss", "test_accuracy")),
)  # fmt: skip
def induction(run: Run) -> Row:
    """When its losses fell."""
    return _sequence(run)
