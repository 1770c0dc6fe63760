"""Zhong et al. 2023, "The Clock and the Pizza"."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from statistics import fmean

from grokscope.errors import NotApplicable
from grokscope.measures.circles import (
    circle_accuracy,
    circle_clock_fve,
    circle_frequency,
    circle_pizza_fve,
)
from grokscope.measures.measure import MEASURES
from grokscope.measures.pizza import circularity, gradient_symmetricity
from grokscope.papers import zhong2023
from grokscope.papers.item import Published, Row, Size, item
from grokscope.papers.measured import events
from grokscope.plots.items import dots, scatter
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.run import Run

LINEAR = zhong2023.PAPER.experiments["zhong2023_linear"].spec
SYMMETRIC = 0.98  # gradient symmetricity of a pizza
BOUNDARY = 0.516  # the attention rate at which half of the circular networks are so symmetric
NAMES = {
    "gradient_symmetricity": "s_g",
    "distance_irrelevance": "q",
    "circularity": "circularity",
    "clock_fve": "clock",
    "pizza_fve": "pizza",
}


def _four(p: int, count: int, **changes: object) -> tuple[Spec, ...]:
    """The networks A, B, β and δ, so many seeds of each."""
    of = [
        replace(zhong2023.SPEC, model_args={"attention_rate": 0}),
        replace(zhong2023.SPEC, model_args={"attention_rate": 1}),
        replace(LINEAR, model_args={"kind": "B"}),
        replace(LINEAR, model_args={"kind": "D"}),
    ]
    return tuple(
        replace(spec, task_args={"p": p}, seed=seed, **changes)
        for spec in of
        for seed in range(count)
    )


def _kind(spec: Spec) -> str:
    """What the paper calls such a network."""
    if spec.model == "linear":
        return {"B": "β", "D": "δ"}[spec.model_args["kind"]]
    return {0: "A", 1: "B"}.get(spec.model_args["attention_rate"], "")


def _measured(run: Run) -> dict[str, float]:
    """Each measure by its short name, of several frequencies their mean; what has no meaning for
    the network is left out."""
    s, found = Snapshot.of(run), dict[str, float]()
    for name, short in NAMES.items():
        try:
            value = MEASURES[name](s)
        except NotApplicable:
            continue
        found[short] = fmean(value.values()) if isinstance(value, Mapping) else value
    return found


@item(
    "zhong2023:networks",
    shows="four networks: gradient symmetricity, distance irrelevance, circularity, clock or pizza",
    full=Size(_four(59, 4), hours=1.5),
    quick=Size(_four(23, 1, steps=4_000, stop_after_grok=1_000, eval_every=25), hours=0.08),
    published=(
        Published("s_g", 0.99367, where={"network": "A"}),
        Published("q", 0.17174, where={"network": "A"}),
        Published("circularity", 0.99782, where={"network": "A"}),
        Published("s_g", 0.33364, where={"network": "B"}),
        Published("q", 0.84826, where={"network": "B"}),
        Published("s_g", 1, where={"network": "β"}),
        Published("q", 0.23020, where={"network": "β"}),
        Published("circularity", 0.99504, where={"network": "β"}),
        Published("s_g", 0.01907, where={"network": "δ"}),
        Published("q", 0.92946, where={"network": "δ"}),
    ),
    draw=partial(dots, columns=("s_g", "q", "circularity", "pizza"), by="network"),
)
def networks(run: Run) -> Row:
    """Its measures."""
    return {**events(run), "network": _kind(run.spec), **_measured(run)}


def _over_rates(count: int, p: int, **changes: object) -> tuple[Spec, ...]:
    return tuple(
        replace(
            zhong2023.SPEC, task_args={"p": p}, seed=i, **changes,
            model_args={"attention_rate": round(i / (count - 1), 4)},
        )
        for i in range(count)
    )  # fmt: skip


@item(
    "zhong2023:rates",
    shows="from pizza to clock as attention is turned on: symmetric below a rate of .516",
    full=Size(_over_rates(100, 59, steps=4_000), hours=1.9),
    quick=Size(_over_rates(7, 23, steps=3_000, stop_after_grok=500, eval_every=25), hours=0.1),
    published=(
        Published("is symmetric", 0.995, "share", {"side": "rate below .4"}),
        Published("is symmetric", 0.005, "share", {"side": "rate above .63"}),
    ),
    draw=partial(scatter, x="rate", columns=("s_g", "q"), lines=(BOUNDARY,)),
)
def rates(run: Run) -> Row:
    """Its symmetricity and irrelevance, and on which side of the published boundary it stands; of
    the logistic fit (slope -45) 99.5 % are symmetric at .4, and .5 % at .63."""
    rate, found = run.spec.model_args["attention_rate"], _measured(run)
    side = "rate below .4" if rate < 0.4 else "rate above .63" if rate > 0.63 else "between"
    return {
        **events(run),
        "rate": rate,
        "side": side,
        "is symmetric": found["s_g"] > SYMMETRIC,
        **found,
    }


CIRCLES = {"clock": (0.7541, 0.7562, 0.7538), "pizza": (0.9831, 0.9831, 0.9841),
           "alone": (0.348, 0.328, 0.260)}  # of network A  # fmt: skip


@item(
    "zhong2023:table_1",
    shows="circles by principal components, kept alone: a pizza's logits, not a clock's",
    full=Size(_four(59, 4)[:8], hours=0.8),
    quick=Size(_four(23, 1, steps=4_000, stop_after_grok=1_000, eval_every=25)[:2], hours=0.05),
    published=tuple(
        Published(name, fmean(x), "interval", {"network": "A"}) for name, x in CIRCLES.items()
    ),
    draw=partial(dots, columns=("clock", "pizza", "alone"), by="network"),
)
def table_1(run: Run) -> Row:
    """The means over its first three circles: how well a clock's and a pizza's logits fit each
    alone, and its accuracy; their frequencies."""
    s = Snapshot.of(run)
    found = {
        "clock": circle_clock_fve(s),
        "pizza": circle_pizza_fve(s),
        "alone": circle_accuracy(s),
    }
    told = " ".join(f"{x:g}" for x in circle_frequency(s).values())
    means = {name: fmean(x.values()) for name, x in found.items()}
    return {**events(run), "network": _kind(run.spec), "circles": told, **means}


WIDTHS = {64: 0.415, 128: 0.504, 256: 0.681, 512: 1.04}  # -> the boundary over the attention rate
APART = 0.1  # of the boundary: there 99 % stand on their own side, by the fit's slope of 45


def _each(
    name: str, values: Iterable[int], count: int, p: int, **changes: object
) -> tuple[Spec, ...]:
    """Networks over the attention rate, with each of these values of a model's argument."""
    return tuple(
        replace(spec, model_args={**spec.model_args, name: x})
        for x in values
        for spec in _over_rates(count, p, **changes)
    )


