"""Every restricted and excluded loss against its definition over all pairs, in float64, and against
closed forms where the frequencies are known.

A part is here a projector on functions of a symbol, built from cosines, from the discrete logarithm
or from the characters of S3, and of a function of the product an orthonormal basis over all pairs.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from grokscope.errors import NotApplicable
from grokscope.measures.measure import MEASURES, evaluate
from grokscope.measures.restricted import component, excluded_losses, other_parts
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.task import Task
from grokscope.tasks import make_task

SUM = ["restricted_loss_sum", "restricted_loss_sum_by_key", "restricted_accuracy_sum",
       "excluded_loss_sum_train",
       "excluded_accuracy_sum_train", "excluded_loss_sum_train_by_key",
       "excluded_loss_sum_train_by_part", "excluded_loss_sum_train_max",
       "excluded_loss_sum_train_control"]  # fmt: skip
BLOCKS = ["restricted_loss_block2", "restricted_loss_block3"]
COS = ["excluded_loss_cos_train", "excluded_loss_cos_train_by_key"]


def network(task: Task, keys: tuple[str, ...], model: str, seed: int = 0, **args) -> Snapshot:
    net = make_model(model, args, task, seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in net.parameters():
            w += 0.3 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    is_train = task.is_train(0.4, seed)
    return Snapshot(task, is_train, net.requires_grad_(False), keys=keys)


# What the parts are, without a lens


def of_frequencies(p: int) -> dict[str, Tensor]:
    x = torch.arange(p, dtype=torch.float64)
    found = {"constant": torch.full((p, p), 1 / p, dtype=torch.float64)}
    for k in range(1, (p + 1) // 2):
        found[f"frequency {k}"] = torch.cos(2 * math.pi * k * (x[:, None] - x) / p) * 2 / p
    return found


def logarithm(p: int, root: int) -> Tensor:
    log, x = torch.zeros(p), 1
    for j in range(p - 1):
        log[x], x = j, x * root % p
    return log.double()


def of_characters(p: int, root: int) -> dict[str, Tensor]:
    log = logarithm(p, root)
    found = {"constant": torch.full((p, p), 1 / p, dtype=torch.float64)}
    at_zero = torch.full((p,), -1 / p, dtype=torch.float64)
    at_zero[0] += 1
    found["{0}"] = torch.outer(at_zero, at_zero) / at_zero.square().sum()
    for k in range(1, (p - 1) // 2 + 1):
        E = torch.cos(2 * math.pi * k * (log[:, None] - log) / (p - 1)) * 2 / (p - 1)
        E[0], E[:, 0] = 0, 0
        found[f"character {k}"] = E / (2 if 2 * k == p - 1 else 1)
    return found


def of_s3(task: Task) -> dict[str, Tensor]:
    assert task.group is not None
    assert task.group.points is not None
    fixed = (task.group.points == torch.arange(3)).sum(dim=1).double()  # 3, 1 or 0 points
    sign = torch.where(fixed == 1, -1.0, 1.0).double()
    quotient = task.group.quotient
    values = {"constant": torch.ones(6).double(), "sign": sign, "standard": fixed - 1}
    return {name: x[task.group.identity] / 6 * x[quotient] for name, x in values.items()}


def add_kernel(p: int, sign: int) -> Callable[[str, Task], Tensor]:
    """cos w_k(a ± b - c) for each pair and class."""

    def kernel(name: str, task: Task) -> Tensor:
        a, b = task.inputs.double().unbind(dim=1)
        d = (a + sign * b)[:, None] - torch.arange(p)
        return torch.cos(2 * math.pi * int(name.split()[1]) * d / p)

    return kernel


def product_kernel(p: int, root: int) -> Callable[[str, Task], Tensor]:
    """cos of 2πk(log a + log b - log c)/(p - 1), and 0 where one of them is 0."""

    def kernel(name: str, task: Task) -> Tensor:
        log, k = logarithm(p, root), int(name.split()[1])
        a, b = task.inputs.unbind(dim=1)
        wave = torch.cos(2 * math.pi * k * ((log[a] + log[b])[:, None] - log) / (p - 1))
        wave[(a == 0) | (b == 0)] = 0
        wave[:, 0] = 0
        return wave

    return kernel


def group_kernel(name: str, task: Task) -> Tensor:
    """χ(ab c⁻¹)."""
    assert task.group is not None
    E = of_s3(task)[name]
    return (E / E[task.group.identity, task.group.identity])[task.answers]


# The definitions


class Plain:
    """Every variant, as it is written, from the logits of all pairs."""

    def __init__(self, s: Snapshot, E: Mapping[str, Tensor], product: Tensor, kernel):
        self.s, self.E, self.kernel = s, E, kernel
        with torch.no_grad():
            self.L = s.model(s.task.inputs)[:, : s.task.n_answers].double()
        self.product, self.keys = product, list(s.keys or ())

    def basis(self, name: str) -> Tensor:
        """Orthonormal functions of the pair: those of the product in a part, less their mean."""
        x = one_hot(self.product, len(self.E[name])).double() @ self.E[name]
        U, scale, _ = torch.linalg.svd(x - x.mean(dim=0), full_matrices=False)
        return U[:, scale > 1e-9]

    def P(self, name: str) -> Tensor:
        Q = self.basis(name)
        return Q @ (Q.T @ self.L)

    def along(self, name: str) -> Tensor:
        wave = self.kernel(name, self.s.task)
        return wave * (wave * self.L).sum() / wave.square().sum()

    def losses(self, logits: Tensor) -> dict[str, float]:
        answers, train = self.s.task.answers, self.s.is_train
        here = {"train": train, "test": ~train, "all": train | ~train}
        return {k: cross_entropy(logits[i], answers[i]).item() for k, i in here.items()}

    def excluded(self, *removed: Tensor) -> float:
        return self.losses(self.L - sum(removed))["train"]

    def blocks(self, with_single: bool) -> dict[str, float]:
        n = self.s.task.n_symbols
        L, one = self.L.view(n, n, -1), self.E["constant"]
        pairs = [(one, one), *((self.E[key], self.E[key]) for key in self.keys)]
        if with_single:
            for key in self.keys:
                pairs += [(self.E[key], one), (one, self.E[key])]
        kept = sum(torch.einsum("xa,ayc->xyc", A, B @ L) for A, B in pairs)
        assert isinstance(kept, Tensor)
        return self.losses(kept.reshape(n * n, -1))

    def every(self) -> dict[str, float]:
        """All variants by the names of the measures."""
        answers, train = self.s.task.answers, self.s.is_train
        kept = sum(self.P(key) for key in self.keys) + self.L.mean(dim=0)
        right = (kept.argmax(dim=1) == answers).double()
        rest = (self.L - kept + self.L.mean(dim=0))[train]
        parts = {k: self.excluded(self.P(k)) for k in self.E if k != "constant"}
        found = {f"restricted_loss_sum[{k}]": x for k, x in self.losses(kept).items()}
        for name, here in (("train", train), ("test", ~train), ("all", train | ~train)):
            found[f"restricted_accuracy_sum[{name}]"] = float(right[here].mean())
        for k in self.keys:
            alone = self.losses(self.P(k) + self.L.mean(dim=0))["all"]
            found[f"restricted_loss_sum_by_key[{k}]"] = alone
        found["excluded_loss_sum_train"] = self.excluded(*(self.P(k) for k in self.keys))
        correct = rest.argmax(dim=1) == answers[train]
        found["excluded_accuracy_sum_train"] = float(correct.double().mean())
        for k, x in parts.items():
            found[f"excluded_loss_sum_train_by_part[{k}]"] = x
        for k in self.keys:
            found[f"excluded_loss_sum_train_by_key[{k}]"] = parts[k]
        found["excluded_loss_sum_train_max"] = max(parts.values())
        found["excluded_loss_sum_train_control"] = self.control()
        for measure, single in zip(BLOCKS, (False, True), strict=True):
            found |= {f"{measure}[{k}]": x for k, x in self.blocks(single).items()}
        found["excluded_loss_cos_train"] = self.excluded(*(self.along(k) for k in self.keys))
        for k in self.keys:
            found[f"excluded_loss_cos_train_by_key[{k}]"] = self.excluded(self.along(k))
        return found

    def control(self) -> float:
        """The worst of the random choices of other parts, which are as large as the keys."""
        dimension = sum(self.basis(key).shape[1] for key in self.keys)
        found = []
        for parts in other_parts(self.s):
            assert not set(parts) & {*self.keys, "constant"}
            assert sum(self.basis(k).shape[1] for k in parts) >= dimension
            assert sum(self.basis(k).shape[1] for k in parts[:-1]) < dimension
            found.append(self.excluded(*(self.P(k) for k in parts)))
        return max(found)


SMALL = {"transformer": {"d_model": 8, "n_heads": 2, "d_mlp": 12},
         "mlp": {"d_embed": 8, "d_mlp": 12}}  # fmt: skip


def agree(s: Snapshot, plain: Plain) -> None:
    found, expected = evaluate(s, SUM + BLOCKS + COS), plain.every()
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-10), name


@pytest.mark.parametrize("model", list(SMALL))
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("formula", "sign"), [("a+b", 1), ("a-b", -1)])
def test_sums_and_differences_have_every_loss_by_its_definition(formula, sign, model, seed):
    task = make_task(formula, {"p": 11})
    keys = ("frequency 1", "frequency 4")
    s = network(task, keys, model, seed, **SMALL[model])
    agree(s, Plain(s, of_frequencies(11), task.answers, add_kernel(11, sign)))


@pytest.mark.parametrize("model", list(SMALL))
@pytest.mark.parametrize(
    "keys", [("character 2",), ("character 1", "character 5"), ("{0}", "character 3")]
)
def test_products_have_every_loss_by_its_definition(keys, model):
    task = make_task("a*b", {"p": 11})
    s = network(task, keys, model, **SMALL[model])
    if "{0}" not in keys:
        agree(s, Plain(s, of_characters(11, 2), task.answers, product_kernel(11, 2)))
        return
    plain = Plain(s, of_characters(11, 2), task.answers, lambda name, task: torch.ones(121, 11))
    expected = plain.every()
    for name, value in evaluate(s, SUM + BLOCKS).items():  # {0} has no character
        assert value == pytest.approx(expected[name], abs=1e-10), name


def test_products_of_permutations_have_every_loss_by_its_definition():
    task = make_task("composition", {"group": "S3"})
    s = network(task, ("sign",), "mlp", **SMALL["mlp"])
    agree(s, Plain(s, of_s3(task), task.answers, group_kernel))
    s = replace(s, keys=("standard",))
    expected = Plain(s, of_s3(task), task.answers, group_kernel)
    expected.control = lambda: 0.0
    values = expected.every()
    for name, value in evaluate(s, [x for x in SUM + BLOCKS + COS if "control" not in x]).items():
        assert value == pytest.approx(values[name], abs=1e-10), name


def test_at_full_size_every_loss_is_its_definition_too():
    task = make_task("a-b", {"p": 113})
    keys = ("frequency 3", "frequency 17", "frequency 56")
    s = network(task, keys, "transformer", d_model=16, n_heads=2, d_mlp=32)
    plain = Plain(s, of_frequencies(113), task.answers, add_kernel(113, -1))
    P = {key: component(s, (key,))[task.answers] for key in keys}
    names = ["restricted_loss_sum", "excluded_loss_sum_train", *BLOCKS, *COS]
    names += ["excluded_loss_sum_train_by_key"]
    a, b = task.inputs.double().unbind(dim=1)
    for key, found in P.items():
        angle = 2 * math.pi * int(key.split()[1]) * (a - b) / 113
        waves = torch.stack([angle.cos(), angle.sin()], dim=1) * math.sqrt(2) / 113
        assert torch.allclose(found, waves @ (waves.T @ plain.L), atol=1e-10)
    found = evaluate(s, names)
    kept = sum(P.values()) + plain.L.mean(dim=0)
    for name, value in plain.losses(kept).items():
        assert found[f"restricted_loss_sum[{name}]"] == pytest.approx(value, abs=1e-10)
    full = plain.excluded(*P.values())
    assert found["excluded_loss_sum_train"] == pytest.approx(full, abs=1e-10)
    for key in keys:
        one = found[f"excluded_loss_sum_train_by_key[{key}]"]
        assert one == pytest.approx(plain.excluded(P[key]), abs=1e-10)
        one = found[f"excluded_loss_cos_train_by_key[{key}]"]
        assert one == pytest.approx(plain.excluded(plain.along(key)), abs=1e-10)
    for measure, single in zip(BLOCKS, (False, True), strict=True):
        for name, value in plain.blocks(single).items():
            assert found[f"{measure}[{name}]"] == pytest.approx(value, abs=1e-10)


def test_where_fibres_differ_in_size_a_direction_counts_every_pair():
    task = make_task("a**2+b**2", {"p": 13})  # 25 pairs give 0, 12 each other answer
    keys = ("frequency 1", "frequency 5")
    s = network(task, keys, "mlp", **SMALL["mlp"])

    def kernel(name: str, task: Task) -> Tensor:
        a, b = task.inputs.double().unbind(dim=1)
        d = (a * a + b * b)[:, None] - torch.arange(13)
        return torch.cos(2 * math.pi * int(name.split()[1]) * d / 13)

    plain, found = Plain(s, {}, task.answers, kernel), evaluate(s, COS)
    expected = plain.excluded(*(plain.along(key) for key in keys))
    assert found["excluded_loss_cos_train"] == pytest.approx(expected, abs=1e-10)
    for key in keys:
        one = found[f"excluded_loss_cos_train_by_key[{key}]"]
        assert one == pytest.approx(plain.excluded(plain.along(key)), abs=1e-10)


def test_removing_is_computed_fast_as_it_is_written():
    generator = torch.Generator().manual_seed(0)
    for n, classes, products in ((50, 7, 7), (30, 5, 11)):
        logits = 3 * torch.randn(n, classes, generator=generator, dtype=torch.float64)
        answers = torch.randint(classes, (n,), generator=generator)
        s = torch.randint(products - 1, (n,), generator=generator)  # one product has no pair
        T = torch.randn(4, products, classes, generator=generator, dtype=torch.float64)
        found = excluded_losses(logits, answers, s, T)
        plain = [cross_entropy(logits - t[s], answers).item() for t in T]
        assert found == pytest.approx(plain, abs=1e-12)


# Closed forms


class Planted(Model):
    """A network whose logits are a given table."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.n_answers = logits.shape[1]
        self.logits = logits

    def forward(self, inputs, tap=no_tap):
        return tap("logits", self.logits)

    def symbol_weights(self):
        return {}


