"""The score of F-I-T (github.com/qienhuang/F-I-T 2026): order in the unembedding, and labels seen
through."""

from grokscope.errors import NotApplicable
from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen
from grokscope.measures.representation import entropy_of
from grokscope.measures.weights import symbol_weights
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot

STEP = 0.01  # of the entropy, their ε: a fall of so much between two looks counts 1
CHANCE = 0.5  # of the corrupted labels, their threshold


@signal(
    "weights",
    "qienhuang/F-I-T 2026",
    "max(0, -ΔH(W_U)/.01) + max(0, (corr - .5)/.5); H spectral entropy, since the landmark before; "
    "corr the share of corrupted labels that are answered rightly (0 without corrupted labels)",
    cost=3.0,
)
def fit_score(x: Seen) -> float:
    before = x.earlier
    if before is None:
        raise NotApplicable(
            f"step {x.step:,} is the first whose weights were kept, so nothing has fallen yet. "
            "Train with record=2000, or with a smaller checkpoint_every."
        )
    fall = _entropy(before) - _entropy(x.snapshot)
    return max(0.0, fall / STEP) + max(0.0, (_seen_through(x.snapshot) - CHANCE) / (1 - CHANCE))


def _entropy(s: Snapshot) -> float:
    W_U = symbol_weights(s).get("c")
    if W_U is None:
        raise NotApplicable(f"{s.model.name} has no map to the answers of its own.")
    return entropy_of(W_U)


def _seen_through(s: Snapshot) -> float:
    """The share of the training pairs with a corrupted label that are answered rightly; 0 where
    there is none."""
    right = s.task.answers[s.is_train]
    corrupted = s.train_answers != right
    if not corrupted.any():
        return 0.0
    return accuracy(s.train_logits[corrupted], right[corrupted])
