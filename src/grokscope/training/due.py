"""At which steps a run is evaluated, and at which its weights are kept."""

from grokscope.spec import Spec
from grokscope.training.events import Events

# Multiples of the step at which a network memorised, at which forecasts are made.
LANDMARKS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)


def is_evaluated(spec: Spec, step: int) -> bool:
    """Whether a network is evaluated at this step."""
    return step % spec.eval_every == 0 or step >= spec.steps


def is_checkpoint(step: int, every: int) -> bool:
    """Whether a step is kept: 0, powers of two, and regular ones."""
    return step % every == 0 or step & (step - 1) == 0


def landmark_step(spec: Spec, t_memorize: int, landmark: float) -> int:
    """The last evaluation at or before a landmark."""
    return int(landmark * t_memorize) // spec.eval_every * spec.eval_every


def is_landmark(spec: Spec, step: int, events: Events) -> bool:
    """Whether a run that records keeps its weights at this evaluation: it has memorised and not
    generalised yet, and is as near to a landmark as evaluations come."""
    memorised = events.t_memorize
    if not spec.record or memorised is None or events.t_grok is not None:
        return False
    return any(landmark_step(spec, memorised, x) == step for x in LANDMARKS)
