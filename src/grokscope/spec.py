"""What to run: a frozen description that names its own results.

A spec is data. Its id is a hash of the fields that differ from their defaults, so a new field whose
default changes nothing leaves the ids of old runs, and with them their results, as they were.
"""

import hashlib
import json
import math
import re
import types
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args, get_origin, get_type_hints

from grokscope.errors import BadInput, UnknownName, brief, lookup, must_be, unknown
from grokscope.settings import OTHER_NAMES


@dataclass(frozen=True)
class Spec:
    """One experiment: a task, a model, how to train it, and when to stop.

    The defaults are those of Nanda et al. 2023. Steps count updates of the optimiser. `assumed` has
    of an imported network what was taken without being said, "activation", "axes" or "task": what
    was taken, then what else fits, each with its accuracy over all pairs. Raises `BadInput` for a
    value of the wrong type or out of its range.
    """

    task: str = "a+b"  # a formula in a and b, mod task.p, or a registered name
    task_args: dict[str, Any] = field(default_factory=dict)
    model: str = "transformer"
    model_args: dict[str, Any] = field(default_factory=dict)

    train_fraction: float = 0.3
    train_size: int | None = None  # how many inputs are shown, in place of a fraction of them
    split: str = "ordered"  # how the training pairs are chosen
    label_noise: float = 0.0  # share of the labels drawn at random
    dropout: float = 0.0  # share of the hidden neurons left out in a step, drawn for each pair

    loss: str = "cross_entropy"
    temperature: float = 1.0  # divides the logits in the loss, trained and evaluated

    lr: float = 1e-3
    weight_decay: float = 1.0  # on every weight; decoupled, unless the optimiser says otherwise
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    warmup: int = 10  # steps over which lr rises from 0
    optimizer: str = "adamw"
    optimizer_args: dict[str, Any] = field(default_factory=dict)
    gradient: str = "plain"  # the filter of the gradient, before the optimiser
    gradient_args: dict[str, Any] = field(default_factory=dict)
    norm_clamp: float | None = None  # of the trained weights' norm, as a multiple of the first one

    steps: int = 40_000
    stop_after_grok: int | None = None  # stop this many steps after t_grok
    give_up_after: int | None = None  # stop this many steps after t_memorize, or 0, without a grok
    memorize_at: float = 0.99  # train accuracy
    grok_at: float = 0.99  # test accuracy
    grok_patience: int = 3  # evaluations in a row

    eval_every: int = 25
    checkpoint_every: int = 100  # besides 0, 1, 2, 4, 8, ... and the last step
    record: int = 0  # of so many first steps each loss is kept, and weights at landmarks: see due
    precision: Literal["float32", "float64"] = "float32"
    loss_precision: Literal["float32", "float64"] = "float64"
    formulation: str = "fast"  # of the step: fast, native, folded, last or reference

    load: str | None = None  # the run whose last weights this one begins with: its id, or folder
    load_parts: str = "all"  # which of them: embed, transformer, unembed, all, or names
    load_shuffled: bool = False  # with their rows in another order: a control
    freeze: str | None = None  # which weights are not trained, named like load_parts

    seed: int = 0  # of the initial weights, and of what has no seed of its own
    split_seed: int | None = None
    label_seed: int | None = None

    source: str | None = None  # of an imported network: its layout, file and checksum
    assumed: dict[str, Any] = field(default_factory=dict)  # what nothing says of it: see below

    def __new__(cls, *_: Any, **given: Any) -> "Spec":
        known = cls.__dataclass_fields__
        for name in given.keys() - known.keys():
            raise unknown("field of Spec", name, known)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, value in _all_typed(vars(self)).items():
            object.__setattr__(self, name, value)
        for name, low, high in _OPEN:
            if not low < (value := getattr(self, name)) < high:
                wanted = f"above {low}" if high == math.inf else f"between {low} and {high}"
                raise must_be(name, wanted, value)
        for name, low, high in _CLOSED:
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            if not all(v is None or low <= v <= high for v in values):
                wanted = f"at least {low}" if high == math.inf else f"from {low} to {high:,}"
                raise must_be(name, wanted, value)
        fraction = self.train_fraction
        if self.train_size is not None and fraction != type(self).train_fraction:
            raise BadInput(
                f"train_size={self.train_size} and train_fraction={fraction:g} both say how much "
                "is shown. Leave one out."
            )

    @cached_property
    def id(self) -> str:
        """The name of the run's folder: what one wants to read, and the hash that makes it one."""
        changed = {k: v for k, v in asdict(self).items() if v != getattr(_DEFAULT, k)}
        digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()
        slug = self.task.replace("*", "").replace("/", "over")
        slug += "".join(f"-{key}{value}" for key, value in sorted(self.task_args.items()))
        slug = re.sub(r"[^\w+-]+", "_", slug)[:40].strip("_-") or "task"
        model = re.sub(r"[^\w+-]+", "_", self.model)[:80]
        return f"{slug}-{model}-{digest[:12]}"

    @property
    def but_for_seeds(self) -> str:
        """What it shares with those that differ from it in their seeds alone."""
        return repr([(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in _SEEDS])

    def to_json(self) -> str:
        """Every field, as text that `from_json` reads."""
        return self._json

    @cached_property
    def _json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The spec that `to_json` wrote. Raises `BadInput` for other text."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"the spec is not JSON: {error}.") from None
        if not isinstance(values, dict):
            raise BadInput("the spec is not a JSON object.")
        for name in values:
            lookup("field of a spec", name, {f.name: None for f in fields(cls)})
        return cls(**_all_typed(values))

    def override(self, *settings: str) -> "Spec":
        """This spec with `key=value` settings applied; `task.p=59` sets an argument of the task,
        `model.d_mlp=64` one of the model; so do `optimizer.` and `gradient.`"""
        changes: dict[str, Any] = {}
        names = [f.name for f in fields(self) if not f.name.endswith("_args")]
        for setting in settings:
            key, equals, text = setting.partition("=")
            if not equals:
                raise BadInput(
                    f"cannot apply `{brief(setting)}`. Write key=value, as in `steps=1000`."
                )
            head, dot, tail = key.partition(".")
            if dot and head in _WITH_ARGS and tail.isidentifier():
                args = changes.setdefault(f"{head}_args", dict(getattr(self, f"{head}_args")))
                args[tail] = _value(text)
            elif key in names:
                changes[key] = text if key in _WITH_ARGS else _value(text)
            elif key in OTHER_NAMES:
                meant = f"{OTHER_NAMES[key]}={text}"
                raise UnknownName(f"no setting is called `{key}`. Write {brief(meant)}.")
            else:
                raise unknown("setting", key, [*names, "task.p", "model.d_model"])
        return replace(self, **_all_typed(_shown_once(changes)))


def settings_named(name: str) -> str | None:
    """The setting of this name, or that other programs call so; None where there is none."""
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    head = name.partition(".")[0]
    is_one = name in {f.name for f in fields(Spec)} or (head != name and head in _WITH_ARGS)
    return name if is_one and not name.endswith("_args") else None


DEEPEST = 10  # of what the arguments of a task or a model hold
_SEEDS = ("seed", "split_seed", "label_seed")
_WITH_ARGS = ("task", "model", "optimizer", "gradient")
_OPEN = [
    ("train_fraction", 0, 1),
    ("temperature", 0, math.inf),
    ("lr", 0, math.inf),
    ("eps", 0, math.inf),
]
_CLOSED = [
    ("train_size", 1, math.inf),
    ("label_noise", 0, 1),
    ("dropout", 0, 0.99),
    ("weight_decay", 0, math.inf),
    ("betas", 0, 0.999999),
    ("warmup", 0, math.inf),
    ("norm_clamp", 1e-6, math.inf),
    ("steps", 1, 10**9),
    ("stop_after_grok", 0, math.inf),
    ("give_up_after", 1, math.inf),
    ("memorize_at", 0, 1),
    ("grok_at", 0, 1),
    ("grok_patience", 1, math.inf),
    ("eval_every", 1, math.inf),
    ("checkpoint_every", 1, math.inf),
    ("record", 0, 1_000_000),
    ("seed", 0, 2**63 - 1),
    ("split_seed", 0, 2**63 - 1),
    ("label_seed", 0, 2**63 - 1),
]


def _shown_once(changes: dict[str, Any]) -> dict[str, Any]:
    """Of `train_size` and `train_fraction`, the one that is set replaces the other."""
    if "train_size" in changes and "train_fraction" not in changes:
        return {**changes, "train_fraction": Spec.train_fraction}
    if "train_fraction" in changes and "train_size" not in changes:
        return {**changes, "train_size": None}
    return changes


_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?")


def _value(text: str) -> Any:
    """What a setting's text means: JSON, or `none`, or a list without brackets, or itself."""
    lowered = text.lower()
    if lowered in ("none", "true", "false"):
        return {"none": None, "true": True, "false": False}[lowered]
    if _NUMBER.fullmatch(lowered) and len(text) < 400:
        return int(text) if re.fullmatch(r"[-+]?[0-9]+", text) else float(text)
    is_within = lowered[:1] + lowered[-1:] == "[]"
    parts = (lowered[1:-1] if is_within else lowered).split(",")
    if len(parts) > 1 and len(text) < 400 and all(map(_NUMBER.fullmatch, parts)):
        return [_value(part) for part in parts]
    for candidate in (text, f"[{text}]" if "," in text else text):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):
            continue
    return text


