"""The facts of an explanation as plain data, and back: what is kept of them in a file."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from enum import Enum
from typing import Any

from grokscope.explain.verdict import Gate
from grokscope.reading.facts import BoundFacts, CertificateFacts, ExplanationFacts
from grokscope.verify.evidence import Between, Evidence, Need, Standing, Tested


def to_plain(e: ExplanationFacts) -> dict[str, Any]:
    """An explanation as what JSON holds; of `named` the places among the certificates."""
    places = {name: e.certificates.index(c) for name, c in e.named.items()}
    operators = {name: to_plain(one) for name, one in e.operators.items()}
    alone = asdict(replace(e, operators={}))
    return _plain({**alone, "named": places, "operators": operators})


def _plain(x: Any) -> Any:
    match x:
        case Tested():
            return f"{type(x).__module__}:{type(x).__qualname__}.{x.name}"
        case Enum():
            return x.value
        case Mapping():
            return {str(key): _plain(value) for key, value in x.items()}
        case list() | tuple():
            return [_plain(value) for value in x]
        case _:
            return x


def from_plain(x: Mapping[str, Any]) -> ExplanationFacts:
    """The explanation that was made plain. Raises `LookupError`, `TypeError` or `ValueError` for
    what is none, as where a test of a plug-in is no longer known."""
    tested = dict(_all_tested(Tested))
    certificates = tuple(_certificate(c, tested) for c in x["certificates"])
    own = {
        **_tuples(ExplanationFacts, x),
        "gate": Gate(**x["gate"]),
        "certificates": certificates,
        "named": {name: certificates[i] for name, i in x["named"].items()},
        "operators": {name: from_plain(one) for name, one in x["operators"].items()},
    }
    return ExplanationFacts(**own)


def _certificate(x: Mapping[str, Any], tested: Mapping[str, Tested]) -> CertificateFacts:
    bound, own = (None if x[k] is None else BoundFacts(**x[k]) for k in ("bound", "own"))
    evidence = tuple(_evidence(e, tested) for e in x["evidence"])
    return CertificateFacts(
        **{**_tuples(CertificateFacts, x), "evidence": evidence, "bound": bound, "own": own}
    )


def _evidence(x: Mapping[str, Any], tested: Mapping[str, Tested]) -> Evidence:
    need = x["need"]
    if need is not None:
        need = Need(**need) if "side" in need else Between(**need)
    standing = Standing(x["standing"])
    return Evidence(**{**x, "tested": tested[x["tested"]], "standing": standing, "need": need})


def _tuples(kind: type[Any], x: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a kind, lists as the tuples that they were. Raises `KeyError` for one that is
    missing."""
    values = {field.name: x[field.name] for field in fields(kind)}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


def _all_tested(kind: type[Tested]) -> Iterator[tuple[str, Tested]]:
    """Every test that is known, by the name it is kept under."""
    for member in kind:
        yield _plain(member), member
    for below in kind.__subclasses__():
        yield from _all_tested(below)
