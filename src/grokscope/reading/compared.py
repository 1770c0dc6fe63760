"""Accounts of one network under one certificate, with a control that has no cosets: Stander against
Chughtai, for one.

Beside them stand Stander et al.'s own interventions on the network and on the control, whose
signature is the same, so that they settle nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from grokscope.algebra.names import is_prime
from grokscope.errors import NotApplicable
from grokscope.explain.explanation import Explanation, explain
from grokscope.models.mlp import MLP
from grokscope.planted import waves
from grokscope.snapshot import Snapshot
from grokscope.verify.certificate import Certificate
from grokscope.verify.interventions import interventions


@dataclass(frozen=True, eq=False)
class Compared:
    """The accounts of a network, and of a constructed network on Z/p with p near its size."""

    network: Explanation
    control: Explanation
    forms: tuple[str, ...]
    interventions: dict[str, dict[str, tuple[float, float]]]  # of either: accuracy and loss

    def rows(self) -> list[dict[str, Any]]:
        """A row for each piece of evidence, a column for each form, and for each on the control."""
        columns = {form: _certificate(self.network, form) for form in self.forms}
        columns |= {
            f"{form} on {self.control.snapshot.task.name}": _certificate(self.control, form)
            for form in self.forms
        }
        rows: list[dict[str, Any]] = [
            {"evidence": "verdict", **{k: c.verdict if c else "none" for k, c in columns.items()}},
            {"evidence": "parts", **{k: _parts(c) for k, c in columns.items()}},
        ]
        names = [e.name for c in columns.values() if c for e in c.evidence]
        for name in dict.fromkeys(names):
            if not name.startswith("accuracy without ") or name.endswith(("all", "neurons")):
                found = {k: _value(c, name) for k, c in columns.items()}
                rows.append({"evidence": name, **found})
        bounds = {k: c.bound.accuracy if c and c.bound else None for k, c in columns.items()}
        return [*rows, {"evidence": "proved accuracy", **bounds}]

    def to_json(self) -> dict[str, Any]:
        return {
            "network": self.network.to_json(),
            "control": {"task": self.control.snapshot.task.name, **self.control.to_json()},
            "interventions": self.interventions,
        }


def compared(snapshot: Snapshot, forms: Sequence[str]) -> Compared:
    """These forms of explanation of a network, and of a network on Z/p whose answers are sums of
    waves: it has no subgroups, so no coset circuit, whatever the interventions say."""
    p = max(x for x in range(13, max(14, snapshot.task.n_symbols + 1)) if is_prime(x))
    planted = waves.clock_relu(seed=1, noise=0.01, p=p, frequencies=5, neurons=32).snapshot
    control = replace(planted, model=_with_embeddings(planted))
    found = {}
    for name, s in (("network", snapshot), ("control", control)):
        try:
            found[name] = interventions(s)
        except NotApplicable:
            continue
    return Compared(explain(snapshot, forms), explain(control, forms), tuple(forms), found)


def _with_embeddings(planted: Snapshot) -> MLP:
    """The same network as an MLP on two embeddings, so that they can be exchanged."""
    weights = planted.model.state_dict()
    n, m = weights["L"].shape
    generator = torch.Generator().manual_seed(0)
    W_x, W_y = (torch.linalg.qr(torch.randn(n, n, generator=generator))[0] for _ in "ab")
    model = MLP(n, n, n, m).requires_grad_(False)
    W = torch.cat([W_x.T @ weights["L"], W_y.T @ weights["R"]])
    model.load_state_dict({"W_x": W_x, "W_y": W_y, "W": W, "W_U": weights["W_U"]})
    return model


def _certificate(e: Explanation, form: str) -> Certificate | None:
    return next((c for c in e.certificates if c.circuit.form == form), None)


def _parts(c: Certificate | None) -> str:
    return "" if c is None else ", ".join(c.circuit.parts)


def _value(c: Certificate | None, name: str) -> float | None:
    return None if c is None else next((e.value for e in c.evidence if e.name == name), None)