PRIME = 23
WAVES = {3: 9.0, 7: 6.0, 10: 4.0}


def angles(x: Tensor, k: int) -> Tensor:
    return 2 * math.pi * k * x.double() / PRIME


def cosines(waves: dict[int, float]) -> Tensor:
    """Σ A_k cos w_k(a + b - c) over all pairs."""
    task = make_task("a+b", {"p": PRIME})
    d = task.answers[:, None] - torch.arange(PRIME)
    return sum((A * torch.cos(angles(d, k)) for k, A in waves.items()), torch.zeros(d.shape))


def planted(logits: Tensor, keys: tuple[int, ...] | None = None) -> Snapshot:
    task = make_task("a+b", {"p": PRIME})
    names = None if keys is None else tuple(f"frequency {k}" for k in keys)
    return Snapshot(task, task.is_train(0.4, 0), Planted(logits.double()), keys=names)


def loss(logits: Tensor) -> float:
    task = make_task("a+b", {"p": PRIME})
    return cross_entropy(logits.double(), task.answers).item()


def without(*keys: int) -> float:
    """The loss of the waves but these; the same on every pair."""
    return loss(cosines({k: A for k, A in WAVES.items() if k not in keys}))


def test_a_sum_of_cosines_is_explained_by_its_frequencies():
    found = evaluate(planted(cosines(WAVES)), SUM + BLOCKS + COS)
    for part in ("train", "test", "all"):
        for name in ("restricted_loss_sum", *BLOCKS):
            assert found[f"{name}[{part}]"] == pytest.approx(without())
        assert found[f"restricted_accuracy_sum[{part}]"] == 1
    for kind in ("sum", "cos"):
        assert found[f"excluded_loss_{kind}_train"] == pytest.approx(math.log(PRIME))
        for k in WAVES:
            one = found[f"excluded_loss_{kind}_train_by_key[frequency {k}]"]
            assert one == pytest.approx(without(k)), "a wave is one direction of its plane"
    for k in range(1, 12):
        one = found[f"excluded_loss_sum_train_by_part[frequency {k}]"]
        assert one == pytest.approx(without(k)), "frequencies that are not there are not missed"
    assert found["excluded_loss_sum_train_max"] == pytest.approx(max(map(without, WAVES)))
    assert found["excluded_loss_sum_train_control"] == pytest.approx(without())
    for k, A in WAVES.items():
        one = found[f"restricted_loss_sum_by_key[frequency {k}]"]
        assert one == pytest.approx(loss(cosines({k: A})))


