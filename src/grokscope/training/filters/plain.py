"""The gradient as it is."""

from grokscope.training.rule import Count, Rule, gradient_filter
from grokscope.training.stack import Stack


@gradient_filter
class Plain(Rule):
    """The gradient as it is."""

    def update(self, stack: Stack, step: Count) -> None:
        pass
