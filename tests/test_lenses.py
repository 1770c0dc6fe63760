"""Lenses: the forms that are found, and their parts, against plain vectors and plain logarithms."""

import math
import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grokscope.algebra.lenses import Lens, coset_lenses, own
from grokscope.algebra.modular import characters, modular_lenses
from grokscope.algebra.splits import fourier, isotypic
from grokscope.errors import BadInput, NotApplicable
from grokscope.task import Task, lenses
from grokscope.tasks import make_task

ADD, MUL = "additive", "multiplicative"


def task(formula: str, p: int, zero: bool = True) -> Task:
    return make_task(formula, {"p": p, "zero": zero})


def lens(formula: str, p: int, zero: bool = True) -> Lens:
    return task(formula, p, zero).lenses[0]


def plain(law: str, p: int, a: Tensor, b: Tensor) -> Tensor:
    """The answers that a law states, computed from its text."""
    text = re.sub(r"(\d)([ab])", r"\1*\2", law.removeprefix("c = ").replace("·", "*"))
    text = re.sub(r"([ab])\^-1", r"inverse(\1)", text).replace("^", "**")
    inverses = torch.tensor([next((y for y in range(p) if x * y % p == 1), 0) for x in range(p)])
    return eval(text, {"a": a, "b": b, "inverse": lambda x: inverses[x]}) % p


FORMS = [  # formula, lens, law, the point of a pair
    ("a+b", ADD, "c = a + b", lambda a, b: a + b),
    ("b+a+0*a*b", ADD, "c = a + b", lambda a, b: a + b),
    ("a-b", ADD, "c = a - b", lambda a, b: a - b),
    ("b-a", ADD, "c = -a + b", lambda a, b: b - a),
    ("2*a+3*b", ADD, "c = 2a + 3b", lambda a, b: 2 * a + 3 * b),
    ("a**2+b**2", ADD, "c = a^2 + b^2", lambda a, b: a * a + b * b),
    ("a**2-b", ADD, "c = a^2 - b", lambda a, b: a * a - b),
    ("(a+b)**2", ADD, "c = h(a + b)", lambda a, b: a + b),
    ("(a-b)**3", ADD, "c = h(a - b)", lambda a, b: a - b),
    ("(a-b)**4", ADD, "c = h(a - b)", lambda a, b: a - b),
    ("(a+2*b)**2", ADD, "c = h(a + 2b)", lambda a, b: a + 2 * b),
    ("a*b", MUL, "c = a·b", lambda a, b: a * b),
    ("a*b+a+b", MUL, "c = (a + 1)·(b + 1) - 1", lambda a, b: (a + 1) * (b + 1)),
    ("a*b+b", MUL, "c = (a + 1)·b", lambda a, b: (a + 1) * b),
    ("a*b-b", MUL, "c = (a - 1)·b", lambda a, b: (a - 1) * b),
    ("a**2*b", MUL, "c = a^2·b", lambda a, b: a * a * b),
    ("(a*b)**2", MUL, "c = h(a·b)", lambda a, b: a * b),
]


@pytest.mark.parametrize("p", [97, 59])
@pytest.mark.parametrize(("formula", "name", "law", "point"), FORMS)
def test_a_formula_is_read_by_its_own_law(formula, name, law, point, p):
    t = task(formula, p)
    first, rival = t.lenses
    a, b = t.inputs.unbind(dim=1)
    assert (first.name, first.law) == (name, law)
    assert first.product is not None
    assert torch.equal(first.product, point(a, b) % p)
    assert torch.equal(first.answers[first.product], t.answers)
    assert rival.name == ({ADD, MUL} - {name}).pop()
    assert (rival.law, rival.product) == ("weights alone", None)
    with pytest.raises(BadInput, match="reads weights alone"):
        _ = rival.fibres


