"""Every task against a computation of its own."""

import itertools
import random
import re
from math import gcd

import numpy as np
import pytest
import torch

from grokscope.algebra.families import group
from grokscope.errors import BadInput, GrokscopeError, NotApplicable
from grokscope.measures import MEASURES
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import evaluate
from grokscope.models import make_model
from grokscope.models.model import Model, randn
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.task import TASKS, lenses
from grokscope.tasks import make_task


def rows(task):
    return [(*x, c) for x, c in zip(task.inputs.tolist(), task.answers.tolist(), strict=True)]


# Words


def then(*permutations):
    """The permutation that applies these one after the other, the first first."""
    points = range(len(permutations[0]))
    for p in permutations:
        points = [p[i] for i in points]
    return tuple(points)


def inverse(p):
    return tuple(sorted(range(len(p)), key=p.__getitem__))


WORDS = {
    "ab": lambda a, b: then(a, b),
    "a*b*a^-1": lambda a, b: then(a, b, inverse(a)),
    "aba": lambda a, b: then(a, b, a),
    "b' a' b * a": lambda a, b: then(inverse(b), inverse(a), b, a),
}


@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize("name", ["S5", "A4"])
def test_a_word_is_what_its_permutations_say(text, name):
    even = [
        p
        for p in itertools.permutations(range(int(name[1])))
        if name[0] == "S" or sum(x > y for x, y in itertools.combinations(p, 2)) % 2 == 0
    ]
    task = make_task("word", {"text": text, "group": name})
    assert len(task.inputs) == len(even) ** 2
    assert (task.n_symbols, task.n_answers) == (len(even), len(even))
    for a, b, c in rows(task):
        assert even[c] == WORDS[text](even[a], even[b])


@pytest.mark.parametrize(
    ("text", "name", "is_product"),
    [
        ("ab", "S4", True),
        ("a*b*a^-1*a", "S4", True),
        ("ba", "S4", False),
        ("ba", "C7", True),
        ("aba^-1", "S4", False),
        ("b", "C7", False),
    ],
)
def test_a_word_has_the_group_where_it_is_the_product(text, name, is_product):
    task = make_task("word", {"text": text, "group": name})
    assert (task.group is not None) is is_product
    assert bool(lenses(task)) is is_product


def test_a_words_group_is_numbered_as_asked():
    orders = {"group": "S4", "elements": "stander2023"}
    word, product = make_task("word", {"text": "ab", **orders}), make_task("composition", orders)
    assert torch.equal(word.answers, product.answers)


# Formulas

FURUTA = {  # with `POWERS`, every operation of the paper and of its code
    "a+b": lambda a, b: a + b,
    "a-b": lambda a, b: a - b,
    "a*b": lambda a, b: a * b,
    "2*a+b": lambda a, b: 2 * a + b,
    "2*a-b": lambda a, b: 2 * a - b,
    "2*a+3*b": lambda a, b: 2 * a + 3 * b,
    "2*a-3*b": lambda a, b: 2 * a - 3 * b,
    "a*b+a+b": lambda a, b: a * b + a + b,
    "a*b+b": lambda a, b: a * b + b,
    "a*b-b": lambda a, b: a * b - b,
    "a**2+b": lambda a, b: a * a + b,
    "a**2-b": lambda a, b: a * a - b,
    "a**3+2*b": lambda a, b: a * a * a + 2 * b,
    "a**3-2*b": lambda a, b: a * a * a - 2 * b,
    "a**2-b**2": lambda a, b: a * a - b * b,
    "(a+b)**2+a+b": lambda a, b: (a + b) * (a + b) + a + b,
    "a**2+a*b+b**2": lambda a, b: a * a + a * b + b * b,
    "a**2+a*b+b**2+a": lambda a, b: a * a + a * b + b * b + a,
    "a**3+a*b": lambda a, b: a * a * a + a * b,
    "a**3+a*b**2+b": lambda a, b: a * a * a + a * b * b + b,
}
POWERS = [*(f"a**{n}+b**{n}" for n in range(2, 8)), *(f"(a+b)**{n}" for n in range(2, 8))]
POWERS += [f"(a-b)**{n}" for n in range(2, 5)]


