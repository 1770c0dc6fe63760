"""Chughtai et al. 2023, Stander et al. 2023 and Wu et al. 2024: products in finite groups."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from grokscope.measures.cosets import coset_neurons, coset_neurons_control
from grokscope.measures.irreps import (
    excluded_loss_hidden_train,
    hidden_fve,
    hidden_fve_product,
    irrep_fve_keys,
    order_of_learning,
    restricted_loss_hidden,
)
from grokscope.measures.key_rules import by_similarity
from grokscope.measures.losses import all_accuracy, all_loss
from grokscope.measures.trace import trace
from grokscope.papers import groups
from grokscope.papers.item import Published, Row, Size, item, seeds
from grokscope.papers.measured import events
from grokscope.plots.items import dots, shares
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.verify.interventions import interventions

S5 = replace(groups.MLP, stop_after_grok=50_000)
STANDER = groups.STANDER.experiments["stander2023"].spec
WU = groups.WU.experiments["wu2024"].spec
TEN = Size(seeds(S5, 10), hours=8)
FAST = Spec(  # ours: the published recipes take hours on S5
    task="composition", task_args={"group": "S4"}, model="mlp", train_fraction=0.7, lr=1e-2,
    weight_decay=2.0, steps=6_000, stop_after_grok=1_000, give_up_after=5_000, eval_every=50,
    checkpoint_every=250,
)  # fmt: skip
QUICK = Size(seeds(FAST, 2), hours=0.05)

UNIVERSAL = {
    "W_a": 1.0, "W_b": 0.9999, "W_U": 0.9414, "hidden": 0.8891, "of ab": 0.1213,
}  # MLP on S5, means of four seeds  # fmt: skip
LOSSES = {"test_loss": 1.02e-5, "excluded": 11.72, "restricted": 2.21e-7}


@item(
    "chughtai2023:universality",
    shows="how much of the weights and of the hidden layer the key irreps hold, over seeds",
    full=TEN,
    quick=QUICK,
    published=(
        *(Published(name, x) for name, x in UNIVERSAL.items()),
        *(Published(name, x, "decade") for name, x in LOSSES.items()),
    ),
    draw=partial(dots, columns=(*UNIVERSAL, *LOSSES), by="group"),
)
def universality(run: Run) -> Row:
    """The shares of the key irreps in each weight and in the hidden layer; restricted and excluded
    loss."""
    s = Snapshot.of(run)
    weights = irrep_fve_keys(s)
    return {
        **events(run),
        "W_a": weights["a"],
        "W_b": weights["b"],
        "W_U": weights["c"],
        "hidden": hidden_fve(s)["keys"],
        "of ab": hidden_fve_product(s)["keys"],
        "excluded": excluded_loss_hidden_train(s),
        "restricted": restricted_loss_hidden(s),
    }


IRREPS = {
    "sign": 0.98, "standard": 0.98, "(2,2,1)": 0.36, "standard sign": 0.34, "(3,2)": 0.20,
    "(3,1,1)": 0.0,
}  # of 50 seeds on S5  # fmt: skip
FIRST = {"sign": 0.90, "standard": 0.04, "(2,2,1)": 0.04, "(3,2)": 0.02}


@item(
    "chughtai2023:key_irreps",
    shows="which irreps S5 networks use: 50 seeds, and how many each uses",
    full=TEN,
    quick=QUICK,
    published=(
        *(Published(name, x, "share") for name, x in IRREPS.items()),
        Published("irreps", 2.86),
    ),
    draw=partial(shares, column="keys"),
)
def key_irreps(run: Run) -> Row:
    """The irreps that it uses, by the authors' rule."""
    keys = by_similarity(Snapshot.of(run))
    own = {name: name in keys for name in IRREPS}
    return {**events(run), "keys": ", ".join(keys), "irreps": len(keys), **own}