@pytest.mark.parametrize("p", [97, 59, 7])
def test_a_quotient_is_a_product_with_an_inverse(p):
    t = task("a/b", p)
    first = t.lenses[0]
    a, b = t.inputs.unbind(dim=1)
    inverse = torch.tensor([pow(int(x), -1, p) for x in b])
    assert (first.name, first.law) == (MUL, "c = a·b^-1")
    assert first.product is not None
    assert torch.equal(first.product, a * inverse % p)


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("p", [3, 5, 8, 12, 15, 59])
@pytest.mark.parametrize("formula", [row[0] for row in FORMS] + ["5*a*b+3", "a*b**2+a", "3*b-a-7"])
def test_a_law_that_is_stated_holds_on_every_pair(formula, p, zero):
    t = task(formula, p, zero)
    a, b = t.inputs.unbind(dim=1)
    for found in t.lenses:
        if found.product is None:
            assert found.law == "weights alone"
            continue
        assert torch.equal(found.answers[found.product], t.answers)
        if not re.search(r"[gh]\(", found.law):
            assert torch.equal(plain(found.law, p, a, b), t.answers)


@pytest.mark.parametrize("p", [97, 59, 12, 15, 16])
@pytest.mark.parametrize("formula", ["a**2+a*b+b**2", "a**2+a*b", "a**3+a*b**2+b", "a+5", "3+0*a"])
def test_what_is_no_product_keeps_both_lenses_for_its_weights(formula, p):
    found = lenses(task(formula, p))
    assert [(x.name, x.law, x.product) for x in found] == [
        (ADD, "weights alone", None),
        (MUL, "weights alone", None),
    ]


@pytest.mark.parametrize("p", [7, 9, 12, 16])
def test_random_tables_of_each_form_are_recognised_and_others_are_not(p):
    generator = torch.Generator().manual_seed(p)

    def some() -> Tensor:
        return torch.randperm(p, generator=generator)

    x = torch.arange(p)
    inputs = torch.cartesian_prod(x, x)
    a, b = inputs.unbind(dim=1)
    g, k, h = some(), some(), torch.randint(p, (p,), generator=generator)
    tables = {
        "a sum": (g[a] + k[b], ADD),
        "a product, moved": (g[a] * k[b] - 3, MUL),
        "of a sum": (h[(a - b) % p], ADD),
        "of a product": (h[a * b % p], MUL),
    }
    for answers, name in tables.values():
        first = modular_lenses(p, inputs, answers % p)[0]
        assert first.name == name
        assert first.product is not None
        assert torch.equal(first.answers[first.product], answers % p)
    noise = torch.randint(p, (p * p,), generator=generator)
    assert all(x.product is None for x in modular_lenses(p, inputs, noise))


def test_one_wrong_answer_is_enough_to_refuse_a_form():
    for formula in ("a+b", "a*b", "(a+b)**2", "(a*b)**2", "a*b+a+b"):
        t = task(formula, 11)
        answers = t.answers.clone()
        answers[57] = (answers[57] + 1) % 11
        assert all(x.product is None for x in modular_lenses(11, t.inputs, answers)), formula


def test_modulo_two_there_is_no_multiplicative_lens():
    for formula in ("a+b", "a-b", "a*b", "a**2+a*b"):
        assert [x.name for x in task(formula, 2).lenses] == [ADD]
    assert task("a*b", 2).lenses[0].product is None
    assert lens("a-b", 2).law == "c = a + b"


def test_a_symbol_left_out_has_no_point():
    found = lens("a*b", 11, zero=False)
    assert found.law == "c = a·b"
    assert found.product is not None
    assert 0 not in found.product
    view = found.views["a"]
    assert view.names[-1] == "rest"
    at_zero = torch.zeros(11, 1)
    at_zero[0] = 2.0
    assert view.power(at_zero).tolist() == pytest.approx([0.0] * (len(view.names) - 1) + [4.0])


# The multiplicative split


