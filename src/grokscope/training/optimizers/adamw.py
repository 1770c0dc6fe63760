"""AdamW on a stack: decoupled weight decay (Loshchilov & Hutter 2019), every member with its own
learning rate, betas and weight decay.

Equal to `torch.optim.AdamW` (a test says so), which cannot take them per row of one tensor.
"""

from collections.abc import Sequence

from grokscope.spec import Spec
from grokscope.training import native
from grokscope.training.optimizers.moments import adam_change, no_moments
from grokscope.training.rule import Count, Rule, optimizer
from grokscope.training.stack import Stack


@optimizer
class AdamW(Rule):
    """Adam with decoupled weight decay: w -= lr (m̂ / (√v̂ + eps) + weight_decay w)."""

    def __init__(self, specs: Sequence[Spec], stack: Stack):
        super().__init__(specs, stack)
        self.state = no_moments(stack.flat)

    def update(self, stack: Stack, step: Count) -> None:
        if stack.is_native:
            return self._natively(stack, int(step))  # on a CPU it is a number
        change = adam_change(self, stack.grad, step)
        decay = self.ramp(step) * (self.lr * self.weight_decay)
        stack.flat.mul_((1 - decay).to(stack.flat)).sub_(change)

    def _natively(self, stack: Stack, step: int) -> None:
        """The same in one pass, to float32's rounding."""
        settings = [_settings(spec, step) for spec in self.specs]
        moments = self.state["moment1"], self.state["moment2"]
        native.adamw(stack.flat, stack.grad, *moments, settings)


def _settings(spec: Spec, step: int) -> tuple[float, ...]:
    """The numbers of one member's step, as the native update takes them."""
    ramp = step / spec.warmup if spec.warmup > step else 1.0
    beta1, beta2 = spec.betas
    root_scale = (1 - beta2 ** (step + 1)) ** -0.5
    rate = ramp * spec.lr / (1 - beta1 ** (step + 1))
    return 1 - beta1, 1 - beta2, root_scale, spec.eps, rate, 1 - ramp * spec.lr * spec.weight_decay
