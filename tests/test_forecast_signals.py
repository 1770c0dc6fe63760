"""The signals that forecasts race, each against a few lines of numpy on recorded runs."""

import math
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from grokscope.errors import BadInput, NotApplicable
from grokscope.forecast.landmarks import rows_of, signals_of, why_not
from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen, at_landmarks, last_seen
from grokscope.forecast.signal import SIGNALS
from grokscope.forecast.signals import norm_law
from grokscope.forecast.signals.dmd import residual
from grokscope.measures.measure import MEASURES, evaluate
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.due import LANDMARKS, landmark_step
from grokscope.training.record import HIGH_PASS, LEVELS, RECORDED, oscillation
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.same import assert_same_results

SPEC = Spec(
    task_args={"p": 17},
    model="pair",
    model_args={
        "embed": "input_tied", "collapsed_hidden": True, "collapsed_out": True, "d_embed": 24,
        "act": "square",
    },
    split="unordered",
    train_fraction=0.85,
    lr=0.02,
    weight_decay=2.0,
    seed=3,
    warmup=0,
    steps=400,
    eval_every=5,
    checkpoint_every=10**6,
    stop_after_grok=0,
    grok_at=0.95,
    record=120,
)  # fmt: skip

SHORT = replace(SPEC, steps=70, record=50)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(SPEC, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def seen(run: Run) -> Seen:
    """What was seen at four times the step at which it memorised."""
    found = at_landmarks(run)[1]
    return next(x for x in found if x.landmark == 4.0)


def value(name: str, x: Seen) -> float:
    found = SIGNALS[name].of
    assert found is not None
    return found(x)


def losses_of(run: Run) -> np.ndarray:
    return run.tensors(run.resume)[0][RECORDED].numpy()


def weights_of(x: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """E and U in float64, and a and b of the training pairs."""
    weights = {k: v.double().numpy() for k, v in x.run.weights(x.step).items()}
    a, b = x.run.task.inputs[x.run.is_train].numpy().T
    return weights["W_E"][:17], weights["W_U"], a, b


# ---- training records -----------------------------------------------------------------------


def test_the_loss_of_every_first_step_is_kept(run):
    losses = losses_of(run)
    rows = {row["step"]: row["train_loss"] for row in run.rows}
    assert len(losses) == SPEC.record + 1
    for step in range(0, SPEC.record, SPEC.eval_every):
        assert losses[step] == pytest.approx(rows[step], rel=1e-4)
    assert len(set(losses[:-1])) == SPEC.record


def test_recording_changes_nothing_that_is_trained(tmp_path):
    run = train(SHORT, tmp_path)
    plain = train(replace(SHORT, record=0), tmp_path)
    last = run.steps[-1]
    for name, weight in plain.weights(last).items():
        assert torch.equal(weight, run.weights(last)[name])
    own = {"log_p", "hjort"}
    kept = [
        {k: v for k, v in row.items() if k[:5] not in own and k != "seconds"} for row in run.rows
    ]
    assert kept == [{k: v for k, v in row.items() if k != "seconds"} for row in plain.rows]


def test_what_is_recorded_survives_an_interruption(tmp_path):
    def stop(run: Run, row: Any) -> None:
        if row["step"] == 30:
            raise KeyboardInterrupt

    whole = train(SHORT, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(SHORT, tmp_path, on_row=stop)
    again = train(SHORT, tmp_path)
    assert np.array_equal(losses_of(again), losses_of(whole))
    assert_same_results(again, whole)


def test_weights_are_kept_at_landmarks_while_it_has_not_generalised(run):
    events, found = at_landmarks(run)
    assert events.t_memorize is not None
    end = events.t_grok or SPEC.steps + 1
    wanted = [x for x in LANDMARKS if x * events.t_memorize < end]
    assert [x.landmark for x in found] == wanted
    assert len(wanted) >= 4
    for x in found:
        assert x.landmark is not None
        step = landmark_step(SPEC, events.t_memorize, x.landmark)
        assert x.step == step <= x.landmark * events.t_memorize < step + SPEC.eval_every
        assert run.has(step)


def test_nothing_of_later_steps_is_seen(run, seen):
    assert max(row["step"] for row in seen.rows) == seen.step
    cut = replace(seen, rows=tuple(row for row in run.rows if row["step"] <= seen.step))
    cheap = [name for name, one in SIGNALS.items() if one.cost < 100]
    assert signals_of(cut, cheap) == signals_of(seen, cheap)


# ---- each signal against a few lines ----------------------------------------------------------


def line_of(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The slope of the line of least squares, and what it leaves."""
    design = np.stack([x, np.ones_like(x)], axis=1)
    best = np.linalg.lstsq(design, y)[0]
    return float(best[0]), y - design @ best


def test_hjorth_is_that_of_a_two_sided_periodogram(run, seen):
    T = min(seen.step, SPEC.record)
    rest = line_of(np.arange(float(T)), np.log(losses_of(run)[:T]))[1]
    window, f = np.hanning(T), np.fft.fftfreq(T)
    power = np.abs(np.fft.fft(rest * window)) ** 2 / (T * (window**2).sum())
    power[np.abs(f) < HIGH_PASS] = 0
    m0, m2, m4 = (((2 * np.pi * f) ** n * power).sum() for n in (0, 2, 4))
    names = "hjorth_activity", "hjorth_mobility", "hjorth_complexity"
    found = [value(name, seen) for name in names]
    assert found == pytest.approx([m0, (m2 / m0) ** 0.5, (m4 / m2) ** 0.5], rel=1e-9)


@pytest.mark.parametrize("omega", [0.8, 1.5, 2.8])
def test_of_a_pure_sine_hjorth_is_its_frequency(omega):
    t = torch.arange(2000, dtype=torch.float64)
    found = oscillation((0.3 * (omega * t + 1).sin() - 0.002 * t).exp())
    assert found["hjorth_activity"] == pytest.approx(0.3**2 / 2, rel=1e-3)
    assert found["hjorth_mobility"] == pytest.approx(omega, rel=1e-4)
    assert found["hjorth_complexity"] == pytest.approx(omega, rel=1e-4)


def test_what_is_slow_is_trend():
    t = torch.arange(2000, dtype=torch.float64)
    slow, fast = (0.2 * t).sin(), 1e-3 * (1.5 * t).sin()
    assert oscillation((slow + fast).exp())["hjorth_mobility"] == pytest.approx(1.5, rel=1e-2)


def test_losses_and_norms_are_those_of_the_evaluations(seen):
    row = seen.row
    assert value("train_loss", seen) == math.log(row["train_loss"])
    assert value("test_loss", seen) == math.log(row["test_loss"])
    assert value("test_accuracy", seen) == row["test_accuracy"]
    E, U, _, _ = weights_of(seen)
    assert value("sum_of_squares", seen) == pytest.approx((E**2).sum() + (U**2).sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "of", "sign"),
    [("train_loss_slope", "train_loss", 1), ("contraction", "sum_of_squares", -1)],
)
def test_slopes_are_those_of_the_line_of_least_squares(name, of, sign, seen):
    rows = [row for row in seen.rows if row["step"] >= seen.step / 2]
    x, y = (np.array([float(row[k]) for row in rows]) for k in ("step", of))
    assert value(name, seen) == pytest.approx(sign * line_of(x, np.log(y))[0])


def test_the_law_of_the_norm_is_the_published_formula(seen):
    E, U, _, _ = weights_of(seen)
    v = (E**2).sum() + (U**2).sum()
    assert value("norm_law", seen) == pytest.approx(math.log(v) / (1.41 * 0.02 * 2.0), rel=1e-5)
    still = Run(replace(SPEC, weight_decay=0.0), seen.run.folder)
    with pytest.raises(NotApplicable, match="Set weight_decay"):
        value("norm_law", replace(seen, run=still))


def test_a_planted_law_is_found_by_one_cell_and_tells_another():
    v, star, kappa, lr, decay = [90.0, 120.0, 150.0], 40.0, 0.8, 0.02, 0.5
    delay = [math.log(x / star) / (2 * kappa * lr * decay) for x in v]
    law = norm_law.fit(v, [star] * 3, delay, lr, decay)
    assert (law.kappa, law.v_star) == pytest.approx((kappa, star))
    assert law.delay(200.0, 0.01, 2.0) == pytest.approx(math.log(5) / (2 * 0.8 * 0.01 * 2))
    assert law.delay(30.0, lr, decay) == 0
    with pytest.raises(BadInput, match="Choose another cell"):
        norm_law.fit([30.0], [40.0], [100.0], lr, decay)


def test_spectral_entropy_is_that_of_the_covariance(seen):
    E, _, a, b = weights_of(seen)
    q = np.linalg.eigvalsh(np.cov(((E[a] + E[b]) ** 2).T))
    q = q[q > 0] / q[q > 0].sum()
    found = value("spectral_entropy", seen)
    assert found == pytest.approx(-(q * np.log(q)).sum() / np.log(24), rel=1e-4)


@pytest.mark.parametrize("part", ["train", "test"])
def test_ildr_is_distance_between_over_scatter_within(part, seen):
    E, *_ = weights_of(seen)
    here = seen.run.is_train if part == "train" else ~seen.run.is_train
    a, b = seen.run.task.inputs[here].numpy().T
    x, answers = (E[a] + E[b]) ** 2, seen.run.task.answers[here].numpy()
    classes = [x[answers == c] for c in np.unique(answers)]
    centroids = np.stack([c.mean(axis=0) for c in classes])
    within = sum(((c - m) ** 2).sum() for c, m in zip(classes, centroids, strict=True)) / len(x)
    pairs = [((m - n) ** 2).sum() for m, n in combinations(centroids, 2)]
    between = np.mean(pairs)
    assert value(f"ildr_{part}", seen) == pytest.approx(between / within, rel=1e-4)


def plain_gradients(E, U, a, b, answers) -> np.ndarray:
    """Of the mean cross-entropy of (E[a] + E[b])² U, by hand."""
    s = E[a] + E[b]
    logits = s**2 @ U
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    d = p / p.sum(axis=1, keepdims=True)
    d[np.arange(len(a)), answers] -= 1
    d /= len(a)
    back = 2 * s * (d @ U.T)
    g_E = np.zeros_like(E)
    np.add.at(g_E, a, back)
    np.add.at(g_E, b, back)
    return np.concatenate([g_E.ravel(), ((s**2).T @ d).ravel()])


def test_the_commutator_defect_is_that_of_two_steps_in_both_orders(seen):
    E, U, a, b = weights_of(seen)
    answers = seen.run.task.answers[seen.run.is_train].numpy()
    generator, eta, n = torch.Generator().manual_seed(0), 1e-3, len(a)

    def stepped(w: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        E1, U1 = w[: E.size].reshape(E.shape), w[E.size :].reshape(U.shape)
        g = plain_gradients(E1, U1, a[x], b[x], answers[x])
        return w - eta * g, eta * g

    start, defects = np.concatenate([E.ravel(), U.ravel()]), []
    for _ in range(9):
        drawn = torch.randperm(n, generator=generator)[: 2 * (n // 4)].numpy()
        A, B = np.split(drawn, 2)
        (after_A, g_A), (after_B, g_B) = stepped(start, A), stepped(start, B)
        apart = stepped(after_A, B)[0] - stepped(after_B, A)[0]
        defects.append(np.linalg.norm(apart) / np.linalg.norm(g_A) / np.linalg.norm(g_B))
    assert value("commutator_defect", seen) == pytest.approx(np.median(defects), rel=1e-5)


def test_gradient_noise_is_variance_over_the_squared_mean(seen):
    E, U, a, b = weights_of(seen)
    answers = seen.run.task.answers[seen.run.is_train].numpy()
    each = np.stack([plain_gradients(E, U, a[[i]], b[[i]], answers[[i]]) for i in range(len(a))])
    noise = each.var(axis=0, ddof=1).sum() / (each.mean(axis=0) ** 2).sum()
    assert value("gradient_noise", seen) == pytest.approx(noise, rel=1e-5)


def test_concentration_is_that_of_a_plain_fourier_transform(seen):
    E, U, _, _ = weights_of(seen)
    ipr, gini = [], []
    for W in (E, U.T):
        power = (np.abs(np.fft.rfft(W, axis=0)) ** 2).sum(axis=1)[1:]
        share = np.sort(power / power.sum())
        ipr.append((share**2).sum())
        k = len(share)
        gini.append(1 - 2 * (share * (k - np.arange(1, k + 1) + 0.5) / k).sum())
    assert value("lens_ipr", seen) == pytest.approx(np.mean(ipr), rel=1e-4)
    assert value("lens_gini", seen) == pytest.approx(np.mean(gini), rel=1e-4)


def test_the_dmd_residual_is_that_of_a_plain_linear_map(seen):
    rows = [[row[f"log_p_{q:g}"] for row in seen.rows] for q in LEVELS]
    X = np.array(rows)[:, -40:]
    H = np.stack([X[:, k : k + 3].T.ravel() for k in range(X.shape[1] - 2)], axis=1)
    U, s, Vh = np.linalg.svd(H[:, :-1], full_matrices=False)
    U, s, Vh = U[:, :6], s[:6], Vh[:6]
    eigenvalues, modes = np.linalg.eig(U.T @ H[:, 1:] @ Vh.T / s)
    start = np.linalg.solve(modes, U.T @ H[:, 0])
    times = np.arange(H.shape[1])
    found = (U @ modes @ (start[:, None] * eigenvalues[:, None] ** times)).real
    found[:, 0] = H[:, 0]
    wanted = np.linalg.norm(H - found) / np.linalg.norm(H)
    assert value("dmd_residual", seen) == pytest.approx(wanted, rel=1e-6)


def test_a_linear_system_leaves_no_residual_and_noise_does():
    generator = np.random.default_rng(0)
    A = np.array([[0.95, 0.2, 0], [-0.2, 0.95, 0], [0, 0, 0.9]])
    z, states = np.ones(3), []
    for _ in range(30):
        states.append(z)
        z = A @ z
    X = generator.normal(size=(5, 3)) @ np.stack(states, axis=1)
    assert residual(X) < 1e-9
    assert residual(generator.normal(size=(5, 30))) > 0.3


def test_quantiles_are_those_of_the_log_probabilities(seen):
    E, U, a, b = weights_of(seen)
    logits = (E[a] + E[b]) ** 2 @ U
    answers = seen.run.task.answers[seen.run.is_train].numpy()
    log_p = logits[range(len(a)), answers] - np.log(np.exp(logits).sum(axis=1))
    found = [seen.row[f"log_p_{q:g}"] for q in LEVELS]
    assert found == pytest.approx(list(np.quantile(log_p, LEVELS)), rel=1e-4, abs=1e-9)


def test_fit_counts_the_fall_of_the_entropy_and_the_labels_seen_through(seen, tmp_path):
    def entropy(W: np.ndarray) -> float:
        q = np.linalg.eigvalsh(np.cov(W.T))
        q = q[q > 1e-15] / q[q > 1e-15].sum()
        return -(q * np.log(q)).sum() / np.log(W.shape[1])

    before = max(step for step in seen.run.steps if step < seen.step)
    then, now = (seen.run.weights(s)["W_U"].double().numpy().T for s in (before, seen.step))
    wanted = max(0.0, (entropy(then) - entropy(now)) / 0.01)
    assert value("fit_score", seen) == pytest.approx(wanted, rel=1e-3, abs=1e-6)
    s = seen.snapshot
    taught = torch.where(torch.arange(len(s.task.answers)) % 5 == 0, 0, s.task.answers)
    noisy = replace(seen)
    noisy.__dict__["snapshot"] = replace(s, taught=taught)
    corrupted = s.is_train & (taught != s.task.answers)
    corr = float((s.logits.argmax(dim=1) == s.task.answers)[corrupted].double().mean())
    assert corr > 0.5
    assert value("fit_score", noisy) == pytest.approx(wanted + (corr - 0.5) / 0.5, rel=1e-3)


def test_latent_accuracy_is_of_the_circuit_not_of_the_network(run):
    """Of a network that has generalised it is all; of one at its start it is near chance."""
    last = last_seen(run)[0]
    assert value("latent_accuracy", last) == pytest.approx(1, abs=0.05)
    untrained = replace(last)
    untrained.__dict__["snapshot"] = replace(
        last.snapshot, model=run.new_model().eval().requires_grad_(False)
    )
    assert value("latent_accuracy", untrained) < 0.5


# ---- rows, and what cannot be measured ----------------------------------------------------------


def test_a_run_has_a_row_for_each_landmark(run):
    cheap = [name for name, one in SIGNALS.items() if one.cost < 100]
    rows, events = rows_of(run, names=cheap), run.events
    assert [row["landmark"] for row in rows] == [x.landmark for x in at_landmarks(run)[1]]
    assert {row["memorised"] for row in rows} == {events.t_memorize}
    assert {row["grokked"] for row in rows} == {events.t_grok}
    assert all(isinstance(rows[-1][name], float) for name in cheap)
    some = rows_of(run, names=["train_loss"])
    assert {row["latent_accuracy"] for row in some} == {row["hjorth_mobility"] for row in some}
    assert {row["latent_accuracy"] for row in some} == {None}
    assert [row["train_loss"] for row in some] == [row["train_loss"] for row in rows]


def test_a_network_that_never_memorised_is_still_counted(tmp_path):
    short = train(replace(SPEC, steps=10), tmp_path)
    (row,) = rows_of(short)
    assert (row["landmark"], row["step"], row["memorised"], row["grokked"]) == (None,) * 4
    assert {row[name] for name in SIGNALS} == {None}


def test_what_is_too_short_or_not_kept_is_said_with_the_next_step(tmp_path):
    plain = train(replace(SPEC, steps=20, record=0), tmp_path)
    last = last_seen(plain)[0]
    told = why_not(last)
    assert "record=2000" in told["hjorth_activity"]
    assert "smaller eval_every" in told["dmd_residual"]
    assert "train_loss" not in told
    early = Seen(plain, tuple(plain.rows[:2]))
    assert "Train longer" in why_not(early)["train_loss_slope"]
    assert "checkpoint_every" in why_not(early)["spectral_entropy"]


def test_without_held_out_pairs_their_signals_say_so(seen):
    s = seen.snapshot
    all_shown = replace(seen)
    all_shown.__dict__["snapshot"] = replace(
        s, is_train=torch.ones_like(s.is_train), was_shown_all=True
    )
    for name in ("ildr_test", "latent_accuracy"):
        with pytest.raises(NotApplicable, match="shown every pair"):
            value(name, all_shown)


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_says_where_it_is_from_and_what_it_needs(name):
    one = SIGNALS[name]
    assert one.name == name
    assert one.source
    assert one.formula
    assert one.sees_answer is name.startswith("test_")


def test_a_signals_name_is_taken_once():
    with pytest.raises(BadInput, match="is a signal already"):

        @signal("loss", "mine", "0")
        def train_loss(x: Seen) -> float:
            return 0.0


def test_what_is_of_one_snapshot_is_a_measure_too(seen):
    names = ["spectral_entropy", "centroid_ratio", "commutator_defect", "gradient_noise"]
    found = evaluate(seen.snapshot, names)
    assert set(names) <= set(MEASURES)
    assert found["centroid_ratio[test]"] == value("ildr_test", seen)
    fresh = Snapshot.of(seen.run, seen.step)
    assert evaluate(fresh, ["commutator_defect"])["commutator_defect"] == value(
        "commutator_defect", seen
    )