@pytest.mark.parametrize(("p", "root"), [(97, 5), (59, 2), (113, 3), (7, 3)])
def test_for_a_prime_the_multiplicative_parts_are_the_characters_of_the_logarithm(p, root):
    power, logarithm = 1, {}
    for j in range(p - 1):
        logarithm[power] = j
        power = power * root % p
    assert len(logarithm) == p - 1, "a primitive root"
    split = characters(p)
    half = (p - 1) // 2
    expected = ["constant", "{0}", *(f"character {k}" for k in range(1, half + 1))]
    assert split.names == expected
    log = torch.tensor([logarithm[x] for x in range(1, p)], dtype=torch.float64)
    for k in range(1, half + 1):
        Q = split.parts[f"character {k}"]
        assert Q.shape[1] == (1 if k == half else 2)
        assert float(Q[0].abs().max()) < 1e-12
        for column, wave in zip(Q.T, (torch.cos, torch.sin), strict=False):
            vector = wave(2 * math.pi * k * log / (p - 1))
            assert torch.allclose(column[1:], vector / vector.norm(), atol=1e-9)
    at_zero = torch.full((p,), -1.0 / p, dtype=torch.float64)
    at_zero[0] += 1
    assert abs(float(split.parts["{0}"][:, 0] @ (at_zero / at_zero.norm()))) == pytest.approx(1)


@pytest.mark.parametrize("n", [3, 4, 5, 8, 9, 12, 15, 16, 24, 97])
def test_multiplicative_parts_are_orthonormal_and_fill_the_space(n):
    split = characters(n)
    eye = torch.eye(n, dtype=torch.float64)
    assert torch.allclose(split.basis.T @ split.basis, eye, atol=1e-9)
    whole = torch.zeros(n, n, dtype=torch.float64)
    for name in split.names:
        once = split.project([name], eye)
        assert torch.allclose(split.project([name], once), once, atol=1e-9)
        whole += once
    assert torch.allclose(whole, eye, atol=1e-9)


@pytest.mark.parametrize("n", [5, 8, 9, 12, 15, 16, 24, 59])
def test_multiplication_by_a_unit_keeps_each_multiplicative_part(n):
    split, x = characters(n), torch.arange(n)
    for u in [u for u in range(2, n) if math.gcd(u, n) == 1]:
        for name, Q in split.parts.items():
            moved = Q[u * x % n]
            assert torch.allclose(split.project([name], moved), moved, atol=1e-9), (u, name)


@pytest.mark.parametrize("n", [8, 9, 12, 15, 16, 24])
def test_for_a_composite_modulus_each_class_of_divisors_has_its_own_characters(n):
    split = characters(n)
    shared = torch.gcd(torch.arange(n), torch.tensor(n))
    classes = shared.unique().tolist()
    assert split.parts["divisors"].shape[1] == len(classes) - 1
    for d in classes:
        within = torch.cat([split.parts["constant"], split.parts["divisors"]], dim=1)[shared == d]
        assert float((within - within[0]).abs().max()) < 1e-9
        parts = [Q for name, Q in split.parts.items() if name.endswith(f" at gcd {d}")]
        assert sum(Q.shape[1] for Q in parts) == int((shared == d).sum()) - 1
        for Q in parts:
            assert float(Q[shared != d].abs().max()) == 0


# Views


def every_lens() -> list[Lens]:
    formulas = ["a+b", "a-b", "a*b", "a*b+b", "a**2+b**2", "(a+b)**2", "(a*b)**2", "a/b"]
    tasks = [task(formula, 13) for formula in formulas]
    tasks += [task("a*b", 13, zero=False), task("a**2+b**2", 12), task("a*b+a+b", 16)]
    tasks += [make_task("composition", {"group": name}) for name in ("S3", "D5", "S4", "C2^3")]
    return [found for t in tasks for found in t.lenses]


def test_power_is_divided_among_the_parts_and_none_is_lost():
    generator = torch.Generator().manual_seed(0)
    for found in every_lens():
        n = len(found.answers)
        for role, view in found.views.items():
            W = torch.randn(n, 5, generator=generator)
            power = view.power(W)
            assert len(power) == len(view.names)
            assert float(power.min()) >= 0
            whole = float(W.double().square().sum())
            assert float(power.sum()) == pytest.approx(whole, rel=1e-6), (found.name, role)


def test_the_power_of_many_is_that_of_each():
    many = torch.randn(2, 3, 13, 5, generator=torch.Generator().manual_seed(0))
    for formula in ("a+b", "a**2+b**2", "(a*b)**2"):
        for view in (view for found in task(formula, 13).lenses for view in found.views.values()):
            each = torch.stack([view.power(W) for W in many.flatten(0, 1)])
            assert torch.allclose(view.power(many).flatten(0, 1), each, rtol=1e-12, atol=1e-12)