@pytest.mark.parametrize("p", [12, 59])
@pytest.mark.parametrize("text", [*FURUTA, *POWERS])
def test_every_operation_of_furuta_2024_is_a_formula(text, p):
    task = make_task(text, {"p": p})
    assert len(task.inputs) == p * p
    n = 0 if text in FURUTA else int(re.findall(r"\d", text)[0])
    sign = -1 if "-" in text else 1
    for a, b, c in rows(task):
        if n == 0:
            assert c == FURUTA[text](a, b) % p
        elif text[0] == "(":
            assert c == pow(a + sign * b, n, p)
        else:
            assert c == (pow(a, n, p) + pow(b, n, p)) % p


@pytest.mark.parametrize(
    ("text", "classes"), [("(a+b)**2", 49), ("(a-b)**3", 33), ("(a+b)**4", 25), ("(a+b)**6", 17)]
)
def test_a_power_of_a_sum_has_as_many_answers_as_there_are_residues_of_that_power(text, classes):
    # 1 + (p - 1) / gcd(n, p - 1) of them; `modular-polynomials` 6.3 has them for p = 97
    n = int(text[-1])
    assert classes == 1 + 96 // gcd(n, 96)
    assert len(make_task(text, {"p": 97}).answers.unique()) == classes


@pytest.mark.parametrize("p", [2, 8, 59, 97])
def test_the_parity_conditional_divides_by_odd_b(p):
    task = make_task("conditional", {"p": p})
    assert task.inputs.tolist() == [[a, b] for a in range(p) for b in range(p)]
    for a, b, c in rows(task):
        assert 0 <= c < p
        assert (c * b - a if b % 2 else c - a + b) % p == 0


def test_shuffled_answers_are_as_many_and_of_nothing():
    plain, task = make_task("a+b", {"p": 11}), make_task("shuffled", {"p": 11})
    assert torch.equal(task.inputs, plain.inputs)
    assert torch.equal(task.answers.bincount(), plain.answers.bincount())
    assert float((task.answers == plain.answers).double().mean()) < 0.3
    other = make_task("shuffled", {"p": 11, "data_seed": 1})
    assert not torch.equal(task.answers, other.answers)
    assert all(lens.product is None for lens in lenses(task))
    assert len(make_task("shuffled", {"p": 11, "triangle": True}).inputs) == 66
    with pytest.raises(BadInput, match=r"task\.data_seed"):
        make_task("shuffled", {"p": 11, "data_seed": -1})


# a <= b


@pytest.mark.parametrize("text", ["a+b", "a*b", "(a+b)**2", "a**2+b**2", "a-b", "a**2+a*b+b**2"])
def test_a_triangle_has_the_pairs_with_a_up_to_b_and_a_lens_that_fits_them(text):
    p = 67
    full, task = make_task(text, {"p": p}), make_task(text, {"p": p, "triangle": True})
    assert rows(task) == [row for row in rows(full) if row[0] <= row[1]]
    assert len(task.inputs) == 2278
    assert int(task.is_train(0.4, 0).sum()) == 911  # the explorable's
    assert task.group is None
    found = [x for x in lenses(task) if x.product is not None]
    assert bool(found) is (text not in ("a-b", "a**2+a*b+b**2"))
    for lens in found:
        assert lens.law == next(x.law for x in lenses(full) if x.name == lens.name)
        assert lens.product is not None
        assert torch.equal(lens.answers[lens.product], task.answers)
        assert int(lens.fibres.counts.sum()) == 2278