@item(
    "zhong2023:width",
    shows="the wider the network, the more attention it takes to leave the pizza",
    full=Size(_each("d_model", WIDTHS, 20, 59, steps=4_000), hours=10),
    quick=Size(
        _each("d_model", (32, 128), 3, 23, steps=2_000, stop_after_grok=500, eval_every=25),
        hours=0.08,
    ),
    published=tuple(
        Published("is symmetric", x, "share", {"width": d, "side": side})
        for d in WIDTHS
        for side, x in (("below", 0.99), ("above", 0.01))
    ),
    draw=partial(scatter, x="rate", columns=("s_g", "width"), lines=tuple(WIDTHS.values())),
)
def width(run: Run) -> Row:
    """Its symmetricity, and on which side of the published boundary of its width it stands."""
    d, rate = run.spec.model_args["d_model"], run.spec.model_args["attention_rate"]
    s_g = gradient_symmetricity(Snapshot.of(run))
    away = rate - WIDTHS.get(d, BOUNDARY)
    side = "below" if away < -APART else "above" if away > APART else "between"
    told = {"width": d, "rate": rate, "side": side}
    return {**events(run), **told, "s_g": s_g, "is symmetric": s_g > SYMMETRIC}


CIRCULAR = {1: 0.3431, 2: 0.0995, 3: 0.1155, 4: 0.0608}  # -> the share, of 4,852 networks
ROUND = 0.995  # circularity of a network that they call circular


@item(
    "zhong2023:circular_share",
    shows="a third of the networks of one layer have circular embeddings, of deeper ones a tenth",
    full=Size(_each("n_layers", CIRCULAR, 100, 59), hours=110),
    quick=Size(
        _each("n_layers", (1, 2), 2, 23, steps=800, stop_after_grok=300, eval_every=25), hours=0.06
    ),
    published=tuple(
        Published("is circular", x, "share", {"layers": n}) for n, x in CIRCULAR.items()
    ),
    draw=partial(dots, columns=("circularity",), by="layers"),
)
def circular_share(run: Run) -> Row:
    """Its circularity, and whether that is .995 or more."""
    found, n = circularity(Snapshot.of(run)), run.spec.model_args["n_layers"]
    return {**events(run), "layers": n, "circularity": found, "is circular": found >= ROUND}
