"""Zhong et al. 2023, "The Clock and the Pizza"."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import fmean

from grokscope.errors import NotApplicable
from grokscope.measures.measure import MEASURES
from grokscope.papers import zhong2023
from grokscope.papers.item import Published, Row, Size, item
from grokscope.papers.measured import events
from grokscope.papers.open import Open
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


OPEN = (
    Open("zhong2023:table_1", "circles by principal components, kept alone",
         "isolation is by frequency; by principal components it is not built"),
    Open("zhong2023:width", "the boundary over width", "not timed; four times the cost of `rates`"),
    Open("zhong2023:circular_share", "circular networks among one to four layers",
         "13,991 networks: 1,300 hours"),
)  # fmt: skip
