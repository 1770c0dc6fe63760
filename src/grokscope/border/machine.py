"""Pickles read as data, by a small machine of our own that can call nothing.

A pickle is a program for a machine with a stack: it puts values there, gathers them into lists and
dictionaries, and names functions of installed modules to be called. `pickletools` tells its steps
apart; each is done here. A name stays a name (`Named`); what is called is one of the few functions
of `standins`, or refused by its name. Steps are counted, what the pickle remembers is kept in a
dictionary, keys are texts and numbers alone: so a file costs no more than its length.
"""

import io
import pickletools
from collections.abc import Callable, Iterator
from typing import Any

from grokscope.border.budget import AGAIN, LARGEST_PICKLE, MOST_STEPS, within
from grokscope.border.held import Storage, is_key
from grokscope.border.standins import Instance, Named, called, instance, of_storage
from grokscope.errors import BadInput

PUT = {  # a value that the step itself holds
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_SET": list,
}  # fmt: skip
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
REMEMBER = {"PUT", "BINPUT", "LONG_BINPUT"}
RECALL = {"GET", "BINGET", "LONG_BINGET"}
NOTHING = {"PROTO", "FRAME"}


def load(file: io.BytesIO) -> tuple[Any, dict[str, Storage]]:
    """The content of the pickle at which a file stands, and the storages that it refers to; the
    file stands behind it afterwards. Raises `BadInput` if it would run code, or is not a pickle."""
    machine = _Machine()
    try:
        return machine.run(pickletools.genops(file)), machine.storages
    except BadInput:
        raise
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # of a damaged one, it can be any
        message = str(error)[:100] or "an empty stack"
        raise BadInput(f"it is damaged or cut off ({message}). {AGAIN}") from None


def loads(content: bytes) -> Any:
    """The content of a pickle."""
    within(len(content), LARGEST_PICKLE, "beside its numbers it has")
    return load(io.BytesIO(content))[0]


class _Machine:
    """The stack, the stacks below a mark, and what the pickle remembers."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def run(self, steps: Iterator[tuple[Any, Any, int | None]]) -> Any:
        """What is on the stack when the pickle ends."""
        for count, (opcode, argument, _) in enumerate(steps):
            if count > MOST_STEPS:
                raise BadInput(f"its pickle has more than {MOST_STEPS:,} steps.")
            name = opcode.name
            if name in PUT:
                self.stack.append(argument)
            elif name in NEW:
                self.stack.append(NEW[name]())
            elif name in REMEMBER:
                self.memo[argument] = self.stack[-1]
            elif name in RECALL:
                self.stack.append(self.memo[argument])
            elif name in TUPLES:
                self._gather(TUPLES[name])
            elif name not in NOTHING and name != "STOP":
                self._step(name, argument)
        return self.stack.pop()

    def _step(self, name: str, argument: Any) -> None:
        step = STEPS.get(name)
        if step is None:
            raise BadInput(f"its pickle has a step {name}, which no file of weights needs.")
        step(self, argument)

    def _gather(self, count: int) -> None:
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def marked(self) -> list[Any]:
        """The values above the last mark, which are taken off."""
        values, self.stack = self.stack, self.below.pop()
        return values

    def drop(self, _: Any) -> None:
        self.marked()

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.marked()

    def memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def extend(self, values: list[Any]) -> None:
        """Put values into the list on the stack."""
        if not isinstance(self.stack[-1], list):
            raise BadInput(f"it puts values into a {_kind(self.stack[-1])}, which is no list.")
        self.stack[-1].extend(values)

    def set(self, values: list[Any]) -> None:
        """Put pairs into the dictionary on the stack, or into an instance of a class of them."""
        place = self.stack[-1]
        inner = place.fields if isinstance(place, Instance) else place
        if not isinstance(inner, dict):
            raise BadInput(f"it puts names into a {_kind(place)}, which is no dictionary.")
        inner.update(_pairs(values))

    def call(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(called(function, arguments))

    def new(self, _: Any) -> None:
        _, cls = self.stack.pop(), self.stack.pop()
        self.stack.append(instance(cls))

    def new_by_name(self, _: Any) -> None:
        self.stack.pop()
        self.new(_)

    def old_instance(self, name: str) -> None:
        self._old(Named(name.replace(" ", ".", 1)), self.marked())

    def old_object(self, _: Any) -> None:
        cls, *arguments = self.marked()
        self._old(cls, arguments)

    def _old(self, cls: Any, arguments: list[Any]) -> None:
        value = called(cls, tuple(arguments)) if arguments else instance(cls)
        self.stack.append(value)

    def build(self, _: Any) -> None:
        state, place = self.stack.pop(), self.stack[-1]
        if isinstance(place, Instance):
            place.build(state)
        elif not isinstance(place, dict):
            raise BadInput(f"it sets the state of a {_kind(place)}, which has none.")

    def name(self, text: str) -> None:
        self.stack.append(Named(text.replace(" ", ".", 1)))

    def name_on_stack(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not (type(name) is str and type(module) is str):
            raise BadInput("it names a function by something that is no text.")
        self.stack.append(Named(f"{module}.{name}"))

    def refer(self, _: Any) -> None:
        storage = of_storage(self.stack.pop())
        if self.storages.setdefault(storage.key, storage) != storage:
            raise BadInput("the same numbers of it are said to be of two kinds, or two lengths.")
        self.stack.append(storage)


def _pairs(values: list[Any]) -> dict[Any, Any]:
    """Keys and values in turn; what is under another key than `is_key` allows is left out."""
    if len(values) % 2:
        raise BadInput(f"it is damaged: a name has no value. {AGAIN}")
    each = zip(values[::2], values[1::2], strict=True)
    return {k: v for k, v in each if is_key(k)}


def _kind(x: Any) -> str:
    return str(x)[:80] if isinstance(x, Named) else type(x).__name__.lower()


STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.drop,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "MEMOIZE": _Machine.memoize,
    "TUPLE": lambda machine, _: _put(machine, tuple(machine.marked())),
    "LIST": lambda machine, _: _put(machine, machine.marked()),
    "FROZENSET": lambda machine, _: _put(machine, machine.marked()),
    "DICT": lambda machine, _: _put(machine, _pairs(machine.marked())),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.marked()),
    "SETITEM": lambda machine, _: machine.set(_taken(machine, 2)),
    "SETITEMS": lambda machine, _: machine.set(machine.marked()),
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.new,
    "NEWOBJ_EX": _Machine.new_by_name,
    "INST": _Machine.old_instance,
    "OBJ": _Machine.old_object,
    "BUILD": _Machine.build,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_on_stack,
    "BINPERSID": _Machine.refer,
}


def _put(machine: _Machine, value: Any) -> None:
    machine.stack.append(value)


def _taken(machine: _Machine, count: int) -> list[Any]:
    values = machine.stack[-count:]
    del machine.stack[-count:]
    return values
