import pytest

from grokscope.spec import Spec
from grokscope.training.events import find_events

SPEC = Spec(steps=1000, grok_patience=2)


def rows(train: list[float], test: list[float], loss: float = 1.0) -> list[dict[str, float]]:
    return [
        {"step": 10.0 * i, "train_accuracy": a, "test_accuracy": b, "train_loss": loss}
        for i, (a, b) in enumerate(zip(train, test, strict=True))
    ]


def test_memorising_comes_first_and_grokking_is_the_first_of_several_in_a_row():
    events = find_events(SPEC, rows([0.1, 0.99, 1, 1, 1, 1], [0, 0, 1.0, 0.5, 0.99, 1]))
    assert (events.t_memorize, events.t_grok, events.delay) == (10, 40, 30)
    assert events.falls == ()


def test_a_later_fall_is_an_event():
    events = find_events(SPEC, rows([1] * 8, [0, 1, 1, 0.9, 0.8, 1, 1, 0.2]))
    assert events.t_grok == 10
    assert events.falls == (30, 70)


def test_never_is_an_answer():
    events = find_events(SPEC, rows([0.5] * 3, [0.2] * 3))
    assert (events.t_memorize, events.t_grok, events.delay, events.stop) == (None,) * 4
    assert find_events(SPEC, []).stop is None


@pytest.mark.parametrize(
    ("changes", "test", "stops"),
    [
        ({"steps": 40}, [0] * 5, "steps"),
        ({"stop_after_grok": 20}, [0, 1, 1, 1], "grokked"),
        ({"stop_after_grok": 30}, [0, 1, 1, 1], None),
        ({"stop_after_grok": 0}, [0, 1], None),  # patience: one evaluation is not yet a grok
        ({"stop_after_grok": 0}, [0, 1, 1], "grokked"),
        ({"give_up_after": 30}, [0] * 4, None),  # memorised at 10
        ({"give_up_after": 30}, [0] * 5, "hopeless"),
        ({"give_up_after": 30}, [0, 1, 1, 1, 1, 1], None),
    ],
)
def test_the_stopping_rules(changes, test, stops):
    spec = Spec(**{"steps": 1000, "grok_patience": 2, **changes})
    train = [0.5] + [1.0] * (len(test) - 1)
    assert find_events(spec, rows(train, [float(x) for x in test])).stop == stops


def test_a_network_that_does_not_even_memorise_is_given_up_from_the_start():
    spec = Spec(steps=1000, give_up_after=30)
    assert find_events(spec, rows([0.5] * 4, [0.0] * 4)).stop == "hopeless"


def test_a_loss_that_is_no_number_ends_it():
    assert find_events(SPEC, rows([0.1], [0.1], loss=float("nan"))).stop == "diverged"
