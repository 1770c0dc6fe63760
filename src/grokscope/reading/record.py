"""Readings, explanations and certificates as plain data, for scripts: the facts with their
sentences. What is not a finite number becomes null where it is written, by `as_json`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from grokscope.reading import sentences
from grokscope.reading.accounts import compared_accounts
from grokscope.reading.facts import CertificateFacts, ExplanationFacts, Facts
from grokscope.verify.evidence import Evidence, Standing

if TYPE_CHECKING:
    from grokscope.explain.judgement import Judged
    from grokscope.reading.compared import Compared

PASSES = {Standing.FOR: True, Standing.AGAINST: False, Standing.OPEN: "open"}
SHOWN = ("all", "train", "test")


def of_reading(f: Facts) -> dict[str, Any]:
    """What `grokscope show --json` prints."""
    keys, lenses = f.keys, f.lenses
    return {
        "run": f.name,
        "folder": f.folder,
        "finished": f.is_finished,
        "assumed": sentences.assumed(f.spec.assumed),
        "events": {**asdict(f.events), "t_clean": f.t_clean},
        "generalises": f.generalises,
        "final": f.final,
        "test_accuracy_by_mirror": f.mirrored,
        "keys": None if keys is None else asdict(keys),
        "keys_by_rule": f.key_sets,
        "lenses": None if lenses is None else asdict(lenses),
        "neurons": {} if f.neurons is None else f.neurons.following,
        "neurons_energy": None if f.neurons is None else f.neurons.energy,
        "phases": None if f.phases is None else asdict(f.phases),
        "no_phases": f.no_phases,
        "measures": f.measures,
        "explanation": None if f.explanation is None else of_explanation(f.explanation),
    }


def of_explanation(e: ExplanationFacts) -> dict[str, Any]:
    """What `grokscope explain --json` prints, besides the run and the step."""
    published = e.published_keys
    operators = {name: of_explanation(one) for name, one in e.operators.items()}
    return {
        "verdict": e.gate.verdict,
        "reason": sentences.reason(e),
        "assumed": sentences.assumed(e.assumed),
        "accuracy": {k: e.accuracy[k] for k in SHOWN if k in e.accuracy},
        "loss": {k: e.loss[k] for k in SHOWN if k in e.loss},
        "lens": e.lens,
        "pairs_sampled": e.n_sampled,
        "keys": list(e.keys),
        "keys_published": None if published is None else list(published),
        "embedding_keys": list(e.embedding_keys),
        "circuits": [of_certificate(c) for c in e.certificates],
        "not_found": e.not_found,
        "algorithm": e.algorithm,
        "algorithms": list(e.named),
        "bound": 0.0 if e.bound is None else e.bound.accuracy,
        **({"operators": operators} if operators else {}),
    }


def of_compared(c: "Compared") -> dict[str, Any]:
    """What `grokscope compare --json` prints."""
    return {
        "network": of_explanation(c.network),
        "control": {"task": c.control_task, **of_explanation(c.control)},
        "interventions": c.interventions,
        "prices": {form: [asdict(x) for x in points] for form, points in c.curves.items()},
        "in_words": compared_accounts(c.network, c.forms),
    }


def of_judged(x: "Judged") -> dict[str, Any]:
    """What `grokscope judge --json` prints of a run."""
    return {
        "run": x.run,
        "state": x.state,
        "changed": list(x.changed),
        "before": None if x.before is None else asdict(x.before),
        "now": None if x.now is None else asdict(x.now),
        "found": x.was_there,
        "reason": x.reason,
    }


def of_certificate(c: CertificateFacts) -> dict[str, Any]:
    return {
        "name": c.form,
        "verdict": c.verdict,
        "reasons": [sentences.evidence(x) for x in c.reasons],
        "parts": list(c.parts),
        "size": c.size,
        "equation": c.equation,
        "certificate": [of_evidence(x) for x in c.evidence],
        "bound": None if c.bound is None else c.bound.accuracy,
        "own_bound": None if c.own is None else c.own.accuracy,
    }


def of_evidence(x: Evidence) -> dict[str, Any]:
    return {
        "name": x.name,
        "value": x.value,
        "standing": x.standing.value,
        "need": None if x.need is None else asdict(x.need),
        "rule": sentences.rule(x),
        "passes": PASSES.get(x.standing),
        "controls": dict(x.controls),
    }
