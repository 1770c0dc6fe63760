"""Accounts of one network under one certificate, with a control that has no cosets: Stander against
Chughtai, for one.

Beside them stand Stander et al.'s own interventions on the network and on the control, whose
signature is the same, so that they settle nothing.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch

from grokscope.algebra.names import is_prime
from grokscope.errors import NotApplicable
from grokscope.explain.explanation import explain, sample_of
from grokscope.models.mlp import MLP
from grokscope.planted import waves
from grokscope.reading.explained import explanation_facts
from grokscope.reading.facts import CertificateFacts, ExplanationFacts
from grokscope.snapshot import Snapshot
from grokscope.training.loss import cross_entropy
from grokscope.verify.evidence import OfAll, Tested
from grokscope.verify.interventions import interventions
from grokscope.verify.price import Paid, curve

SCALES, HALVINGS = 3.0, 30  # powers of ten that logits may be multiplied by; steps to find which


@dataclass(frozen=True)
class Compared:
    """The accounts of a network, and of a constructed network on Z/p with p near its size."""

    task: str
    network: ExplanationFacts
    control: ExplanationFacts
    control_task: str
    forms: tuple[str, ...]
    interventions: dict[str, dict[str, tuple[float, float]]]  # of either: accuracy and loss
    curves: dict[str, tuple[Paid, ...]]  # by form what finer numbers of the network's account cost

    @property
    def priced(self) -> list[tuple[CertificateFacts, tuple[Paid, ...]]]:
        """The network's accounts that have a price, each with its curve."""
        every = ((c, self.curves.get(c.form)) for c in self.network.certificates)
        return [(c, points) for c, points in every if points]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each piece of evidence but those of single parts, a column for each form, and
        for each on the control."""
        network, control = (
            {c.form: c for c in e.certificates} for e in (self.network, self.control)
        )
        columns = {form: network.get(form) for form in self.forms}
        columns |= {f"{form} on {self.control_task}": control.get(form) for form in self.forms}

        def row(title: str, value: Callable[[CertificateFacts], Any], none: Any = None):
            return {"evidence": title} | {k: value(c) if c else none for k, c in columns.items()}

        evidence = {
            (x.tested, x.of): x.name
            for c in columns.values()
            for x in (c.evidence if c else ())
            if x.tested is not OfAll.WITHOUT_PART
        }
        return [
            row("verdict", lambda c: c.verdict, none="none"),
            row("parts", lambda c: ", ".join(c.parts), none=""),
            *(row(name, lambda c, key=key: _value(c, *key)) for key, name in evidence.items()),
            row("proved accuracy", lambda c: None if c.bound is None else c.bound.accuracy),
        ]


def compared(snapshot: Snapshot, forms: Sequence[str], has_curves: bool = False) -> Compared:
    """These forms of explanation of a network, and of a network on Z/p whose answers are sums of
    waves: it has no subgroups, so no coset circuit, whatever the interventions say. Its logits are
    as large as gives it the network's loss, so that the interventions meet networks that are as
    sure. With `has_curves` what finer numbers cost is worked out too."""
    p = max(x for x in range(13, max(14, snapshot.task.n_symbols + 1)) if is_prime(x))
    planted = waves.clock_relu(seed=1, noise=0.01, p=p, frequencies=5, neurons=32).snapshot
    control = replace(planted, model=_with_embeddings(planted, _scale(planted, snapshot)))
    scores = {}
    for name, s in (("network", snapshot), ("control", control)):
        with suppress(NotApplicable):
            scores[name] = interventions(s)
    network, some = explain(snapshot, forms), sample_of(snapshot) or snapshot
    priced = network.certificates if has_curves else ()
    return Compared(
        task=snapshot.task.name,
        network=explanation_facts(network),
        control=explanation_facts(explain(control, forms)),
        control_task=control.task.name,
        forms=tuple(forms),
        interventions=scores,
        curves={c.circuit.form: curve(some, c.circuit) for c in priced},
    )


def _scale(planted: Snapshot, like: Snapshot) -> float:
    """What the logits of one network must be multiplied by to have the loss of another: between a
    thousandth and a thousand."""
    wanted = float(cross_entropy(like.logits, like.task.answers))
    low, high = -SCALES, SCALES
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        loss = float(cross_entropy(planted.logits * 10**middle, planted.task.answers))
        low, high = (middle, high) if loss > wanted else (low, middle)
    return 10**high


def _with_embeddings(planted: Snapshot, scale: float) -> MLP:
    """The same network as an MLP on two embeddings, so that they can be exchanged, its logits times
    a number."""
    weights = planted.model.state_dict()
    n, m = weights["L"].shape
    generator = torch.Generator().manual_seed(0)
    W_x, W_y = (torch.linalg.qr(torch.randn(n, n, generator=generator))[0] for _ in "ab")
    model = MLP(n, n, n, m).requires_grad_(False)
    W = torch.cat([W_x.T @ weights["L"], W_y.T @ weights["R"]])
    model.load_state_dict({"W_x": W_x, "W_y": W_y, "W": W, "W_U": scale * weights["W_U"]})
    return model


def _value(c: CertificateFacts, tested: Tested, of: str) -> float | None:
    x = c.get(tested, of)
    return None if x is None else x.value