@item(
    "chughtai2023:learned_first",
    shows="which irrep a network learns first: sign in 45 of 50",
    full=TEN,
    quick=QUICK,
    published=tuple(Published(f"{name} first", x, "share") for name, x in FIRST.items()),
    draw=partial(shares, column="first", published=FIRST),
)
def learned_first(run: Run) -> Row:
    """The irreps in the order in which the logits learn them."""
    order = order_of_learning(trace(run, ["logit_similarity"]))
    first = order[0][0] if order else None
    told = ", ".join(f"{name} {step}" for name, step in order)
    return {"first": first, "order": told, **{f"{name} first": name == first for name in FIRST}}


# ---- Stander et al. ------------------------------------------------------------------------------

TABLE_1 = {
    "none": (0.9999, 1.97e-6), "embeddings exchanged": (0.01, 4.76), "left sign": (0.0, 22.39),
    "right sign": (0.0, 22.36), "both signs": (1.0, 1.97e-6), "|x| for relu": (1.0, 3.69e-13),
    "noise N(0, 0.1)": (0.9999, 2.96e-6), "noise N(0, 1)": (0.978, 0.0017),
    "noise N(1, 1)": (0.88, 0.029), "noise N(-1, 1)": (0.98, 0.0021),
}  # S5, 128 runs  # fmt: skip
APP_E = {
    "none": 0.9955, "embeddings exchanged": 0.0385, "left sign": 0.0, "right sign": 0.0,
    "both signs": 0.9969, "noise N(0, 1)": 0.769, "noise N(1, 1)": 0.498, "noise N(-1, 1)": 0.832,
}  # Z/53, which has no cosets  # fmt: skip
CONTROL = replace(FAST, task_args={"group": "C23"}, train_fraction=0.7)
STANDER_QUICK = Size((*seeds(FAST, 1), *seeds(CONTROL, 1)), hours=0.05)


@item(
    "stander2023:table1",
    shows="accuracy and loss after each intervention; a cyclic group without cosets does the same",
    full=Size(
        (*seeds(STANDER, 2), *seeds(replace(STANDER, task_args={"group": "C53"}, steps=60_000), 3)),
        hours=5,
    ),
    quick=STANDER_QUICK,
    published=(
        *(Published(k, x, "interval", {"group": "S5"}) for k, (x, _) in TABLE_1.items()),
        *(Published(f"loss: {k}", x, "decade", {"group": "S5"}) for k, (_, x) in TABLE_1.items()),
        *(Published(k, x, "interval", {"group": "C53"}) for k, x in APP_E.items()),
    ),
    draw=partial(dots, columns=tuple(TABLE_1), by="group"),
)
def table1(run: Run) -> Row:
    """Accuracy and loss over all pairs after each intervention."""
    found = interventions(Snapshot.of(run))
    right = {name: x for name, (x, _) in found.items()}
    return {**events(run), **right, **{f"loss: {name}": x for name, (_, x) in found.items()}}


@item(
    "stander2023:cosets",
    shows="neurons that are constant on the cosets of a subgroup (C < 1), beside controls",
    full=Size(seeds(STANDER, 3), hours=6),
    quick=QUICK,
    published=(Published("C < 1", 0.992, "at least"),),
    draw=partial(dots, columns=("C < 1", "control"), by="group"),
)
def cosets(run: Run) -> Row:
    """The share of the live neurons with C < 1 on both sides, and the largest of its controls."""
    s = Snapshot.of(run)
    controls = coset_neurons_control(s)
    return {**events(run), "C < 1": coset_neurons(s), "control": max(controls.values()), **controls}


# ---- Wu et al. -----------------------------------------------------------------------------------


