"""Types and shapes checked at run time as jaxtyping checks them, in less time.

jaxtyping notes at every call which axis has which size, and takes a tenth of a millisecond for it.
Here that is done for functions whose signature has a shape; the others are checked by beartype
alone, which checks the same types. It holds for what is imported after this.
"""

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, get_type_hints

import jaxtyping

whole = jaxtyping.jaxtyped


def light(*args: Any, **kwargs: Any) -> Any:
    if args or "typechecker" not in kwargs:
        return whole(*args, **kwargs)
    return lambda x: _checked(x, kwargs["typechecker"])


def _checked(x: Any, check: Callable[[Any], Any]) -> Any:
    return check(x) if isinstance(x, FunctionType) and is_plain(x) else whole(typechecker=check)(x)


def is_plain(f: FunctionType) -> bool:
    """Whether all that it says of its types is known, and none of it is a shape."""
    if inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f):
        return False
    try:
        hints = get_type_hints(f, include_extras=True)
    except Exception:  # a name that is not there yet
        return False
    return not any("jaxtyping" in repr(hint) for hint in hints.values())


jaxtyping.jaxtyped = light  # pyright: ignore
