"""What is said of several accounts of one network: which is proved, which only fits, which fails,
and what separates them."""

from collections.abc import Iterable

from grokscope.reading.facts import BoundFacts, CertificateFacts, ExplanationFacts
from grokscope.reading.sentences import evidence, percent

PROVED = 0.95  # of the pairs, by the account's own proof


def compared_accounts(e: ExplanationFacts, forms: Iterable[str]) -> list[str]:
    """Sentences on these forms' accounts: what each proves by itself comes first; a proof that
    uses none of them is told apart."""
    every_form = {c.form: c for c in e.certificates}
    found = {form: every_form[form] for form in forms if form in every_form}
    absent = [form for form in forms if form not in found]
    standing = {name: _standing(c) for name, c in found.items()}
    every = ("is proved", "only fits", "is open", "fails")
    said = [_sentence(how, found, standing) for how in every]
    none = f"Not found: {', '.join(absent)}." if absent else ""
    return [x for x in (*said, none, _without_account(found.values())) if x]


def _standing(c: CertificateFacts) -> str:
    if c.verdict != "holds":
        return "is open" if c.verdict == "undetermined" else "fails"
    return "is proved" if c.own is not None and c.own.accuracy >= PROVED else "only fits"


def _sentence(how: str, found: dict[str, CertificateFacts], standing: dict[str, str]) -> str:
    these = [c for form, c in found.items() if standing[form] == how]
    if not these:
        return ""
    why = {"is proved": _proof, "only fits": _no_proof}.get(how, _against)
    return f"What {how}: {'; '.join(f'{c.form} ({why(c)})' for c in these)}."


def _proof(c: CertificateFacts) -> str:
    assert c.own is not None
    return f"its own proof covers {percent(c.own.accuracy)} of the pairs"


def _no_proof(c: CertificateFacts) -> str:
    """Why nothing, or little, follows from it."""
    if c.own is None:
        return "its form has no proof of its own"
    return f"its own proof covers {percent(c.own.accuracy)} of the pairs: {c.own.reason}"


def _against(c: CertificateFacts) -> str:
    first = c.reasons[:2]
    return ", ".join(evidence(x) for x in first) or "no number is against it"


def _without_account(all_: Iterable[CertificateFacts]) -> str:
    bounds = [c.bound for c in all_ if c.bound is not None and c.bound != c.own]
    best: BoundFacts | None = max(bounds, key=lambda x: x.accuracy, default=None)
    if best is None or not best.accuracy:
        return ""
    return (
        "A proof that uses none of these accounts, from directions among the answers alone, covers "
        f"{percent(best.accuracy)} of the pairs."
    )
