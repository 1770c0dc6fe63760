"""Furuta et al. 2024, "Towards Empirical Interpretation of Internal Circuits and Properties in
Grokked Transformers on Modular Polynomials"."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from grokscope.measures.furuta import decomposed_loss_train
from grokscope.measures.keys import key_parts
from grokscope.measures.leading import leading_of
from grokscope.measures.mixtures import test_accuracy_by_operator
from grokscope.measures.planes import on_diagonals, plane_norms
from grokscope.models import count_weights
from grokscope.papers import furuta2024
from grokscope.papers.item import Published, Row, Size, item, seeds
from grokscope.papers.measured import curve, events, traced
from grokscope.plots.items import curves, dots, maps, spectra
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.run import Run

FINE = replace(furuta2024.SPEC, checkpoint_every=100, eval_every=25, give_up_after=30_000)
FRACTIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
WEIGHTS = {"ab": "W_E", "c": "W_L"}


def of(task: str, p: int = 97, fraction: float = 0.3, spec: Spec = FINE, **changes: Any) -> Spec:
    """Their network on a formula."""
    return replace(spec, task=task, task_args={"p": p}, train_fraction=fraction, **changes)


def _each(tasks: Sequence[str], count: int, *more: Any, **changes: Any) -> tuple[Spec, ...]:
    return tuple(s for task in tasks for s in seeds(of(task, *more, **changes), count))


LONG: dict[str, Any] = {"stop_after_grok": 20_000, "checkpoint_every": 1_000}
SLOW: dict[str, Any] = {"give_up_after": 40_000}  # differences: published within so many


def _elementary(count: int) -> tuple[Spec, ...]:
    return (*_each(("a+b", "a*b"), count), *_each(("a-b",), count, **SLOW))


# Mod 31 half of the pairs are too few for a network of this width to generalise within minutes.
SMALL: dict[str, Any] = {"p": 31, "fraction": 0.8, "stop_after_grok": 500, "give_up_after": 4_000}
FAST: dict[str, Any] = {"lr": 5e-3, "betas": (0.9, 0.95), "eps": 1e-6}  # ours
BRIEF: dict[str, Any] = {"p": 23, "stop_after_grok": 100, "give_up_after": 2_500, **FAST}


@item(
    "furuta2024:curves",
    shows="a+b and a*b generalise within 10,000 steps on 30 % of the pairs, a-b within 40,000",
    full=Size(_elementary(3), hours=0.6),
    quick=Size(_each(("a+b", "a*b", "a-b"), 1, **SMALL), hours=0.03),
    published=(
        Published("generalised", 10_000, "at most", {"task": "a+b"}),
        Published("generalised", 10_000, "at most", {"task": "a*b"}),
        Published("generalised", 40_000, "at most", {"task": "a-b"}),
    ),
    draw=partial(curves, columns=("test_accuracy", "test_loss")),
)
def grokking_curves(run: Run) -> Row:
    """Its events and curves."""
    return {**events(run), **curve(run)}


@item(
    "furuta2024:cosine",
    shows="at how many frequencies cosine leads, W_E and W_L apart, beside random angles",
    full=Size(
        (
            *_each(("a*b", "a**2+b**2", "a+b"), 5),
            *_each(("a*b", "a**2+b**2", "a+b"), 5, 59, 0.5),
        ),
        hours=0.9,
    ),
    quick=Size(_each(("a*b", "a**2+b**2", "a+b"), 2, **SMALL), hours=0.06),
    published=(
        Published("W_E cosine everywhere", 1, "share", {"task": "a*b", "p": 97}),
        Published("W_L cosine everywhere", 1, "share", {"task": "a*b", "p": 97}),
        Published("W_E cosine everywhere", 1, "share", {"task": "a**2+b**2", "p": 97}),
    ),
    draw=partial(
        dots,
        columns=("W_E cosine leads", "W_E cosine energy", "W_L cosine leads", "W_L cosine energy"),
    ),
)
def cosine(run: Run) -> Row:
    """For each weight: the share of the frequencies at which cosine leads, whether that is all or
    none of them, how likely coins are to give so many or so few, the cosines' share of the energy,
    and where 95 % of random angles put it. Of products also how much of the logits' characters
    is even: these are sums of cosines alone, and the odd ones of sines."""
    s = Snapshot.of(run)
    row: dict[str, Any] = {**events(run), "even characters": _even_characters(s)}
    for role, found in leading_of(s).items():
        name, (low, high) = WEIGHTS[role], found.span
        row |= {
            f"{name} frequencies": len(found.cosine),
            f"{name} cosine leads at": found.count,
            f"{name} cosine leads": found.share,
            f"{name} cosine everywhere": found.count == len(found.cosine),
            f"{name} sine everywhere": found.count == 0,
            f"{name} by coins": found.chance,
            f"{name} cosine energy": found.energy,
            f"{name} random low": low,
            f"{name} random high": high,
            f"{name} beyond random": not low <= found.energy <= high,
        }
    return row


def _even_characters(s: Snapshot) -> float | None:
    """The share of the even ones among the characters of the logits, by their variance."""
    shares = {k: x for k, x in key_parts(s).shares.items() if k.startswith("character ")}
    even = sum(x for k, x in shares.items() if int(k.split()[1]) % 2 == 0)
    return even / sum(shares.values()) if shares else None


@item(
    "furuta2024:norms",
    shows="Fourier norms of W_E, cosine upwards and sine downwards (Fig. 3-6)",
    full=Size((*_elementary(1), *_each(("a**2+b**2",), 1)), hours=0.3),
    quick=Size(_each(("a+b", "a-b", "a*b"), 1, **SMALL), hours=0.03),
    draw=partial(spectra, up="W_E cosine", down="W_E sine", weight="W_E"),
)
def norms(run: Run) -> Row:
    """The norms |μ_k| and |ν_k| of W_E and W_L, for k = 1, 2, ..."""
    found = leading_of(Snapshot.of(run)).items()
    cosines = {f"{WEIGHTS[role]} cosine": x.cosine.sqrt().tolist() for role, x in found}
    return cosines | {f"{WEIGHTS[role]} sine": x.sine.sqrt().tolist() for role, x in found}


@item(
    "furuta2024:logits_2d",
    shows="norms of the logits in the two-dimensional Fourier basis of (a, b)",
    full=Size((*_elementary(1), *_each(("a**2+b**2",), 1)), hours=0.3),
    quick=Size(_each(("a+b", "a-b", "a*b"), 1, **SMALL), hours=0.03),
    draw=partial(maps, column="norms"),
)
def logits_2d(run: Run) -> Row:
    """The norm over answers of each coefficient, and the share on the diagonal blocks."""
    s = Snapshot.of(run)
    found = plane_norms(s, s.logits)
    rounded = [[float(f"{x:.4g}") for x in line] for line in found.tolist()]
    return {**events(run), "on the diagonals": on_diagonals(found), "norms": rounded}


@item(
    "furuta2024:fig8",
    shows="FFD and FCR over training: they bend as test accuracy saturates",
    full=Size(_elementary(3), hours=0.6),
    quick=Size(_each(("a+b", "a*b"), 1, **SMALL), hours=0.03),
    published=(
        Published("FFD at the start", 1, "interval"),
        Published("FCR at the start", 0.933, "interval"),
    ),
    draw=partial(
        curves, columns=("ffd[ab]", "fcr[ab]", "ffd[c]", "fcr[c]"), marks=("generalised",)
    ),
)
def fig8(run: Run) -> Row:
    """Both measures at its checkpoints, of W_E and of W_L."""
    table = traced(run, ("ffd", "fcr"))
    start = {"FFD at the start": table["ffd[ab]"][0], "FCR at the start": table["fcr[ab]"][0]}
    return {**events(run), **start, **table}


def _parts_a4(task: str, numbers: dict[str, float]) -> list[Published]:
    return [Published(k, x, "decade", {"task": task}) for k, x in numbers.items()]


PARTS = ("train_loss", "key", "non-key", "residual", "key + non-key", "key + residual",
         "non-key + residual")  # fmt: skip
ADD = (1.008e-7, 4.985e-8, 4.576, 5.385, 4.989e-8, 1.015e-7, 5.383)
SUB = (1.336e-7, 0.7141, 7.741, 21.79, 0.5582, 5.348e-6, 21.88)


@item(
    "furuta2024:table_a4",
    shows="the train loss of the logits' parts, of a+b and of a-b",
    full=Size((*_each(("a+b",), 3, **LONG), *_each(("a-b",), 3, **SLOW, **LONG)), hours=1.3),
    quick=Size(_each(("a+b", "a-b"), 1, **SMALL), hours=0.02),
    published=(
        *_parts_a4("a+b", dict(zip(PARTS, ADD, strict=True))),
        *_parts_a4("a-b", dict(zip(PARTS, SUB, strict=True))),
    ),
    draw=partial(dots, columns=PARTS),
)
def table_a4(run: Run) -> Row:
    """Its train loss, and that of key, non-key and residual part and of their sums."""
    return {**events(run), **decomposed_loss_train(Snapshot.of(run))}


@item(
    "furuta2024:table_a2",
    shows="how many weights the network has mod 97",
    full=Size(({"p": 97},), hours=0.001),
    published=(Published("weights", 222_720, "exact"),),
    draw=partial(dots, columns=("weights",), by="p"),
)
def table_a2(cell: Row) -> Row:
    """Its number of weights."""
    return {"weights": count_weights("furuta", {}, make_task("a+b", {"p": cell["p"]}))}


@item(
    "furuta2024:frozen",
    shows="with a random embedding that is not trained, all three operations generalise (App. F)",
    full=Size(_each(("a+b", "a-b", "a*b"), 1, freeze="embed"), hours=0.4),
    quick=Size(_each(("a+b", "a*b"), 1, **SMALL, freeze="embed"), hours=0.03),
    published=tuple(
        Published("generalises", 1, "share", {"task": task}) for task in ("a+b", "a-b", "a*b")
    ),
    draw=partial(curves, columns=("train_accuracy", "test_accuracy")),
)
def frozen(run: Run) -> Row:
    """Its events and curves."""
    return {**events(run), **curve(run)}


@item(
    "furuta2024:primes",
    shows="a³+ab on 90 % of the pairs generalises mod 97, not mod 59 or 113 (App. J)",
    full=Size(
        tuple(of("a**3+a*b", p, 0.9, give_up_after=20_000) for p in (59, 97, 113)), hours=1.0
    ),
    quick=Size(
        tuple(of("a**3+a*b", p, 0.9, give_up_after=1_500, steps=2_000) for p in (13, 23)),
        hours=0.03,
    ),
    published=tuple(
        Published("generalises", float(p == 97), "share", {"p": p}) for p in (59, 97, 113)
    ),
    draw=partial(dots, columns=("test_accuracy",), by="p"),
)
def primes(run: Run) -> Row:
    """Whether it generalises."""
    return events(run)


def of_mixture(fraction: float, p: int = 97, formulas: str = "a+b,a-b,a*b", **changes: Any) -> Spec:
    """Their network on several formulas."""
    return replace(
        FINE, task="mixture", task_args={"formulas": formulas, "p": p}, split="shared",
        train_fraction=fraction, checkpoint_every=500 if p > 50 else 100, **changes,
    )  # fmt: skip


@item(
    "furuta2024:fig10",
    shows="sums, differences and products by one network: at 90 % all generalise, at 30 % not",
    full=Size((of_mixture(0.9), of_mixture(0.3, give_up_after=20_000)), hours=1.7),
    quick=Size(
        tuple(of_mixture(r, **BRIEF) for r in (0.9, 0.3)),
        hours=0.06,
    ),
    published=(
        Published("generalises", 1, "share", {"fraction": 0.9}),
        Published("generalises", 0, "share", {"fraction": 0.3}),
    ),
    draw=partial(dots, columns=("a+b", "a-b", "a*b"), by="fraction"),
)
def fig10(run: Run) -> Row:
    """Its test accuracy for each operator."""
    apart = test_accuracy_by_operator(Snapshot.of(run))
    return {**events(run), "fraction": run.spec.train_fraction, **apart}


# ---- Table A.5: 35 operations at seven fractions -------------------------------------------------

ALWAYS = (
    "a+b", "a-b", "a*b", "a*b+a+b", "a**2+b", "a**3+2*b", "a**3-2*b", "a**2+b**2", "a**2-b**2",
    "a**3+b**3", "a**4+b**4", "a**5+b**5", "a**6+b**6", "a**7+b**7", "(a+b)**2", "(a-b)**2",
    "(a+b)**2+a+b", "(a+b)**3", "(a+b)**4", "(a+b)**5", "(a+b)**6", "(a+b)**7",
)  # fmt: skip
FROM = {
    "2*a+b": 0.5, "2*a-b": 0.4, "2*a+3*b": 0.4, "2*a-3*b": 0.4, "a*b+b": 0.5, "a*b-b": 0.5,
    "a**2-b": 0.4, "a**2+a*b+b**2": 0.8, "a**2+a*b+b**2+a": 2, "a**3+a*b": 0.9,
    "a**3+a*b**2+b": 2, "(a-b)**3": 0.5, "(a-b)**4": 0.7,
}  # the fraction from which each generalises; 2: at none  # fmt: skip
LEAST = {**dict.fromkeys(ALWAYS, 0.3), **FROM}
COARSE = replace(furuta2024.SPEC, checkpoint_every=100_000, give_up_after=20_000, stop_after_grok=0)


@item(
    "furuta2024:table_a5",
    shows="35 operations at seven fractions: which generalise",
    full=Size(tuple(of(t, 97, r, COARSE) for t in LEAST for r in FRACTIONS), hours=20),
    quick=Size(
        tuple(
            of(t, 23, r, COARSE, give_up_after=800, steps=1_000)
            for t in ("a+b", "a*b", "a**2+a*b+b**2")
            for r in (0.5, 0.8)
        ),
        hours=0.05,
    ),
    published=tuple(
        Published("generalises", float(r >= low), "share", {"task": f"{t} p=97", "fraction": r})
        for t, low in LEAST.items()
        for r in FRACTIONS
    ),
    draw=partial(dots, columns=("test_accuracy", "unseen_accuracy"), by="fraction"),
    read="keys",
)
def table_a5(row: Row) -> Row:
    """Whether it generalises; its test accuracy, and that on pairs whose mirror was not shown."""
    return {
        "fraction": row["train_fraction"],
        "task": row["task"],
        "generalised": row["grokked"],
        "generalises": row["grokked"] is not None,
        "test_accuracy": row["test_accuracy"],
        "unseen_accuracy": row["unseen_accuracy"],
    }


# ---- Fig. 2: an elementary network's parts in another --------------------------------------------

ELEMENTARY = ("a+b", "a*b", "a-b")


def _loaded(p: int, fraction: float, **changes: Any) -> Size:
    sources = tuple(of(t, p, fraction, **changes) for t in ELEMENTARY)
    subjects = tuple(
        of(t, p, fraction, load=source.id, load_parts=part, freeze=part, **changes)
        for source in sources for t in ELEMENTARY for part in ("embed", "transformer")
    )  # fmt: skip
    return Size(subjects, hours=0.0, sources=sources)


FULL_2 = _loaded(97, 0.3)
QUICK_2 = _loaded(23, 0.8, stop_after_grok=0, give_up_after=1_500)


@item(
    "furuta2024:fig2",
    shows="a+b, a*b and a-b with the frozen embedding, or the frozen rest, of each other: 18 pairs",
    full=replace(FULL_2, hours=5),
    quick=replace(QUICK_2, hours=0.1),
    published=(
        Published("generalises", 1, "share", {"task": "a-b", "source": "a+b", "part": "embed"}),
        Published("generalises", 1, "share", {"task": "a+b", "source": "a-b", "part": "embed"}),
        Published(
            "generalises", 1, "share", {"task": "a*b", "source": "a+b", "part": "transformer"}
        ),
        Published(
            "generalises", 1, "share", {"task": "a+b", "source": "a*b", "part": "transformer"}
        ),
        *(
            Published(
                "generalises", 0, "share", {"task": t, "source": "a-b", "part": "transformer"}
            )
            for t in ELEMENTARY
        ),
    ),
    draw=partial(dots, columns=("test_accuracy", "generalised"), by="pair"),
)
def fig2(run: Run) -> Row:
    """Whether it generalises, of which source it has which part."""
    spec = run.spec
    known = {s.id: s.task for size in (FULL_2, QUICK_2) for s in size.sources}
    source = known[spec.load or ""]
    pair = f"{source}\n{spec.load_parts}\n{spec.task}"
    return {**events(run), "source": source, "part": spec.load_parts, "pair": pair}
