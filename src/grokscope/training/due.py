"""At which steps a run is evaluated, and at which its weights are kept."""

from grokscope.spec import Spec


def is_evaluated(spec: Spec, step: int) -> bool:
    """Whether a network is evaluated at this step."""
    return step % spec.eval_every == 0 or step >= spec.steps


def is_checkpoint(step: int, every: int) -> bool:
    """Whether a step is kept: 0, powers of two, and regular ones."""
    return step % every == 0 or step & (step - 1) == 0
