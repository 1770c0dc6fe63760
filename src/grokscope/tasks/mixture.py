"""Several formulas learned by one network: the mixtures of Furuta et al. 2024."""

from typing import Any

import torch

from grokscope.errors import BadInput, written
from grokscope.task import LARGEST_TABLE, Task, task
from grokscope.tasks.formula import formula


@task
def mixture(formulas: str = "a+b,a-b,a*b", p: int = 97, furuta_compat: bool = False) -> Task:
    """Formulas in a and b mod p, separated by commas; an input is (a, b, which formula).

    Each formula is an operator of its own, also of polynomials, which the released code could not
    tell apart. `split=shared` trains the same pairs for each (Furuta et al.), `ordered` draws them
    independently. Their loss, the sum of each formula's mean, is ours times the number of formulas
    where each has as many pairs. `furuta_compat` as in `formula`.
    """
    names = _names(formulas)
    parts = [formula(name, p, furuta_compat=furuta_compat) for name in names]
    total = sum(len(part.inputs) for part in parts)
    if total > LARGEST_TABLE:
        raise BadInput(
            f"mixture: {total:,} inputs are more than the {LARGEST_TABLE:,} that are written out. "
            "Choose a smaller task.p, or fewer formulas."
        )
    inputs = [torch.nn.functional.pad(part.inputs, (0, 1), value=i) for i, part in enumerate(parts)]
    return Task(
        f"{', '.join(names)} mod {p}" + ", operands to p+4" * furuta_compat,
        torch.cat(inputs),
        torch.cat([part.answers for part in parts]),
        parts[0].n_symbols,
        parts[0].n_answers,
        modulus=parts[0].modulus,
        operators=names,
    )


def _names(formulas: Any) -> tuple[str, ...]:
    names = formulas.split(",") if isinstance(formulas, str) else []
    names = tuple(name.strip() for name in names)
    if len(names) < 2 or len(set(names)) < len(names):
        raise BadInput(
            f"task.formulas={written(formulas)} is not a mixture. Write two or more different "
            "formulas, as in a+b,a*b."
        )
    return names