@pytest.mark.parametrize("keys", [(3,), (7, 10), (3, 10)])
def test_some_of_the_cosines_are_kept_or_removed(keys):
    s = planted(cosines(WAVES), keys)
    kept, names = loss(cosines({k: WAVES[k] for k in keys})), ["restricted_loss_sum", *BLOCKS]
    found = evaluate(s, [*names, "excluded_loss_sum_train", "excluded_loss_cos_train"])
    for name in names:
        assert found[f"{name}[all]"] == pytest.approx(kept)
    assert found["excluded_loss_sum_train"] == pytest.approx(without(*keys))
    assert found["excluded_loss_cos_train"] == pytest.approx(without(*keys))
    if len(keys) < len(WAVES):
        accuracy = evaluate(s, ["excluded_accuracy_sum_train"])["excluded_accuracy_sum_train"]
        assert accuracy == 1, "the other waves still say the answer"


def test_each_variant_keeps_its_own_directions():
    task, c = make_task("a+b", {"p": PRIME}), torch.arange(PRIME)
    a, b = task.inputs.unbind(dim=1)
    wave = cosines(WAVES)
    keys = tuple(WAVES)
    read = torch.cos(angles(c, 3)) + torch.sin(angles(c, 5))
    of_a = 5 * torch.outer(torch.cos(angles(a, 3)), read)
    of_b = 5 * torch.outer(torch.sin(angles(b, 7)), read)
    difference = 5 * torch.outer(torch.cos(angles(a - b, 3)), read)
    crossed = 5 * torch.outer(torch.cos(angles(a, 3)) * torch.sin(angles(b, 7)), read)
    other = 5 * torch.outer(torch.cos(angles(a + b, 5)), read)
    bias = torch.linspace(-3, 3, PRIME).expand(len(a), -1)
    for extra, kept_by in (
        (of_a, {"block3"}),
        (of_b, {"block3"}),
        (difference, {"block2", "block3"}),
        (crossed, set()),
        (other, set()),
        (bias, {"sum", "block2", "block3"}),
    ):
        s = planted(wave + extra, keys)
        names = ["restricted_loss_sum", *BLOCKS, "excluded_loss_sum_train"]
        found = evaluate(s, names)
        for kind in ("sum", "block2", "block3"):
            expected = loss(wave + extra if kind in kept_by else wave)
            assert found[f"restricted_loss_{kind}[all]"] == pytest.approx(expected), kind
        train = s.is_train
        rest = cross_entropy(extra[train].double(), task.answers[train]).item()
        assert found["excluded_loss_sum_train"] == pytest.approx(rest)