def _all_typed(values: dict[str, Any]) -> dict[str, Any]:
    """Each value as its field holds it: an int as a float where that is meant, say."""
    kinds = get_type_hints(Spec)
    return {name: typed(name, value, kinds[name]) for name, value in values.items()}


def typed(name: str, value: Any, kind: Any) -> Any:
    """`value` as a field of type `kind` holds it, or an error that says what it must be."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is types.UnionType:
        return None if value is None else typed(name, value, args[0])
    if origin is Literal:
        if value not in args:
            raise must_be(name, " or ".join(map(str, args)), value)
        return value
    if origin is tuple and isinstance(value, list | tuple) and len(value) == len(args):
        return tuple(typed(name, v, a) for v, a in zip(value, args, strict=True))
    match value:
        case str() if kind is str and value.strip():
            return value
        case dict() if origin is dict:
            _refuse_deep(name, value, DEEPEST)
            return dict(value)
        case bool() if kind is bool:
            return value
        case bool():
            pass
        case int() | float() if kind is float and _is_finite(value):
            return float(value)
        case int() | float() if kind is int and _is_finite(value) and value == int(value):
            return int(value)
    words = {int: "a whole number", float: "a number", str: "a name", bool: "true or false"}
    words |= {tuple: "two numbers, as in 0.9,0.98", dict: "a JSON object"}
    raise must_be(name, words[origin or kind], value)


def _is_finite(value: int | float) -> bool:
    """Whether a float can hold it."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def _refuse_deep(name: str, value: Any, depth: int) -> None:
    """Raise `BadInput` for lists in lists in lists ...: no argument is such."""
    if not isinstance(value, dict | list | tuple):
        return
    if depth == 0:
        raise BadInput(f"`{name}` holds lists or objects more than {DEEPEST} deep.")
    for inner in value.values() if isinstance(value, dict) else value:
        _refuse_deep(name, inner, depth - 1)


_DEFAULT = Spec()