def test_the_even_spectrum_is_that_of_white_noise():
    generator = torch.Generator().manual_seed(0)
    for found in every_lens():
        n = len(found.answers)
        W = torch.randn(n, 20_000, generator=generator, dtype=torch.float64)
        for view in found.views.values():
            assert float(view.even.sum()) == pytest.approx(1)
            measured = view.power(W) / W.square().sum()
            assert torch.allclose(measured, view.even, atol=2e-3, rtol=0.03)


def test_without_losses_the_even_spectrum_is_dimension_over_symbols():
    for formula in ("a+b", "a-b", "a*b"):
        for found in task(formula, 13).lenses:
            sizes = found.split.owner.bincount() / 13
            for view in found.views.values():
                assert torch.allclose(view.even, sizes.double())


@pytest.mark.parametrize(
    "formula", ["a+b", "a-b", "2*a+3*b", "a*b", "a*b+b", "a*b+a+b", "(a-b)**3"]
)
def test_where_symbols_and_points_are_one_to_one_the_parts_are_functions_of_the_symbol(formula):
    found, W = lens(formula, 13), torch.randn(13, 3, generator=torch.Generator().manual_seed(1))
    points = {"a": torch.arange(13), "b": torch.arange(13)}
    points |= {"2*a+3*b": {"a": 2 * points["a"] % 13, "b": 3 * points["b"] % 13}}.get(formula, {})
    for role in "ab":
        view = found.views[role]
        assert view.parts is not None
        assert torch.allclose(view.parts.power(W), view.power(W))
        eye = torch.eye(13, dtype=torch.float64)
        assert torch.allclose(view.parts.basis.T @ view.parts.basis, eye, atol=1e-9)
    if formula == "2*a+3*b":  # a function of 2a of frequency 5 is one of a of frequency 10, or 3
        parts = found.views["a"].parts
        assert parts is not None
        wave = torch.cos(2 * math.pi * 5 * points["a"].double() / 13)[:, None]
        assert torch.allclose(parts.project(["frequency 5"], wave), wave)


def test_where_symbols_share_a_point_there_are_no_parts_of_the_symbol():
    found = lens("a**2+b**2", 13)
    assert found.views["a"].parts is None
    assert found.views["a"] is found.views["b"]
    assert found.views["c"].parts is not None
    x = torch.arange(13)
    even = torch.cos(2 * math.pi * 3 * x.double() / 13)[:, None]  # the same for x and -x
    odd = torch.sin(2 * math.pi * 3 * x.double() / 13)[:, None]  # which squares cannot tell
    view = found.views["a"]
    assert float(view.power(odd)[-1]) == pytest.approx(float(odd.square().sum()))
    assert float(view.power(even)[-1]) == pytest.approx(0, abs=1e-9)


def test_a_symbol_without_a_point_is_the_rest():
    found = lens("a/b", 13)
    assert found.views["b"].names[-1] == "rest"
    assert found.views["b"].parts is None
    assert found.views["a"].parts is not None


def test_an_answer_of_several_products_is_read_at_each_of_them():
    # (a+b)²: a function of the answer is an even function of a + b, so sines hold none of it
    view = lens("(a+b)**2", 13).views["c"]
    W = torch.randn(13, 4, generator=torch.Generator().manual_seed(0))
    squares = {x * x % 13 for x in range(13)}
    lost = sum(float(W[c].double().square().sum()) for c in range(13) if c not in squares)
    assert view.names[-1] == "rest"
    assert float(view.power(W)[-1]) == pytest.approx(lost)


# Fibres


