"""Why a foreign network is none of ours, by the tensors and settings that show it.

Each row is a sign and the reason in a few words. What no row tells is refused by the first tensor
that nothing here reads.

Axes: none.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from grokscope.errors import BadInput

GROUPED = "has heads that share keys and values (grouped-query attention)"
TABLES = ("standard", "rotary")  # or have a reason of their own
NAMES = (  # in a tensor's name
    (r"rotary|rope|inv_freq", "has rotary positions"),
    (r"relative_(attention|position)|rel_pos", "has positions relative to each other"),
    (r"alibi", "has ALiBi: attention that falls with distance"),
    (r"\b_W_[KV]\b|\b_b_[KV]\b", GROUPED),
    (r"experts?\.|router|moe\.", "has a mixture of experts"),
    (r"crossattention|cross_attn|encoder_attn|multihead_attn", "has cross-attention"),
    (r"\b[qk]_(norm|ln)\b|\bln_?[qk]\b", "has normalised queries and keys"),
    (r"weight_hh|weight_ih|\b(lstm|gru|rnn)\b", "is recurrent"),
    (r"running_(mean|var)|num_batches_tracked", "has batch normalisation"),
    (r"conv(?!erted)|\bconv\d", "has convolutions"),
    (r"lora_[AB]", "has LoRA weights alone, without the network that they change"),
    (r"spline|grid$", "has splines on its edges (a Kolmogorov-Arnold network)"),
    (r"A_log|ssm|mamba|dt_proj", "has a state-space model"),
    (r"scales?_and_zeros|qweight|qzeros|absmax", "has quantised weights"),
)
UNREAD = (  # where no layout reads a network
    (r"attn|attention|query|\bq_proj|W_Q\b", "has attention under names that nothing here reads"),
    (r"(layer|rms|group)_?norm|\bnorm\d?\b|\bln_?\w?\b", "has a norm where no layout has one"),
)
Sign = Callable[[Any], bool]
SETTINGS: tuple[tuple[str, Sign, str], ...] = (  # of TransformerLens's configurations
    ("positional_embedding_type", lambda x: x == "rotary", "has rotary positions"),
    ("positional_embedding_type", lambda x: x not in TABLES, "has positions that are no table"),
    ("n_key_value_heads", lambda x: x is not None, GROUPED),
    ("parallel_attn_mlp", bool, "has attention and MLP side by side, not one after the other"),
    ("num_experts", bool, "has a mixture of experts"),
    ("use_local_attn", bool, "has attention to near positions alone"),
    ("attn_scores_soft_cap", lambda x: x is not None and x > 0, "has scores that are capped"),
    ("output_logits_soft_cap", lambda x: x is not None and x > 0, "has logits that are capped"),
    ("use_normalization_before_and_after", bool, "has norms before and after the same layer"),
    ("use_qk_norm", bool, "has normalised queries and keys"),
    ("scale_attn_by_inverse_layer_idx", bool, "has scores that are divided by the layer's number"),
    ("post_embedding_ln", bool, "has a norm of the embeddings"),
)  # fmt: skip


def why_not(names: Iterable[str], config: dict[str, Any]) -> str | None:
    """Why none of our models is such a network; None where nothing shows it."""
    for field, is_so, reason in SETTINGS:
        value = config.get(field)
        if value is not None and is_so(value):
            return _refused(reason)
    reason = _first(NAMES, names)
    return reason and _refused(reason)


def why_unread(names: Iterable[str], config: dict[str, Any]) -> str | None:
    """The same of a network that no layout has."""
    names = list(names)
    reason = _first(UNREAD, names)
    declared = f"it {reason}. A JSON beside it can declare what they are; see docs/foreign.md."
    return why_not(names, config) or (reason and declared)


def check(names: Iterable[str], config: dict[str, Any]) -> None:
    """Refuse a network that none of ours can be, by its reason."""
    if reason := why_not(names, config):
        raise BadInput(reason)


def _first(rows: Iterable[tuple[str, str]], names: Iterable[str]) -> str | None:
    """The reason of the first row whose sign is in one of the names."""
    names = list(names)
    for sign, reason in rows:
        if any(re.search(sign, name, re.IGNORECASE) for name in names):
            return reason
    return None


def _refused(reason: str) -> str:
    return f"it {reason}, and no model here {reason.split()[0]}."
