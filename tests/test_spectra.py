"""Spectra of weights: planted circuits, closed forms, plain loops; random matrices as chance."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grokscope.errors import NotApplicable, UnknownName
from grokscope.measures.furuta import (
    cosines_and_sines,
    energy_weighted_ratio,
    fourier_coefficient_ratio,
    fourier_frequency_density,
)
from grokscope.measures.measure import evaluate
from grokscope.measures.spectra import (
    compare,
    components,
    even_spectrum,
    lens_of,
    score,
    spectrum,
)
from grokscope.measures.weights import gini_coefficient, lookalikes
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.tasks import make_task

P, ROOT = 97, 5  # a prime and its smallest primitive root


class Weights(Model):
    """A network of which nothing is known but its weights by symbol."""

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        self.n_answers = len(next(iter(weights.values()), []))
        self.weights = weights

    def forward(self, inputs, tap=None):
        raise AssertionError("this reads weights alone")

    def symbol_weights(self):
        return self.weights


def reading(task: Task, **weights: Tensor) -> Snapshot:
    return Snapshot(task, task.is_train(0.4, 0), Weights(weights))


def task(formula: str, p: int = P) -> Task:
    return make_task(formula, {"p": p})


def noise(n: int, d: int = 128, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def logarithm(p: int = P, root: int = ROOT) -> Tensor:
    """The discrete logarithm of 1..p-1."""
    log, x = torch.zeros(p, dtype=torch.float64), 1
    for j in range(p - 1):
        log[x], x = j, x * root % p
    return log[1:]


def waves(x: Tensor, period: int, k: int) -> Tensor:
    angle = 2 * math.pi * k * x.double() / period
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def addition(frequencies: list[int], p: int = P, sd: float = 0.0, seed: int = 0) -> Tensor:
    """An embedding whose waves of these frequencies are written along orthogonal directions."""
    Q = torch.linalg.qr(noise(128, 2 * len(frequencies), seed))[0]
    x = torch.cat([waves(torch.arange(p), p, k) for k in frequencies], dim=1)
    return x @ Q.T + sd * noise(p, 128, seed + 1) / 128**0.5


def multiplication(characters: list[int], sd: float = 0.0, seed: int = 0) -> Tensor:
    """The same with characters in the discrete logarithm, and 0 at 0."""
    Q = torch.linalg.qr(noise(128, 2 * len(characters), seed))[0]
    x = torch.cat([waves(logarithm(), P - 1, k) for k in characters], dim=1)
    W = torch.cat([torch.zeros(1, 128, dtype=torch.float64), x @ Q.T])
    return W + sd * noise(P, 128, seed + 1) / 128**0.5


KEYS = [3, 11, 20, 33, 47]
EVEN, ODD, BOTH = [4, 6, 10, 22], [3, 7, 11, 21], [4, 6, 3, 7]


# FFD and FCR, by the numbers of Furuta et al. 2024


def test_random_embeddings_are_dense_and_their_cosines_and_sines_are_alike():
    draws = [noise(P, 128, seed) for seed in range(20)]
    assert [fourier_frequency_density(W) for W in draws] == [1.0] * 20
    ratios = [fourier_coefficient_ratio(W) for W in draws]
    assert sum(ratios) / 20 == pytest.approx(0.933, abs=0.003)
    assert max(abs(x - 0.933) for x in ratios) < 0.025


@pytest.mark.parametrize(("d", "ratio"), [(32, 0.871), (64, 0.908), (256, 0.952), (512, 0.966)])
def test_the_chance_level_of_the_ratio_grows_with_the_width(d, ratio):
    ratios = [fourier_coefficient_ratio(noise(P, d, seed)) for seed in range(12)]
    assert sum(ratios) / 12 == pytest.approx(ratio, abs=0.008)


@pytest.mark.parametrize("n", [1, 4, 5])
@pytest.mark.parametrize("sd", [0.02, 0.1])
def test_addition_with_n_frequencies_has_a_density_of_2n_in_96(n, sd):
    W = addition(KEYS[:n], sd=sd)
    assert fourier_frequency_density(W) == pytest.approx(2 * n / 96, abs=1e-12)
    assert fourier_coefficient_ratio(W) == pytest.approx(0.93, abs=0.03), "that of its noise"
    assert energy_weighted_ratio(W) > 0.95, "that of its circuit"


def test_the_energy_weighted_ratio_is_1_only_where_the_circuit_has_cosines_and_sines_alike():
    alike = addition(KEYS, sd=0.1)
    Q = torch.linalg.qr(noise(128, 10))[0]
    x = torch.cat([waves(torch.arange(P), P, k) * torch.tensor([1, 0.3]) for k in KEYS], dim=1)
    biased = x @ Q.T + 0.1 * noise(P, 128, 1) / 128**0.5
    assert energy_weighted_ratio(alike) == pytest.approx(1, abs=0.02)
    assert energy_weighted_ratio(biased) == pytest.approx(0.3, abs=0.02)
    assert fourier_coefficient_ratio(biased) == pytest.approx(
        (5 * 0.3 + 43 * 0.93) / 48, abs=0.03
    ), "43 of 48 frequencies are noise"


@pytest.mark.parametrize(
    ("characters", "ratio"), [(EVEN, 0.034), (ODD, 0.037), (BOTH, 0.935), ([4, 6, 10, 3], 0.6)]
)
def test_characters_have_every_additive_frequency_and_the_ratio_tells_their_parity_alone(
    characters, ratio
):
    Q = noise(2 * len(characters), 128, 3)
    x = torch.cat([waves(logarithm(), P - 1, k) for k in characters], dim=1)
    W = torch.cat([torch.zeros(1, 128, dtype=torch.float64), x @ Q]) + 0.1 * noise(P)
    assert fourier_frequency_density(W) == 1.0
    tolerance = 0.1 if ratio == 0.6 else 0.03 if ratio > 0.9 else 0.01
    assert fourier_coefficient_ratio(W) == pytest.approx(ratio, abs=tolerance)
    mu, nu = cosines_and_sines(W)
    in_cosines = float(mu.square().sum() / (mu.square().sum() + nu.square().sum()))
    if characters in (EVEN, ODD):
        assert in_cosines == pytest.approx(1.0 if characters == EVEN else 0.0, abs=0.005)


def test_in_its_own_lens_a_product_is_as_dense_as_it_has_characters():
    s = reading(task("a*b"), ab=multiplication(BOTH, sd=0.1))
    found = evaluate(s, ["ffd", "part_density"])
    assert found["ffd[ab]"] == 1.0
    n_parts = 49  # {0} and 48 characters
    assert found["part_density[ab]"] == pytest.approx(len(BOTH) / n_parts)
    shares = spectrum(s, "ab")
    largest = sorted(shares, key=lambda name: -shares[name])[:4]
    assert set(largest) == {f"character {k}" for k in BOTH}
    assert sum(shares[name] for name in largest) > 0.98


def test_density_in_a_lens_is_for_the_dimension_of_each_part():
    # S4 has parts of 1, 4, 9 and 9 dimensions besides the constants; white noise is dense in all
    t = make_task("composition", {"group": "S4"})
    s = reading(t, a=torch.eye(24, dtype=torch.float64), b=noise(24, 256))
    found = evaluate(s, ["part_density"])
    assert found == {"part_density[a]": 1.0, "part_density[b]": 1.0}
    sign = t.lenses[0].split.parts["sign"]
    only = evaluate(reading(t, a=sign @ noise(1, 8)), ["part_density"])
    assert only["part_density[a]"] == 1 / 4


def test_additive_weights_have_every_character():
    s = reading(task("a*b"), ab=addition(KEYS, sd=0.01))
    assert evaluate(s, ["part_density"])["part_density[ab]"] > 0.9
    assert evaluate(s, ["ffd"])["ffd[ab]"] == pytest.approx(10 / 96)


@pytest.mark.parametrize("p", [5, 12, 15, 16, 97])
def test_density_and_ratio_equal_a_plain_loop(p):
    W = noise(p, 6, p) ** 3  # uneven, so that some fall below the half
    x = torch.arange(p, dtype=torch.float64)
    mu, nu = [], []
    for k in range(1, p // 2 + 1):
        for found, f in ((mu, torch.cos), (nu, torch.sin)):
            wave = f(2 * math.pi * k * x / p)
            if 2 * k != p or found is mu:
                found.append(float((wave / wave.norm() @ W).norm()))
    ours = cosines_and_sines(W)
    assert ours[0].tolist() == pytest.approx(mu)
    assert ours[1].tolist() == pytest.approx(nu)
    present = sum(v > 0.5 * max(mu) for v in mu) + sum(v > 0.5 * max(nu) for v in nu)
    assert fourier_frequency_density(W) == pytest.approx(present / (len(mu) + len(nu)))
    assert p in (5, 12) or 0 < fourier_frequency_density(W) < 1
    ratios = [min(c / s, s / c) for c, s in zip(mu, nu, strict=False)]
    assert fourier_coefficient_ratio(W) == pytest.approx(sum(ratios) / len(ratios))
    energies = [c * c + s * s for c, s in zip(mu, nu, strict=False)]
    weighted = sum(r * e for r, e in zip(ratios, energies, strict=True)) / sum(energies)
    assert energy_weighted_ratio(W) == pytest.approx(weighted)
    low = fourier_frequency_density(W, 0.2)
    assert low >= fourier_frequency_density(W) >= fourier_frequency_density(W, 0.8)


def test_the_fast_transform_has_the_same_coefficients():
    W = noise(P, 16)
    fast = torch.fft.rfft(W, dim=0)[1:]
    mu, nu = cosines_and_sines(W)
    scale = math.sqrt(2 / P)
    assert torch.allclose(mu, scale * fast.real.norm(dim=1))
    assert torch.allclose(nu, scale * fast.imag.norm(dim=1))


def test_cosines_and_sines_bear_their_own_names():
    x = torch.arange(13)
    cosine, sine = waves(x, 13, 4).split(1, dim=1)
    mu, nu = cosines_and_sines(cosine)
    assert mu[3] == pytest.approx(math.sqrt(13 / 2))
    assert float(nu.max()) < 1e-9
    mu, nu = cosines_and_sines(sine)
    assert nu[3] == pytest.approx(math.sqrt(13 / 2))
    assert float(mu.max()) < 1e-9


def test_of_two_symbols_there_is_no_sine_to_compare():
    s = reading(task("a+b", 2), ab=noise(2))
    for name in ("ffd", "fcr", "fcr_energy_weighted", "ffd_over_chance", "fcr_over_chance"):
        with pytest.raises(NotApplicable, match="no sine"):
            evaluate(s, [name])


def test_ffs_is_the_old_name_of_ffd():
    s = reading(task("a+b"), ab=addition(KEYS, sd=0.1), c=noise(P))
    found = evaluate(s, ["ffd", "ffs"])
    assert found["ffs[ab]"] == found["ffd[ab]"] == pytest.approx(10 / 96)
    assert found["ffs[c]"] == found["ffd[c]"] == 1.0


def test_over_chance_random_weights_are_at_0_and_circuits_are_not():
    names = ["ffd_over_chance", "fcr_over_chance"]
    for seed in range(3):
        found = evaluate(reading(task("a+b"), ab=noise(P, 128, seed)), names)
        assert found["ffd_over_chance[ab]"] == pytest.approx(0, abs=0.005)
        assert found["fcr_over_chance[ab]"] == pytest.approx(0, abs=0.025)
    low_rank = evaluate(reading(task("a+b"), ab=noise(P, 3) @ noise(3, 128, 1)), names)
    assert fourier_frequency_density(noise(P, 3)) < 0.8, "few columns alone look sparse"
    assert low_rank["ffd_over_chance[ab]"] == pytest.approx(0, abs=0.2)
    assert low_rank["fcr_over_chance[ab]"] == pytest.approx(0, abs=0.08)
    planted = evaluate(reading(task("a+b"), ab=addition(KEYS, sd=0.1)), names)
    assert planted["ffd_over_chance[ab]"] < -0.5
    even = evaluate(reading(task("a*b"), ab=multiplication(EVEN, sd=0.1)), names)
    assert even["fcr_over_chance[ab]"] < -0.5


def test_symbols_that_are_no_residues_have_no_frequencies():
    s = reading(make_task("composition", {"group": "S3"}), ab=noise(6))
    for name in ("ffd", "fcr", "fcr_energy_weighted", "ffd_over_chance", "fcr_over_chance"):
        with pytest.raises(NotApplicable, match="not residues"):
            evaluate(s, [name])


# Spectra


@pytest.mark.parametrize("formula", ["a+b", "a-b", "a*b", "a**2+b**2", "(a+b)**2", "a*b+b"])
def test_a_spectrum_sums_to_one_in_every_lens_and_weight(formula):
    s = reading(task(formula, 13), ab=noise(13), a=noise(13, 3), b=noise(13, 4), c=noise(13, 5))
    for lens in s.task.lenses:
        for weight in ("ab", "a", "b", "c"):
            assert sum(spectrum(s, weight, lens.name).values()) == pytest.approx(1)
            assert sum(even_spectrum(s, weight, lens.name).values()) == pytest.approx(1)
            assert list(spectrum(s, weight, lens.name)) == list(even_spectrum(s, weight, lens.name))


def test_a_shared_embedding_is_read_in_both_roles():
    s = reading(task("a*b+b", 13), ab=noise(13), a=noise(13), b=noise(13))
    shared, one, other = (spectrum(s, weight) for weight in ("ab", "a", "b"))
    assert one != other
    for part, share in shared.items():
        assert share == pytest.approx((one[part] + other[part]) / 2)


def test_a_moved_product_is_sparse_once_it_is_moved_back():
    planted = multiplication([5])
    x = torch.arange(P)
    s = reading(task("a*b+b"), a=planted[(x + 1) % P], b=planted)
    assert spectrum(s, "a")["character 5"] == pytest.approx(1)
    assert spectrum(s, "b")["character 5"] == pytest.approx(1)
    assert evaluate(s, ["inverse_participation_ratio"]) == {
        "inverse_participation_ratio[a]": pytest.approx(1),
        "inverse_participation_ratio[b]": pytest.approx(1),
    }


def test_an_unknown_lens_or_weight_names_the_nearest():
    s = reading(task("a+b", 7), ab=noise(7), c=noise(7))
    with pytest.raises(UnknownName, match="Did you mean `multiplicative`"):
        spectrum(s, "ab", "multiplicativ")
    with pytest.raises(UnknownName, match=r"no weight is called `abc`. Did you mean `ab`"):
        spectrum(s, "abc")
    bare = replace(s, task=replace(s.task, group=None, modulus=None))
    with pytest.raises(NotApplicable, match="has no lens"):
        lens_of(bare)
    with pytest.raises(NotApplicable, match="has no lens"):
        compare(bare)


# Closed forms


@pytest.mark.parametrize("n", [1, 3, 5])
def test_a_circuit_of_n_frequencies_has_rank_2n(n):
    s = reading(task("a+b"), ab=addition(KEYS[:n]), c=torch.eye(P, dtype=torch.float64))
    names = ["effective_rank", "nuclear_norm", "inverse_participation_ratio", "gini"]
    found = evaluate(s, names)
    assert found["effective_rank[ab]"] == pytest.approx(2 * n)
    assert found["nuclear_norm[ab]"] == pytest.approx(2 * n * math.sqrt(P / 2))
    assert found["inverse_participation_ratio[ab]"] == pytest.approx(1 / n)
    assert found["gini[ab]"] == pytest.approx(1 - 2 * n / P)  # 2n equal norms of 97
    assert found["effective_rank[c]"] == pytest.approx(P)
    assert found["nuclear_norm[c]"] == pytest.approx(P)
    assert found["inverse_participation_ratio[c]"] == pytest.approx(1 / 48)
    assert found["gini[c]"] == pytest.approx(0, abs=1e-9)


def test_unequal_singular_values_have_the_exponential_of_their_entropy_as_rank():
    scale = torch.tensor([4.0, 2.0, 1.0, 1.0])
    W = torch.linalg.qr(noise(11, 4))[0] * scale
    found = evaluate(reading(task("a+b", 11), ab=W), ["effective_rank", "nuclear_norm"])
    assert found["effective_rank[ab]"] == pytest.approx(2**1.75)  # of 1/2, 1/4, 1/8, 1/8
    assert found["nuclear_norm[ab]"] == pytest.approx(8)


def test_gini_does_not_depend_on_scale_or_order_and_follows_its_formula():
    x = noise(23, 1)[:, 0].abs()
    pairs = (x[:, None] - x).abs().sum() / (2 * 23 * x.sum())  # the mean absolute difference
    assert gini_coefficient(x) == pytest.approx(float(pairs))
    assert gini_coefficient(7 * x.flip(0)) == pytest.approx(gini_coefficient(x))
    assert gini_coefficient(torch.zeros(5)) == 1.0


def test_the_sum_of_squares_is_over_all_weights():
    t = task("a+b", 7)
    args = {"d_model": 8, "n_heads": 2, "d_mlp": 12}
    model = make_model("transformer", args, t, 0).requires_grad_(False)
    dict(model.named_parameters())["b_in"].fill_(1.0)
    found = evaluate(
        Snapshot(t, t.is_train(0.4, 0), model), ["sum_of_squares", "sum_of_squares_by_weight"]
    )
    whole = sum(float(w.double().square().sum()) for w in model.parameters())
    assert found["sum_of_squares"] == pytest.approx(whole)
    assert found["sum_of_squares_by_weight[b_in]"] == pytest.approx(12)
    by_weight = [x for name, x in found.items() if "by_weight" in name]
    assert len(by_weight) == len(list(model.parameters()))
    assert sum(by_weight) == pytest.approx(whole)


def test_weights_that_are_no_numbers_are_not_read():
    W = noise(7)
    W[3, 3] = math.nan
    for name in ("gini", "nuclear_norm", "lens_score", "ffd"):
        with pytest.raises(NotApplicable, match="diverged"):
            evaluate(reading(task("a+b", 7), ab=W), [name])
    with pytest.raises(NotApplicable, match="no weights that belong to symbols"):
        evaluate(reading(task("a+b", 7)), ["gini"])


# Which lens?


@pytest.mark.parametrize("formula", ["a+b", "a*b", "a**2+a*b+b**2"])
def test_the_lens_that_a_circuit_was_written_in_wins(formula):
    t = task(formula)
    for weights, lens in (
        (dict(ab=addition(KEYS, sd=0.3), c=addition(KEYS, sd=0.3, seed=5)), "additive"),
        (dict(ab=multiplication(BOTH, sd=0.3), c=multiplication(EVEN, sd=0.3)), "multiplicative"),
    ):
        found = compare(reading(t, **weights))
        assert found.winner == lens
        assert found.ranking[0] == lens
        assert found.lead > 1.0


def test_the_lead_is_the_logarithm_of_how_few_dimensions_hold_the_weight():
    # in the additive lens 10 of 96 dimensions hold it evenly, in the other all; random matrices of
    # rank 10 spread over the parts, but not perfectly evenly
    s = reading(task("a+b"), ab=addition(KEYS))
    lens, W = s.task.lenses[0], addition(KEYS)
    found = compare(s)
    draws = []
    for seed in range(40):
        random = noise(P, 10, 100 + seed)
        Q = torch.linalg.qr(random - random.mean(dim=0))[0]
        powers = [
            Q.T.mul(waves(torch.arange(P), P, k)[:, i]).sum(dim=1).square().sum()
            for k in range(1, 49) for i in range(2)
        ]  # fmt: skip
        share = torch.stack(powers).view(48, 2).sum(dim=1)
        share = share / share.sum()
        draws.append(float((share * (share * 48).log()).sum()))
    chance = sum(draws) / len(draws)
    assert found.scores["additive"].value == pytest.approx(math.log(48 / 5) - chance, abs=0.03)
    assert score(lens, "ab", W).value == found.scores["additive"].value
    assert found.lead == pytest.approx(
        found.scores["additive"].value - max(0, found.scores["multiplicative"].value)
    )


@pytest.mark.parametrize("formula", ["a+b", "a*b", "a-b", "a**2+b**2"])
@pytest.mark.parametrize("model", ["transformer", "mlp"])
def test_in_an_untrained_network_no_lens_wins(formula, model):
    t = task(formula, 59)
    for seed in range(3):
        net = make_model(model, {}, t, seed).requires_grad_(False)
        found = compare(Snapshot(t, t.is_train(0.4, 0), net))
        assert found.winner is None
        assert max(abs(x.value) for x in found.scores.values()) < 0.05


def test_a_score_is_that_of_a_plain_loop_over_random_matrices():
    def divergence(view, W):
        parts = zip(view.names, view.power(W).tolist(), view.even.tolist(), strict=True)
        kept = [(x, even) for name, x, even in parts if name != "constant"]
        whole, chance = (sum(column) for column in zip(*kept, strict=True))
        shares = [(x / whole, even / chance) for x, even in kept if even > 1e-12]
        return sum(x * math.log(x / even) for x, even in shares if x > 0)

    W = addition(KEYS, p=13, sd=0.5)
    for t in (task("a+b", 13), task("a**2+b**2", 13)):
        for lens in t.lenses:
            found, view = score(lens, "a", W), lens.views["a"]
            draws = [divergence(view, random) for random in lookalikes(W)]
            mean = sum(draws) / len(draws)
            spread = sum((x - mean) ** 2 for x in draws) / (len(draws) - 1)
            assert found.noise == pytest.approx(spread**0.5, rel=1e-9)
            plain = divergence(view, W - W.mean(dim=0)) - mean
            assert found.value == pytest.approx(plain, rel=1e-9)


def test_components_are_the_norms_along_each_wave():
    s = reading(task("a+b", 11), ab=noise(11))
    found = components(s, "ab")
    assert list(found) == ["constant", *(f"frequency {k}" for k in range(1, 6))]
    for k in range(1, 6):
        along = [noise(11).T @ (x / x.norm()) for x in waves(torch.arange(11), 11, k).T]
        assert found[f"frequency {k}"].tolist() == pytest.approx([float(x.norm()) for x in along])


def test_a_weight_that_is_half_of_each_lens_is_won_by_neither():
    half = addition(KEYS[:4]) / 4**0.5 + multiplication(BOTH, seed=7) / 4**0.5
    found = compare(reading(task("a+b"), ab=half))
    assert min(x.value for x in found.scores.values()) > 0.2, "sparser than chance in both"
    assert abs(found.lead) < found.margin
    assert found.winner is None


def test_scores_do_not_change_with_scale_or_rotation():
    rotation = torch.linalg.qr(noise(128, 128, 9))[0]
    for W in (addition(KEYS, sd=1.0), multiplication(BOTH, sd=1.0)):
        first = compare(reading(task("a*b"), ab=W)).scores
        for changed in (1000 * W, 1e-6 * W, W @ rotation, W + 5.0):
            other = compare(reading(task("a*b"), ab=changed)).scores
            for name in first:
                assert other[name].value == pytest.approx(first[name].value, abs=1e-6)
                assert other[name].noise == pytest.approx(first[name].noise, abs=1e-6)


@pytest.mark.parametrize("rank", [2, 8, 40])
@pytest.mark.parametrize(
    ("name", "args"),
    [("a+b", {"p": 59}), ("a*b", {"p": 59}), ("a**2+b**2", {"p": 29}),
     ("a*b", {"p": 30}), ("composition", {"group": "S4"}), ("composition", {"group": "D7"})],
)  # fmt: skip
def test_random_matrices_of_any_rank_and_singular_values_score_0_in_every_lens(name, args, rank):
    t = make_task(name, args)
    n = t.n_symbols
    scale = torch.logspace(0, -1, rank, dtype=torch.float64)
    for lens in t.lenses:
        values, noises = [], []
        for seed in range(24):
            W = torch.linalg.qr(noise(n, min(n, rank), seed))[0] * scale[: min(n, rank)]
            found = score(lens, "c", W)
            values.append(found.value)
            noises.append(found.noise)
        x = torch.tensor(values)
        spread = float(x.std())
        # the mean of 24 draws, against the mean of 12 random ones
        assert abs(float(x.mean())) < 4 * spread * (1 / 24 + 1 / 12) ** 0.5 + 1e-6, lens.name
        mean_noise = sum(noises) / len(noises)
        # where a lens has two parts, twelve draws know their deviation within a factor of 3 or 4
        assert spread / 4 < mean_noise + 1e-6 < 4 * spread + 1e-5, lens.name


def test_nothing_at_all_scores_0():
    for t in (task("a+b", 11), make_task("composition", {"group": "S3"})):
        n = t.n_symbols
        found = compare(reading(t, ab=torch.zeros(n, 4), c=torch.ones(n, 4)))
        assert [x.value for x in found.scores.values()] == [0.0] * len(t.lenses)
        assert found.winner is None


def test_a_part_of_any_size_is_found_alike():
    # S4 has parts of 1, 1, 4, 9 and 9 dimensions: a weight that fills one scores by its size
    t = make_task("composition", {"group": "S4"})
    lens = t.lenses[0]
    for name, Q in lens.split.parts.items():
        if name != "constant":
            value = score(lens, "c", Q @ noise(Q.shape[1], 64)).value
            ideal = math.log(23 / Q.shape[1])
            assert 0.4 * ideal < value <= ideal, name


def test_lens_score_is_what_is_compared():
    s = reading(task("a*b"), ab=multiplication(EVEN, sd=0.2), c=noise(P))
    found, compared = evaluate(s, ["lens_score"]), compare(s)
    for lens in s.task.lenses:
        by_weight = compared.by_weight[lens.name]
        mean = (by_weight["ab"].value + by_weight["c"].value) / 2
        assert found[f"lens_score[{lens.name}]"] == pytest.approx(mean)
        assert compared.scores[lens.name].value == pytest.approx(mean)
