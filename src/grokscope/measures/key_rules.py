"""Which parts are key, by each rule in use. They disagree, so none goes without its name.

logits          at least 1 % of the logits' variation in its sum directions: ours, see `keys`
neurons         the best part of some neuron, localised or not (Nanda et al. 2023, released code)
embedding       a cosine or sine above a quarter of the largest, in the embedding (TransformerLens
                demo); pizzas show frequencies 2k here that their logits have not
output          the same in the output map W_L (Nanda et al. 2023, appendix C.2, who give no
                threshold: the quarter is ours)
similarity      the logits' cosine similarity with its character above .005 (Chughtai et al.
                2023)
"""

from collections.abc import Callable

from grokscope.errors import NotApplicable
from grokscope.measures.characters import logit_similarity
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import measure
from grokscope.measures.neurons import neuron_parts
from grokscope.measures.spectra import components
from grokscope.measures.weights import symbol_weights
from grokscope.models.chughtai import Chughtai
from grokscope.models.mlp import Concatenated
from grokscope.models.model import Model
from grokscope.models.transformer import Transformer
from grokscope.snapshot import Snapshot, once_per_snapshot


def by_logits(s: Snapshot) -> tuple[str, ...]:
    return key_parts(s).names


def by_neurons(s: Snapshot) -> tuple[str, ...]:
    names, shares = neuron_parts(s)
    best = {names[i] for i in shares.argmax(dim=0)[shares.amax(dim=0) > 0].tolist()}
    return tuple(name for name in names if name in best)


def by_embedding(s: Snapshot) -> tuple[str, ...]:
    return _by_weight(s, [weight for weight in symbol_weights(s) if weight != "c"])


def by_output(s: Snapshot) -> tuple[str, ...]:
    return _by_weight(s, ["c"])


def _by_weight(s: Snapshot, weights: list[str]) -> tuple[str, ...]:
    keys: dict[str, None] = {}
    for weight in weights:
        norms = {k: x for k, x in components(s, weight).items() if k != "constant"}
        top = max(float(x.max()) for x in norms.values())
        keys |= {k: None for k, x in norms.items() if float(x.max()) > top / 4}
    return tuple(keys)


def by_similarity(s: Snapshot) -> tuple[str, ...]:
    return tuple(name for name, x in logit_similarity(s).items() if x > 0.005)


Rule = Callable[[Snapshot], tuple[str, ...]]
PUBLISHED: dict[type[Model], Rule] = {
    Concatenated: by_similarity,
    Chughtai: by_similarity,
    Transformer: by_neurons,
}
RULES: dict[str, Rule] = {
    "logits": by_logits,
    "neurons": by_neurons,
    "embedding": by_embedding,
    "output": by_output,
    "similarity": by_similarity,
}


def published_keys(s: Snapshot) -> tuple[str, ...] | None:
    """The key parts by the rule of those who trained such networks, none where it does not apply;
    None where they had no rule."""
    rule = next((rule for kind, rule in PUBLISHED.items() if isinstance(s.model, kind)), None)
    if rule is None:
        return None
    try:
        return rule(s)
    except NotApplicable:
        return ()


@once_per_snapshot
def key_sets(s: Snapshot) -> dict[str, tuple[str, ...]]:
    """The key parts by each rule that applies."""
    sets = {}
    for name, rule in RULES.items():
        try:
            sets[name] = rule(s)
        except NotApplicable:
            continue
    return sets


@measure
def key_count(s: Snapshot) -> dict[str, float]:
    """How many parts are key, by each rule. Chance, at the start: none by the logits; nearly all by
    the neurons and the weights."""
    sets = key_sets(s)
    if not sets:
        raise NotApplicable(f"no rule for key parts applies to `{s.task.name}`.")
    return {rule: float(len(names)) for rule, names in sets.items()}


@measure(invariant=True)
def key_gap(s: Snapshot) -> float:
    """What the smallest key part by the logits holds, for its dimension, over what the largest
    other part does. Below 2 the set is in doubt; learned networks had 8.8 or more. Chance: near
    1."""
    gap = key_parts(s).gap
    if gap is None:
        raise NotApplicable("without key parts, or without others, there is no gap between them.")
    return gap