def test_a_triangles_fibres_count_its_own_pairs():
    task = make_task("a+b", {"p": 7, "triangle": True})
    counts = lenses(task)[0].fibres.counts.tolist()
    assert counts == [
        sum((a + b) % 7 == s for a in range(7) for b in range(a, 7)) for s in range(7)
    ]


@pytest.mark.parametrize("p", [2, 3, 4, 12])
@pytest.mark.parametrize("text", ["a+b", "a*b", "a-b", "2*a+b", "(a-b)**2", "7"])
def test_small_and_composite_triangles_have_lenses_that_fit_them(text, p):
    for zero in (True, False):
        task = make_task(text, {"p": p, "triangle": True, "zero": zero})
        for lens in lenses(task):
            if lens.product is not None:
                assert torch.equal(lens.answers[lens.product], task.answers)


def test_a_triangle_leaves_out_zero_where_the_formula_divides():
    task = make_task("a/b", {"p": 11, "triangle": True})
    assert {row[:2] for row in rows(task)} == {(a, b) for b in range(1, 11) for a in range(b + 1)}
    assert all(c * b % 11 == a for a, b, c in rows(task))


class Wave(Model):
    """A network with the logits cos w(a+b-c) for w = 2π·5/p."""

    def __init__(self, p: int):
        super().__init__()
        self.n_answers = p

    def forward(self, inputs, tap=no_tap):
        angle = inputs.sum(dim=1)[:, None] - torch.arange(self.n_answers)
        return tap("logits", (angle * 10 * torch.pi / self.n_answers).cos())

    def symbol_weights(self):
        return {}


def test_the_logits_of_a_triangle_are_taken_apart_by_the_lens_of_the_whole():
    task = make_task("a+b", {"p": 23, "triangle": True})
    keys = key_parts(Snapshot(task, task.is_train(0.4, 0), Wave(23)))
    assert len(keys.names) == 1
    assert keys.names[0].endswith("5")
    assert keys.explained == pytest.approx(1, abs=1e-5)


def leaked(task, is_train):
    """The share of the test pairs with a != b whose mirror is trained on."""
    train = {tuple(x) for x in task.inputs[is_train].tolist()}
    test = [(a, b) for a, b in task.inputs[~is_train].tolist() if a != b]
    return sum((b, a) in train for a, b in test) / len(test)


@pytest.mark.parametrize("text", ["a+b", "a**2+a*b+b**2"])
def test_ordered_pairs_of_a_symmetric_task_give_answers_away(text):
    task = make_task(text, {"p": 59})
    assert torch.equal(task.answers.view(59, 59), task.answers.view(59, 59).T)
    for fraction in (0.3, 0.7):
        for scheme in ("ordered", "nanda2023"):
            shares = [leaked(task, task.is_train(fraction, seed, scheme)) for seed in range(8)]
            assert np.mean(shares) == pytest.approx(fraction, abs=0.02)
        assert leaked(task, task.is_train(fraction, 0, "unordered")) == 0
    triangle = make_task(text, {"p": 59, "triangle": True})
    for scheme in ("ordered", "unordered", "nanda2023"):
        assert leaked(triangle, triangle.is_train(0.3, 0, scheme)) == 0


# Furuta's released data


def test_the_released_data_of_furuta_2024_take_five_tokens_for_numbers():
    task = make_task("a-b", {"p": 97, "furuta_compat": True})
    assert rows(task) == [(a, b, (a - b) % 97) for a in range(102) for b in range(102)]
    assert (task.n_symbols, task.n_answers, task.modulus, lenses(task)) == (102, 97, None, [])