def test_the_one_direction_of_a_wave_is_less_than_its_plane():
    # 9 cos w(a+b-c) and 5 cos w(a+b)cos w(c+1): the plane takes both, the one direction not all
    task, c = make_task("a+b", {"p": PRIME}), torch.arange(PRIME)
    s_ = task.answers
    extra = 5 * torch.outer(torch.cos(angles(s_, 3)), torch.cos(angles(c + 1, 3)))
    s = planted(cosines({3: 9.0}) + extra, (3,))
    found = evaluate(s, ["excluded_loss_sum_train", "excluded_loss_cos_train"])
    assert found["excluded_loss_sum_train"] == pytest.approx(math.log(PRIME))
    # ⟨extra, wave⟩ / |wave|² = 5 cos(w) / 2
    left = extra - 2.5 * math.cos(2 * math.pi * 3 / PRIME) * cosines({3: 1.0})
    here = s.is_train
    expected = cross_entropy(left[here].double(), s_[here]).item()
    assert found["excluded_loss_cos_train"] == pytest.approx(expected)


def test_a_sum_of_characters_is_explained_by_its_characters():
    task = make_task("a*b", {"p": PRIME})
    kernel = product_kernel(PRIME, 5)
    waves = {2: 8.0, 9: 8.0, 11: 3.0}
    L = sum((A * kernel(f"character {k}", task) for k, A in waves.items()), torch.zeros(()))
    s = Snapshot(task, task.is_train(0.4, 0), Planted(L))
    found = evaluate(s, [*SUM, *BLOCKS, *COS])
    whole = cross_entropy(L, task.answers).item()
    assert {k for k in found if k.startswith("excluded_loss_sum_train_by_key")} == {
        f"excluded_loss_sum_train_by_key[character {k}]" for k in waves
    }
    for name in ("restricted_loss_sum", *BLOCKS):
        assert found[f"{name}[all]"] == pytest.approx(whole)
    for kind in ("sum", "cos"):
        assert found[f"excluded_loss_{kind}_train"] == pytest.approx(math.log(PRIME))
        for k, A in waves.items():
            rest = (L - A * kernel(f"character {k}", task))[s.is_train]
            expected = cross_entropy(rest, task.answers[s.is_train]).item()
            one = found[f"excluded_loss_{kind}_train_by_key[character {k}]"]
            assert one == pytest.approx(expected)