@item(
    "wu2024:bounds",
    shows="how much of its accuracy is proved of each network, and at what share of the cost",
    full=Size((*seeds(WU, 100), *seeds(replace(WU, task_args={"group": "S4"}), 100)), hours=24),
    quick=Size(
        seeds(
            replace(
                WU,
                task_args={"group": "S3"},
                model_args={},
                train_fraction=0.7,
                steps=4_000,
                stop_after_grok=500,
            ),
            2,
        ),
        hours=0.05,
    ),
    published=(
        Published("at least .95", 0.45, "share", {"group": "S5"}),
        Published("nothing proved", 0.46, "share", {"group": "S5"}),
        Published("at least .95", 0.17, "share", {"group": "S4"}),
        Published("nothing proved", 0.49, "share", {"group": "S4"}),
    ),
    draw=partial(dots, columns=("own", "proved", "proved_cost", "test_accuracy"), by="group"),
    read="explain",
)
def bounds(row: Row) -> Row:
    """The accuracy that is proved, by an account's own mechanism as theirs is, and by the best
    bound of all with what that costs of trying every answer."""
    own = row["own"] or 0.0
    return {
        "own": own,
        "own form": row["own_form"],
        "proved": row["proved"] or 0.0,
        "proved_cost": row["proved_cost"],
        "at least .95": own >= 0.95,
        "nothing proved": own == 0,
        "test_accuracy": row["test_accuracy"],
        "generalised": row["grokked"],
        "algorithm": row["algorithm"],
    }


@item(
    "wu2024:app_e",
    shows="Stander et al.'s interventions on Z/53: they pass where there are no cosets",
    full=Size(seeds(replace(STANDER, task_args={"group": "C53"}, steps=60_000), 3), hours=1),
    quick=Size(seeds(CONTROL, 2), hours=0.03),
    published=tuple(Published(k, x, "interval") for k, x in APP_E.items()),
    draw=partial(dots, columns=tuple(APP_E), by="group"),
)
def app_e(run: Run) -> Row:
    """Accuracy and loss over all pairs after each intervention, and without one."""
    s = Snapshot.of(run)
    right = {name: x for name, (x, _) in interventions(s).items()}
    return {**events(run), "accuracy": all_accuracy(s), "loss": all_loss(s), **right}


# ---- the same tables of other groups -------------------------------------------------------------

OTHERS = {  # shares in W_a, W_b, W_U, the hidden layer and of ab; test, excluded, restricted loss
    "A5": (0.9904, 0.9931, 0.9327, 0.8669, 0.1026, 1.94e-5, 9.82, 5.28e-7),
    "C113": (0.9953, 0.9939, 0.9805, 0.9025, 0.1203, 1.63e-5, 5.95, 6.88e-3),
    "C118": (0.9975, 0.9974, 0.9843, 0.9584, 0.1326, 5.39e-6, 8.72, 3.60e-3),
    "D59": (0.9971, 0.9973, 0.9852, 0.8768, 0.1244, 6.34e-6, 12.37, 1.60e-6),
    "D61": (0.9926, 0.9945, 0.9826, 0.8761, 0.1248, 1.79e-5, 12.00, 1.69e-6),
    "S6": (0.9965, 0.9978, 0.9367, 0.8638, 0.0898, 4.95e-5, 12.17, 2.66e-6),
}  # MLPs, means of four seeds
SHOWN = {"A5": 0.5, "C113": 0.3, "C118": 0.3, "D59": 0.3, "D61": 0.3, "S6": 0.25}
SLIP = {"A5": "their two irreps of dimension 3 of A5 are no representations"}


def _of_others() -> Iterator[Published]:
    for name, numbers in OTHERS.items():
        for column, x in zip((*UNIVERSAL, *LOSSES), numbers, strict=True):
            rule = "decade" if column in LOSSES else "interval"
            yield Published(column, x, rule, {"group": name}, why_not=SLIP.get(name, ""))


@item(
    "chughtai2023:other_groups",
    shows="the universality table of A5, C113, C118, D59, D61 and S6",
    full=Size(
        tuple(
            replace(
                S5,
                task_args={"group": name},
                train_fraction=SHOWN[name],
                seed=seed,
                **({"steps": 100_000} if name == "S6" else {}),
            )
            for name in OTHERS
            for seed in range(4)
        ),
        hours=480,
    ),
    quick=Size(
        tuple(replace(FAST, task_args={"group": name}) for name in ("C23", "D12")), hours=0.04
    ),
    published=tuple(_of_others()),
    draw=partial(dots, columns=(*UNIVERSAL, *LOSSES), by="group"),
)
def other_groups(run: Run) -> Row:
    """The same shares and losses."""
    return universality(run)