def test_their_split_leaks_as_counted():
    # `modular-polynomials` 5.1: at r = .3, 10.0 % of train and 9.4 % of test hold such an operand,
    # and about 3 % of the 6,600 clean test pairs have a copy in train
    task = make_task("a+b", {"p": 97, "furuta_compat": True})
    is_train = task.is_train(0.3, 0, "nanda2023")
    assert int(is_train.sum()) == 3121
    pairs = [(i, j) for i in range(102) for j in range(102)]
    random.seed(0)
    random.shuffle(pairs)
    train, test = set(pairs[:3121]), pairs[3121:]
    assert {tuple(x) for x in task.inputs[is_train].tolist()} == train
    clean = [x for x in test if max(x) < 97]
    copies = {(a % 97, b % 97) for a, b in train}
    assert (len(clean), sum(x in copies for x in clean)) == (6600, 206)


def test_no_operand_that_means_zero_is_divided_by():
    task = make_task("a/b", {"p": 11, "furuta_compat": True})
    assert all(c * b % 11 == a % 11 for a, b, c in rows(task))
    assert {b for _, b, _ in rows(task)} == set(range(16)) - {0, 11}


# Mixtures


def test_a_mixture_holds_each_formula_under_its_own_operator():
    task = make_task("mixture", {"formulas": "a+b, a*b,a/b", "p": 13})
    assert (task.operators, task.n_operators) == (("a+b", "a*b", "a/b"), 3)
    assert (task.n_symbols, task.n_answers, task.modulus) == (13, 13, 13)
    found = {(a, b, i): c for a, b, i, c in rows(task)}
    assert len(found) == len(task.inputs) == 13 * 13 * 2 + 13 * 12
    for (a, b, i), c in found.items():
        assert [a + b - c, a * b - c, c * b - a][i] % 13 == 0
    assert make_task("a+b", {"p": 13}).n_operators == 1


def test_the_lenses_of_a_mixture_read_weights_alone():
    found = lenses(make_task("mixture", {"p": 13}))
    assert [x.name for x in found] == ["additive", "multiplicative"]
    assert all(x.product is None for x in found)


def test_a_mixture_of_furutas_released_data_has_their_operands():
    task = make_task("mixture", {"p": 7, "furuta_compat": True})
    assert len(task.inputs) == 3 * 144
    assert (task.n_symbols, task.n_answers) == (12, 7)


def trained_pairs(task, is_train):
    chosen = task.inputs[is_train].tolist()
    return [{(a, b) for a, b, i in chosen if i == k} for k in range(task.n_operators)]


def test_operators_share_their_pairs_or_draw_them_apart():
    task, alone = make_task("mixture", {}), make_task("a+b", {"p": 97})
    of_one = {tuple(x) for x in alone.inputs[alone.is_train(0.3, 4, "nanda2023")].tolist()}
    assert trained_pairs(task, task.is_train(0.3, 4, "shared")) == [of_one] * 3
    first, second, third = trained_pairs(task, task.is_train(0.3, 4, "ordered"))
    for one, other in ((first, second), (first, third), (second, third)):
        assert len(one & other) / len(one) == pytest.approx(0.3, abs=0.03)


class Mixed(Model):
    """A network of pairs and an operator, as little as may be."""

    def __init__(self, n_symbols: int, n_answers: int, n_operands: int, d: int = 16):
        super().__init__()
        self.n_answers = n_answers
        self.W_x = randn(n_symbols, d, std=1.0)
        self.W_y = randn(n_symbols, d, std=1.0)
        self.W_op = randn(3, d, std=1.0)
        self.W_U = randn(d, n_answers, std=1.0)

    def forward(self, inputs, tap=no_tap):
        a, b, op = inputs.unbind(dim=1)
        pre = tap("mlp_pre", self.W_x[a] + self.W_y[b] + self.W_op[op])
        return tap("logits", tap("mlp_post", pre.relu()) @ self.W_U)

    def symbol_weights(self):
        return {"a": self.W_x, "b": self.W_y, "c": self.W_U.T}


def mixed(is_train=None):
    task = make_task("mixture", {"p": 11})
    torch.manual_seed(0)
    split = task.is_train(0.4, 0, "shared") if is_train is None else is_train
    return Snapshot(task, split, Mixed(11, 11, 3).requires_grad_(False))