# Where they have no meaning


@pytest.mark.parametrize("formula", ["a**2+b**2", "a/b", "(a+b)**2"])
def test_where_operands_are_no_points_blocks_are_refused_but_sums_are_not(formula):
    task = make_task(formula, {"p": 11})
    s = network(task, (), "mlp", **SMALL["mlp"])
    name = next(k for k in s.lens.split.names if k not in ("constant", "{0}"))
    s = replace(s, keys=(name,))
    evaluate(s, SUM)
    if formula == "(a+b)**2":
        evaluate(s, BLOCKS)
        with pytest.raises(NotApplicable, match="several products have one answer"):
            evaluate(s, COS)
        return
    evaluate(s, COS)
    for measure in BLOCKS:
        with pytest.raises(NotApplicable, match="each a point of its own"):
            MEASURES[measure](s)


def test_a_composite_product_has_no_characters_but_sums():
    task = make_task("a*b", {"p": 12})
    s = network(task, ("character 1 at gcd 1",), "mlp", **SMALL["mlp"])
    name = next(k for k in s.lens.split.names if k.endswith("gcd 1"))
    s = replace(s, keys=(name,))
    evaluate(s, SUM + BLOCKS)
    with pytest.raises(NotApplicable, match="not a product in a group"):
        evaluate(s, COS)


def test_where_the_key_parts_are_more_than_half_there_is_no_control():
    with pytest.raises(NotApplicable, match="more than half"):
        evaluate(planted(cosines(WAVES), tuple(range(1, 7))), ["excluded_loss_sum_train_control"])
    evaluate(planted(cosines(WAVES), tuple(range(1, 6))), ["excluded_loss_sum_train_control"])


def test_what_is_no_product_has_no_restricted_loss():
    task = make_task("a**2+a*b+b**2", {"p": 11})
    s = network(task, ("frequency 1",), "mlp", **SMALL["mlp"])
    for measure in SUM + BLOCKS + COS:
        with pytest.raises(NotApplicable, match="grokscope spectrum"):
            MEASURES[measure](s)
