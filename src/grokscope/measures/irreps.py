"""How much of a network lies in irreps: Chughtai et al. 2023 (`utils/metrics.py` of their code).

Their claim: a network embeds ρ(a) and ρ(b), its hidden layer forms ρ(ab), and the logits are
tr ρ(ab c⁻¹), for a few key irreps ρ; `characters.py` has the logits. With Q_ρ an orthonormal basis
of the span of ρ's matrix elements, of dimension d² for an irrep of degree d (d²/2 or d²/4 where it
is of complex or quaternionic type), the share of a matrix in ρ is |Q_ρᵀ W|²/|W|²; of the weights
that is `power`. For a cyclic group the irreps are frequencies. Key parts are those of `keys_of`;
Chughtai et al. have a rule of their own, "similarity" in `key_rules.py`, which finds more.

Axes: s = a product; neuron; c = an answer.
"""

import math

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.errors import NotApplicable
from grokscope.measures.keys import keys_of
from grokscope.measures.measure import measure
from grokscope.measures.spectra import spectrum
from grokscope.measures.weights import symbol_weights
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.loss import cross_entropy

LEARNED = 0.05  # logit similarity from which a part counts as learned


def group_of(s: Snapshot) -> Group:
    """The group whose product the task is. Raises `NotApplicable` if there is none."""
    if s.lens.group is None:
        raise NotApplicable(
            f"`{s.task.name}` is not a product in a group, so it has neither irreps nor cosets. "
            "Its weights still have parts: `grokscope spectrum`."
        )
    return s.lens.group


@measure
def irrep_fve_keys(s: Snapshot) -> dict[str, float]:
    """The share of the squared norm of each folded weight in all key parts together (Chughtai et
    al. 2023, "percent_x_embed_explained" and others; S5: 1.00 of the operands' weights, .94 of the
    output's). Chance: the dimensions of the key parts over |G|."""
    group_of(s)
    lens, keys = s.lens.name, keys_of(s)
    return {
        weight: sum(spectrum(s, weight, lens)[key] for key in keys) for weight in symbol_weights(s)
    }


@measure
def hidden_fve(s: Snapshot) -> dict[str, float]:
    """The share of the hidden layer's variation over pairs in functions of a alone, of b alone and
    of ab alone, each in the same part, for each key part and all "keys" (Chughtai et al. 2023,
    "percent_hidden"; S5: .889 together).

    Chance, at the start: .85 of the dimension of the part over |G|, since of what a relu makes of
    l(a) + r(b) so much are functions of a or b alone (.98 in a transformer); `hidden_fve_product`
    leaves these out.
    """
    n, post = s.task.n_symbols, s.mlp_post
    splits = s.operand_parts
    grid, fve = post.view(n, n, -1), hidden_fve_product(s)
    total = _hidden_variation(s)
    for split, axis in zip(splits, (1, 0), strict=True):
        squares = n * split.power(grid.mean(dim=axis, dtype=torch.float64)) / total
        shares = dict(zip(split.names, squares.tolist(), strict=True))
        shares["keys"] = math.fsum(shares[key] for key in keys_of(s))
        fve = {name: share + shares[name] for name, share in fve.items()}
    return fve


@measure
def hidden_fve_product(s: Snapshot) -> dict[str, float]:
    """The same for functions of ab alone: ρ(ab), which the network has to form (Chughtai et al.
    2023, "percent_hidden_xy"; S5: .13 together). Chance, at the start, with relus: .15 of the
    dimension of the part over |G|² (.02 in a transformer)."""
    group_of(s)
    squares = s.fibres.power(s.mean_over_fibres(s.mlp_post)) / _hidden_variation(s)
    shares = dict(zip(s.fibres.split.names, squares.tolist(), strict=True))
    key_shares = {key: shares[key] for key in keys_of(s)}
    return key_shares | {"keys": math.fsum(key_shares.values())}


@once_per_snapshot
def _hidden_variation(s: Snapshot) -> float:
    """The squared norm of the hidden layer, centred over all pairs."""
    post = s.mlp_post
    whole = post.square().sum(dtype=torch.float64)
    mean = post.mean(dim=0, dtype=torch.float64)
    return max(float(whole - len(post) * mean.square().sum()), 1e-300)


@once_per_snapshot
def hidden_component(s: Snapshot) -> Float[Tensor, "s neuron"]:
    """What the hidden layer, not centred, holds of ρ(ab) for the key parts, as a function of the
    product: Σ Q_ρ(ab) Q_ρ(ab)ᵀ H."""
    group_of(s)
    return s.fibres.project(keys_of(s), s.mean_over_fibres(s.mlp_post)).to(s.mlp_post)


@measure(invariant=True)
def restricted_loss_hidden(s: Snapshot) -> float:
    """Loss over all pairs when the hidden layer is replaced by what it holds of ρ(ab) for the key
    parts; its mean is not kept (Chughtai et al. 2023, "total_hidden_restricted_loss"; S5: 1e-7 to
    1e-6).

    Where the neurons alone reach the logits this is `restricted_loss_sum` without its means for
    each class. As that, never evidence alone. Chance: ln(number of answers).
    """
    kept, product, answers = hidden_component(s), s.fibres.product, s.task.answers
    return float(cross_entropy(s.read_out(kept[product]), answers))


@measure(invariant=True)
def excluded_loss_hidden_train(s: Snapshot) -> float:
    """Train loss when the hidden layer loses what it holds of ρ(ab) for the key parts (Chughtai et
    al. 2023, "total_hidden_excluded_loss"; S5: 7 to 18).

    Where the neurons alone reach the logits this is `excluded_loss_sum_train`, exactly, and has its
    control, `excluded_loss_sum_train_control`.
    """
    removed, product = hidden_component(s), s.fibres.product
    logits = s.read_out(s.mlp_post - removed[product])[s.is_train]
    return float(cross_entropy(logits, s.train_answers))


def order_of_learning(table: pl.DataFrame) -> list[tuple[str, int]]:
    """The parts in the order in which the logits learned them, each with the first step at which
    its `logit_similarity` is above .05 (Chughtai et al. 2023, `determine_key_rep_order.py`); those
    that never are, are left out. `table` is that of `trace(run, ["logit_similarity"])`.
    """
    prefix = "logit_similarity["
    columns = [column for column in table.columns if column.startswith(prefix)]
    if not columns:
        raise NotApplicable(
            "the table holds no logit similarities. Make it by `trace(run, ['logit_similarity'])`."
        )
    steps_learned = []
    for column in columns:
        steps = table.filter(pl.col(column) > LEARNED)["step"]
        if len(steps):
            steps_learned.append(
                (column.removeprefix(prefix).removesuffix("]"), int(steps.to_list()[0]))
            )
    return sorted(steps_learned, key=lambda learned: learned[1])