def test_operators_are_tested_apart():
    s = mixed()
    found = evaluate(s, ["test_accuracy_by_operator", "test_loss_by_operator"])
    logits = s.logits.double().exp()
    for i, name in enumerate(("a+b", "a-b", "a*b")):
        here = [
            (x, c)
            for x, c, op, seen in zip(
                logits.tolist(),
                s.task.answers.tolist(),
                s.task.inputs[:, 2].tolist(),
                s.is_train.tolist(),
                strict=True,
            )
            if op == i and not seen
        ]
        right = [max(range(11), key=x.__getitem__) == c for x, c in here]
        losses = [-np.log(x[c] / sum(x)) for x, c in here]
        assert found[f"test_accuracy_by_operator[{name}]"] == pytest.approx(np.mean(right))
        assert found[f"test_loss_by_operator[{name}]"] == pytest.approx(np.mean(losses))
    whole = evaluate(s, ["test_loss"])["test_loss"]
    apart = [found[f"test_loss_by_operator[{name}]"] for name in s.task.operators]
    assert sum(apart) / 3 == pytest.approx(whole)  # as many pairs each


def test_an_operator_without_a_test_pair_has_no_accuracy():
    task = make_task("mixture", {"p": 11})
    with pytest.raises(NotApplicable, match=re.escape("holds out no input of `a-b`")):
        evaluate(mixed(task.inputs[:, 2] == 1), ["test_loss_by_operator"])


# Groups from a file


def relabelled_s3():
    """The table of S3 under other numbers, not the identity first."""
    table, to = group("S3").table, torch.tensor([4, 2, 0, 5, 1, 3])
    back = to.argsort()
    return to[table[back][:, back]]


@pytest.mark.parametrize("kind", ["csv", "npy", "small.npy"])
def test_a_group_is_read_from_its_table(kind, tmp_path):
    table, file = relabelled_s3(), tmp_path / f"mine.{kind}"
    if kind == "csv":
        text = "\n".join(", ".join(map(str, row)) for row in table.tolist())
        file.write_text(text + "\n\n")
    else:
        np.save(file, table.numpy().astype(np.uint8 if kind[0] == "s" else np.int64))
    task = make_task("composition", {"table": str(file)})
    assert [c for *_, c in rows(task)] == table.flatten().tolist()
    assert task.group is not None
    assert sorted(task.group.orders.tolist()) == [1, 2, 2, 2, 3, 3]
    assert lenses(task)[0].product is not None


CUBE = [[i ^ j for j in range(4)] for i in range(4)]
TABLES = {
    "no file": ("gone.csv", None, "gone.csv cannot be read: No such file or directory."),
    "a folder": ("sub.csv", "folder", "cannot read sub.csv: it is a folder, not a file."),
    "another kind": (
        "t.txt",
        "0",
        "task.table='t.txt' is not a .csv or .npy file. Write the path of one.",
    ),
    "words": (
        "t.csv",
        "e,a\na,e",
        "t.csv does not hold a table: invalid literal for int() with base 10",
    ),
    "fractions": ("t.csv", "0.5,1\n1,0", "t.csv does not hold a table: invalid literal"),
    "nothing": ("t.csv", "", "t.csv does not hold a table: it is empty."),
    "ragged": ("t.csv", "0,1\n1", "t is not a table of whole numbers"),
    "no square": ("t.csv", "0,1\n", "t: a table is square, not (1, 2)."),
    "not closed": (
        "t.csv",
        "0,1\n1,2",
        "t is not a group: row 1 of its table, that of 1, does not",
    ),
    "negative": ("t.csv", "0,1\n1,-1", "t is not a group: row 1 of its table"),
    "no group": ("t.csv", "0,1,2\n2,0,1\n1,2,0", "t is not a group: "),
    "huge numbers": ("t.csv", f"0,{10**30}", "t is not a table of whole numbers"),
    "too large": ("t.csv", "0,\n" * 6_000_000, "more than 1,000 elements"),
    "too many rows": ("t.csv", "0\n" * 1001, "more than 1,000 elements"),
    "no array": ("t.npy", "0,1", "t.npy does not hold a table: "),
    "an empty array file": ("t.npy", "", "t.npy does not hold a table: "),
    "floats": (
        "t.npy",
        np.array(CUBE) * 1.0,
        "a table holds the numbers of elements, not torch.fl",
    ),
    "objects": ("t.npy", np.array([{}], dtype=object), "t.npy does not hold a table: "),
    "strings": ("t.npy", np.array([["e"]]), "t is not a table of whole numbers"),
    "a cube": ("t.npy", np.zeros((2, 2, 2), dtype=int), "a table is square, not (2, 2, 2)."),
    "a number": ("t.npy", np.array(3), "a table is square, not (1,)."),
}


