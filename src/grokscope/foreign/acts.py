"""Which activation a foreign network has: its user or its file says it, or it is assumed.

Weights do not tell it: a ReLU network can still be right with the square put in.
"""

from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from typing import Any

from grokscope.activations import ACTIVATIONS, RELU, activation
from grokscope.errors import BadInput, lookup
from grokscope.foreign.layout import ForeignNetwork
from grokscope.models import MODELS
from grokscope.spec import Spec

TRIED = ("relu", "square", "gelu")  # what the published networks of this kind have
KEYS = (
    "act", "act_fn", "act_type", "act_name", "activation", "nonlinearity", "activation_function",
    "hidden_act",
)  # fmt: skip
OTHER_NAMES = {"quadratic": "square", "x^2": "square", "x**2": "square", "swish": "silu"}


def said_by(config: dict[str, Any]) -> str | None:
    """The activation that a configuration names, if it does. Raises `BadInput` for one that our
    models do not have."""
    said = next((config[key] for key in KEYS if isinstance(config.get(key), str)), None)
    if said is None:
        return None
    name = OTHER_NAMES.get(said.lower(), said.lower())
    if name not in ACTIVATIONS:
        raise BadInput(f"its activation is {said}, and only {', '.join(ACTIVATIONS)} can be read.")
    return name


def act_args(config: dict[str, Any], otherwise: str = RELU.name) -> dict[str, str]:
    """The model's setting for the activation that a configuration names, or for the one it has
    `otherwise`; none for a ReLU. Raises `BadInput` as `said_by`."""
    name = said_by(config) or otherwise
    return {} if name in (None, RELU.name) else {"act": str(name)}


def act_of(spec: Spec) -> str | None:
    """The activation of the spec's model; None where that takes none by name."""
    return spec.model_args.get("act", _default(spec))


def with_act(spec: Spec, name: str) -> Spec:
    """The spec with another activation, as it is written where it is not the model's own."""
    args = {k: v for k, v in spec.model_args.items() if k != "act"}
    return replace(spec, model_args=args if name == _default(spec) else args | {"act": name})


def _default(spec: Spec) -> str | None:
    build = lookup("model", spec.model, MODELS)
    parameter = signature(build).parameters.get("act")
    return parameter.default if parameter and isinstance(parameter.default, str) else None


def of_model(foreign: ForeignNetwork, name: str | None, layout: str) -> ForeignNetwork:
    """The network as the model called so. Raises `BadInput` where its layout has no such."""
    if name is None:
        return foreign
    specs = tuple(spec for spec in foreign.specs if spec.model == name)
    if not specs:
        models = " or ".join(dict.fromkeys(spec.model for spec in foreign.specs))
        raise BadInput(f"--model {name}: layout `{layout}` is of model {models}. State that one.")
    return replace(foreign, specs=specs)


def by_act(foreign: ForeignNetwork, said: str | None) -> Iterator[tuple[str, ForeignNetwork]]:
    """The network with each activation that it can have, the likeliest first; with the one that is
    `said` alone. None where its model takes none."""
    first = act_of(foreign.specs[0])
    if first is None:
        if said is not None:
            raise BadInput(f"model `{foreign.specs[0].model}` takes no activation by name.")
        return
    own = list(dict.fromkeys(filter(None, map(act_of, foreign.specs))))
    names = [activation(said).name] if said is not None else own if len(own) > 1 else _tried(first)
    for name in names:
        having = tuple(spec for spec in foreign.specs if act_of(spec) == name)
        if said is not None and not having and _default(foreign.specs[0]) != RELU.name:
            raise BadInput(
                f"model `{foreign.specs[0].model}` is one of {first} neurons by its name, and "
                f"--activation says {said}. State one of them."
            )
        specs = having or tuple(
            with_act(spec, name) for spec in foreign.specs if act_of(spec) == first
        )
        yield name, replace(foreign, specs=specs)


def _tried(first: str) -> list[str]:
    return [first, *(name for name in TRIED if name != first)]