def over_pairs(found: Lens) -> dict[str, Tensor]:
    """An orthonormal basis of each part as functions of the pair, from plain vectors: constants
    first, the others orthonormalised all alike, by the inverse root of their Gram matrix."""
    assert found.product is not None
    parts = {name: Q[found.product] for name, Q in found.split.parts.items()}
    one = parts.pop("constant")
    one = one / one.norm()
    B = torch.cat(list(parts.values()), dim=1)
    B = B - one @ (one.T @ B)
    values, vectors = torch.linalg.eigh(B.T @ B)
    root = torch.where(values > 1e-9 * values.max(), values.clamp(min=1e-300) ** -0.5, 0.0)
    alike = B @ (vectors * root) @ vectors.T
    sizes = [Q.shape[1] for Q in parts.values()]
    return {"constant": one, **dict(zip(parts, alike.split(sizes, dim=1), strict=True))}


def with_products() -> list[tuple[str, Lens]]:
    formulas = [("a+b", 13), ("a-b", 13), ("a+b", 12), ("a*b", 13), ("a*b", 12), ("a*b+b", 11)]
    formulas += [("a**2+b**2", 13), ("a**2-b", 11), ("(a+b)**2", 11), ("a/b", 11), ("(a*b)**2", 11)]
    found = [(f"{formula} mod {p}", lens(formula, p)) for formula, p in formulas]
    found.append(("a*b mod 13 without 0", lens("a*b", 13, zero=False)))
    groups = [(name, make_task("composition", {"group": name}).lenses[0]) for name in ("S3", "S4")]
    return found + groups


@pytest.mark.parametrize(("name", "found"), with_products())
def test_projecting_means_over_fibres_is_projecting_functions_of_the_pair(name, found):
    fibres, generator = found.fibres, torch.Generator().manual_seed(0)
    x = torch.randn(len(fibres.product), 3, generator=generator, dtype=torch.float64)
    means = torch.stack([x[fibres.product == s].mean(dim=0) for s in range(len(fibres.points))])
    expected = over_pairs(found)
    expected = {part: Q for part, Q in expected.items() if float(Q.norm()) > 1e-6}  # no 0, no {0}
    assert list(expected) == fibres.split.names
    powers = fibres.power(means)
    whole = torch.zeros_like(x)
    for part, power in zip(fibres.split.names, powers, strict=True):
        Q = expected[part]
        plain_projection = Q @ (Q.T @ x)
        found_projection = fibres.project([part], means)[fibres.product]
        assert torch.allclose(found_projection, plain_projection, atol=1e-8), part
        assert float(power) == pytest.approx(float((Q.T @ x).square().sum()), abs=1e-8)
        whole += found_projection
    assert torch.allclose(whole, means[fibres.product], atol=1e-8), "parts sum to the whole"


@pytest.mark.parametrize("formula", ["a**2+b**2", "a**2-b**2"])
def test_products_too_few_to_tell_the_parts_apart_are_refused(formula):
    with pytest.raises(NotApplicable, match=r"only \d+ of 12 products occur"):
        _ = lens(formula, 12).fibres


@pytest.mark.parametrize(("name", "found"), with_products())
def test_projections_over_fibres_are_idempotent_and_orthogonal(name, found):
    fibres = found.fibres
    x = torch.randn(len(fibres.points), 2, generator=torch.Generator().manual_seed(0))
    counts = fibres.counts[:, None]
    projected = {part: fibres.project([part], x) for part in fibres.split.names}
    for part, once in projected.items():
        assert torch.allclose(fibres.project([part], once), once, atol=1e-8), part
        for other, there in projected.items():
            if other != part:
                assert float((counts * once * there).sum()) == pytest.approx(0, abs=1e-8)