@pytest.mark.parametrize(("name", "content", "message"), TABLES.values(), ids=TABLES)
def test_a_file_that_holds_no_group_is_refused(name, content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    if isinstance(content, np.ndarray):
        np.save(file, content, allow_pickle=True)
    elif content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_text(content)
    with pytest.raises(GrokscopeError, match=re.escape(message)):
        make_task("composition", {"table": name})


def test_a_cut_off_array_is_refused(tmp_path):
    file = tmp_path / "t.npy"
    np.save(file, np.array(CUBE))
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(BadInput, match="does not hold a table"):
        make_task("composition", {"table": str(file)})


# What cannot be


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("word", {"text": "a*c"}, "`a*c`: `*c` is not allowed. A word holds a, b, a^-1 or a'"),
        ("word", {"text": ""}, "``: `` is not allowed"),
        ("word", {"text": "a*"}, "`a*`: `*` is not allowed"),
        ("word", {"text": "*a"}, "`*a`: `*a` is not allowed"),
        ("word", {"text": "a**b"}, "`a**b`: `**b` is not allowed"),
        ("word", {"text": "a^2"}, "`a^2`: `^2` is not allowed"),
        ("word", {"text": "A*b"}, "`A*b`: `A*b` is not allowed"),
        ("word", {"text": "ab\n"}, "is not allowed"),
        ("word", {"text": "__import__('os')"}, "is not allowed"),
        ("word", {"text": "a" * 201}, "must be a word of at most 200 characters"),
        ("word", {"group": "S99"}, "more than 1,000 elements"),
        ("word", {"group": "s5"}, "no group is called `s5`. Did you mean `S5`?"),
        ("word", {"elements": "size"}, "Known: chughtai2023, lexicographic, stander2023."),
        ("word", {"word": "ab"}, "no argument of task `word` is called `task.word`."),
        ("mixture", {"formulas": "a+b,plus"}, "`plus`: `plus` is not allowed. A formula holds"),
        ("mixture", {"formulas": "a+b,"}, "`` is not a formula. Write it as in a**2 + a*b."),
        ("mixture", {"formulas": "a+b"}, "is not a mixture. Write two or more different formulas"),
        ("mixture", {"formulas": "a+b, a+b"}, "is not a mixture. Write two or more different"),
        ("mixture", {"formulas": "a/b,a+b", "p": 8}, "`a/b` mod 8 divides by 2, which has no inv"),
        ("mixture", {"p": 1}, "a task needs a whole number of at least 2 symbols, not 1."),
        ("mixture", {"p": 999}, "2,994,003 inputs are more than the 1,000,000 that are written"),
        ("conditional", {"p": 9}, "3 has no inverse mod 9. Choose a prime p, as task.p=97."),
        ("conditional", {"p": 1}, "a whole number of at least 2 symbols, not 1."),
        ("conditional", {"p": 1415}, "more than the 1,000,000"),
        ("a+b", {"p": 999, "furuta_compat": True}, "1,008,016 pairs are more than the 1,000,000"),
        ("a+b", {"triangle": "yes"}, "`task.triangle` must be true or false, not 'yes'."),
        ("a+b", {"furuta_compat": 1}, "`task.furuta_compat` must be true or false, not 1."),
        ("a+b", {"triangl": True}, "is called `task.triangl`. Did you mean `task.triangle`?"),
    ],
)
def test_an_impossible_task_is_refused(name, given, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        make_task(name, given)


def test_a_split_that_needs_operators_is_refused_without_them():
    with pytest.raises(BadInput, match=r"a\+b mod 7 is not a mixture\. Choose split=nanda2023\."):
        make_task("a+b", {"p": 7}).is_train(0.5, 0, "shared")
    with pytest.raises(BadInput, match=r"has 3 symbols\. Choose split=ordered\."):
        make_task("mixture", {"p": 7}).is_train(0.5, 0, "unordered")


# Measures

NEW = {
    "word": ("word", {"group": "S3"}),
    "shuffled": ("shuffled", {"p": 7}),
    "product": ("word", {"text": "ab", "group": "S3"}),
    "conditional": ("conditional", {"p": 7}),
    "sum of a triangle": ("a+b", {"p": 7, "triangle": True}),
    "product of a triangle": ("a*b", {"p": 7, "triangle": True}),
    "square of a triangle": ("(a+b)**2", {"p": 7, "triangle": True}),
    "difference of a triangle": ("a-b", {"p": 7, "triangle": True}),
    "quotient of a triangle": ("a/b", {"p": 7, "triangle": True}),
    "even triangle": ("a+b", {"p": 6, "triangle": True}),
    "released data": ("a+b", {"p": 7, "furuta_compat": True}),
    "their triangle": ("a*b", {"p": 7, "furuta_compat": True, "triangle": True}),
    "from a file": ("composition", {"table": "s3.csv"}),
}
SMALL = {
    "mlp": {"d_embed": 8, "d_mlp": 12},
    "transformer": {"d_model": 8, "n_heads": 2, "d_mlp": 12},
}


def only_numbers_or_not_applicable(snapshot):
    """The measures that gave numbers; any other error than `NotApplicable` comes through."""
    found = {}
    for name in MEASURES:
        try:
            found |= {name: evaluate(snapshot, [name])}
        except NotApplicable:
            continue
    return found


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("new", NEW)
def test_every_measure_gives_numbers_or_says_that_it_has_no_meaning(
    new, model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    text = "\n".join(",".join(map(str, row)) for row in relabelled_s3().tolist())
    (tmp_path / "s3.csv").write_text(text)
    task = make_task(*NEW[new])
    network = make_model(model, SMALL[model], task, seed=0).requires_grad_(False)
    products = [lens for lens in lenses(task) if lens.product is not None]
    keys = tuple(products[0].fibres.split.names[1:3]) if products else None
    s = Snapshot(task, task.is_train(0.5, 0), network, keys=keys)
    found = only_numbers_or_not_applicable(s)
    assert found["test_loss"]["test_loss"] > 0
    assert ("restricted_loss_sum" in found) is bool(products)
    assert ("lens_score" in found) is bool(lenses(task))


def test_every_measure_takes_a_mixture():
    found = only_numbers_or_not_applicable(mixed())
    assert {"test_loss", "test_loss_by_operator", "lens_score", "ffd", "gini"} <= set(found)
    assert "restricted_loss_sum" not in found


def test_every_registered_task_is_tested_here_or_in_a_file_of_its_own():
    built_in = {name for name, f in TASKS.items() if f.__module__.startswith("grokscope.")}
    sequences = {"digit_addition", "repeated_subsequence", "skip_trigram"}
    others = {"word", "conditional", "mixture", "composition", "sparse_parity", "shuffled"}
    assert built_in == others | sequences | {"nth_argmax"}
