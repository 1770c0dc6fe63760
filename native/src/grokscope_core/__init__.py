"""The folded training step of grokscope, compiled. `grokscope.training.native` is what calls it."""

from grokscope_core._core import (
    VERSION,
    Act,
    Adam,
    Factor,
    Factored,
    Fold,
    Product,
    Unit,
    adamw,
    in_use,
    instruction_sets,
    multiply,
    unit_gradients,
    use,
)

__all__ = [
    "VERSION",
    "Act",
    "Adam",
    "Factor",
    "Factored",
    "Fold",
    "Product",
    "Unit",
    "adamw",
    "in_use",
    "instruction_sets",
    "multiply",
    "unit_gradients",
    "use",
]