def test_where_all_fibres_are_alike_a_part_is_its_functions_of_the_product():
    for formula in ("a+b", "a-b"):
        found = lens(formula, 13)
        x = torch.randn(169, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        fibres, product = found.fibres, found.product
        assert product is not None
        assert torch.equal(fibres.counts, torch.full((13,), 13.0, dtype=torch.float64))
        means = torch.stack([x[product == s].mean(dim=0) for s in range(13)])
        for k in range(1, 7):
            angle = 2 * math.pi * k * product.double() / 13
            waves = torch.stack([angle.cos(), angle.sin()], dim=1) * math.sqrt(2) / 13
            plain_projection = waves @ (waves.T @ x)
            found_projection = fibres.project([f"frequency {k}"], means)[product]
            assert torch.allclose(found_projection, plain_projection, atol=1e-9)


def test_fibres_gather_each_pair_once():
    for _, found in with_products():
        fibres = found.fibres
        assert found.product is not None
        assert torch.equal(fibres.order.sort().values, torch.arange(len(found.product)))
        assert torch.equal(fibres.points[fibres.product], found.product)
        assert torch.equal(fibres.answers, found.answers[fibres.points])
        for s, start in enumerate(fibres.starts.tolist()):
            members = fibres.order[start : start + int(fibres.counts[s])]
            assert bool((fibres.product[members] == s).all())


# Groups


@pytest.mark.parametrize("name", ["S3", "S4", "D5"])
def test_coset_lenses_hold_what_is_constant_on_cosets(name):
    group = make_task("composition", {"group": name}).group
    assert group is not None
    table, n = group.table, group.order
    found = coset_lenses(group)
    assert len(found) == {"S3": 1, "S4": 7, "D5": 1}[name]  # those that are not normal
    for one in found:
        assert one.product is None
        right, left = (one.views[role].split for role in "ab")
        # H is what moves no function of the left operand by multiplication from the left
        stays = [
            h for h in range(n)
            if torch.allclose(right.parts["cosets"][table[h]], right.parts["cosets"])
        ]  # fmt: skip
        H = torch.tensor(stays)
        order = len(stays)
        assert 1 < order < n
        assert bool(torch.isin(table[H][:, H], H).all()), "a subgroup"
        for split, moved in ((right, table[H]), (left, table[:, H].T)):
            assert split.names == ["constant", "cosets", "rest"]
            assert split.parts["cosets"].shape[1] == n // order - 1
            mean = torch.eye(n, dtype=torch.float64)[moved].mean(dim=0)  # over each coset
            kept = split.part(["constant", "cosets"])
            assert torch.allclose(mean, kept @ kept.T, atol=1e-9)
        answers = one.split
        eye = torch.eye(n, dtype=torch.float64)
        assert torch.allclose(answers.basis.T @ answers.basis, eye, atol=1e-9)
        for split in (right, left):
            cosets = split.parts["cosets"]
            assert torch.allclose(answers.project(["cosets"], cosets), cosets, atol=1e-9)
        both = torch.cat([right.parts["cosets"], left.parts["cosets"]], dim=1)
        assert answers.parts["cosets"].shape[1] == int(torch.linalg.matrix_rank(both))


def test_the_lens_of_a_group_is_the_group_itself():
    for name in ("S4", "C2^3", "C7"):
        t = make_task("composition", {"group": name})
        assert t.group is not None
        first = t.lenses[0]
        assert (first.name, first.law) == ("group", "c = ab")
        assert first.product is not None
        assert torch.equal(first.product, t.answers)
        assert torch.equal(first.answers, torch.arange(t.n_answers))
        assert first.split is isotypic(t.group)
        assert first.roles("ab") == ["a"]
        assert first.roles("c") == ["c"]
        again = own(t.group, t.answers)
        assert again.views["a"] is again.views["b"]
    assert make_task("composition", {"group": "C7"}).lenses[0].split.names == fourier(7).names


def test_operands_that_are_read_differently_have_two_roles():
    assert lens("a-b", 7).roles("ab") == ["a", "b"]
    assert lens("a+b", 7).roles("ab") == ["a"]
    assert lens("a-b", 7).roles("b") == ["b"]


def test_a_task_of_neither_a_group_nor_a_modulus_has_no_lens():
    t = task("a+b", 7)
    assert [x.name for x in lenses(t)] == [ADD, MUL]
    assert lenses(replace(t, group=None, modulus=None)) == []
    group = make_task("composition", {"group": "S3"})
    assert lenses(group)[0].name == "group"
    assert len(lenses(group)) == 2
    for abelian in ("C2^7", "U97", "C2xC4"):  # whose cosets say nothing that its parts do not
        assert len(lenses(make_task("composition", {"group": abelian}))) == 1
    assert lenses(make_task("sparse_parity", {"n": 6})) == []
