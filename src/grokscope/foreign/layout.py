"""What a layout of other people's weights is, and which one a file has.

A layout is told by the names and shapes of its tensors, and by the JSON beside the file. It says
which of our models the network is, and how its weights are called and turned. Each stands in a file
of its own; a user's comes from a plug-in file (`docs/foreign.md`).

Axes: none are fixed; a state is a dictionary of tensors by their foreign names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from grokscope.errors import BadInput, unknown
from grokscope.foreign.names import folder_name
from grokscope.foreign.reasons import why_unread
from grokscope.spec import Spec
from grokscope.task import LARGEST_TABLE, UNKNOWN_SPLIT, Task

State = dict[str, Tensor]
SPEC = Spec(split=UNKNOWN_SPLIT)  # what is known of a foreign network's training before it is read
MOST_NAMES = 12  # that an error lists
LONGEST = 60  # letters of a name in an error


@dataclass(frozen=True)
class Losses:
    """Losses recorded while it trained, over every output class, one each `every` steps."""

    train: list[float]
    test: list[float]
    every: int = 1

    def by_step(self) -> dict[int, tuple[float, float]]:
        """Train and test loss, by step."""
        both = zip(self.train, self.test, strict=False)
        return {i * self.every: here for i, here in enumerate(both)}

    def at(self, step: int) -> tuple[float, float] | None:
        """The losses of a checkpoint, or those before it if they end one evaluation earlier."""
        length = min(len(self.train), len(self.test))
        i = min(step // self.every, length - 1)
        return (self.train[i], self.test[i]) if 0 <= step - i * self.every <= self.every else None


@dataclass(frozen=True)
class Contents:
    """What a source holds: its checkpoints by step, and all that was saved beside the weights."""

    path: Path  # of the file, or of the folder of a source of several files
    checkpoints: dict[int, State]
    config: dict[str, Any] = field(default_factory=dict)  # the JSON beside it, or a pickled one
    record: dict[str, Any] = field(default_factory=dict)  # losses, optimiser, ...
    instance: int | None = None  # which network, of a file that holds several
    reads: str | None = None  # the tokens of its sequence, as its user says

    @property
    def state(self) -> State:
        """The last checkpoint."""
        return self.checkpoints[max(self.checkpoints)]

    @property
    def name(self) -> str:
        """What the run's folder is called."""
        if self.path.is_dir():
            return folder_name(self.path.resolve().name)
        stem = self.path.name.removesuffix(self.path.suffix)
        return folder_name(self.path.parent.resolve().name if stem == "model" else stem)

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        """The shape of a tensor. Raises `BadInput` unless it has so many axes."""
        shape = tuple(self.state[name].shape)
        if len(shape) != axes:
            raise BadInput(f"{name} has the shape {shape}, and must have {axes} axes.")
        return shape

    def has(self, *names: str) -> bool:
        """Whether every one of these tensors is there."""
        return all(name in self.state for name in names)


@dataclass(frozen=True)
class ForeignNetwork:
    """A network as a layout reads it.

    `specs` are the models that it can be, the likeliest first (as a rule one); their task counts
    only where the source says it (`says_task`), and `n` is the number of symbols. `weights` turns a
    foreign state into our names and axes. `is_train` is a split that was saved with the weights,
    over all n x n pairs in lexicographic order, or over the inputs of its task where these are no
    pairs; `of_pairs` is False where they are none, and no task of pairs is then tried; `rows` are
    its evaluations, as a run keeps them. `others` are the other networks that the same arrays can
    be, where their shapes leave something open; `assumes` says what of it this one takes, and `ask`
    is the error where the answers leave open how many symbols there are. `count` is how many
    networks the file holds, of which this is one. Raises `BadInput` for so many symbols that their
    pairs are not written out.
    """

    specs: tuple[Spec, ...]
    weights: Callable[[State], State]
    n: int
    says_task: bool = False
    of_pairs: bool = True
    elements: str = "lexicographic"  # the order of permutations that is likeliest
    losses: Losses | None = None
    is_train: Tensor | None = None
    rows: tuple[dict[str, int | float], ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple["ForeignNetwork", ...] = ()
    assumes: dict[str, str] = field(default_factory=dict)  # "axes", "sequence" -> which
    ask: str = ""
    count: int = 1

    def __post_init__(self) -> None:
        check_symbols(self.n)

    def shown(self, task: Task) -> Tensor | None:
        """Which inputs of its task are trained on, where that was saved with the weights."""
        if self.is_train is None or not task.is_of_pairs:
            return self.is_train
        a, b = task.inputs[:, :2].unbind(dim=1)
        return self.is_train.view(self.n, self.n)[a, b]


def check_symbols(n: int) -> None:
    """Refuse a network of more symbols than pairs are written out of, or of none."""
    most = int(LARGEST_TABLE**0.5)
    if not 1 <= n <= most:
        raise BadInput(f"it has {n:,} symbols; networks of 1 to {most:,} are read.")


Read = Callable[[Contents], ForeignNetwork]


@dataclass(frozen=True)
class Layout:
    """How one source stores its networks."""

    name: str
    keys: tuple[str, ...]  # tensors that are always there
    detect: Callable[[Contents], bool]
    read: Read
    rank: int = 0


LAYOUTS: dict[str, Layout] = {}


def layout(
    *keys: str, where: Callable[[Contents], bool] = lambda _: True, rank: int = 0
) -> Callable[[Read], Read]:
    """Make a layout available by the name of the function that reads it. A file has it if all of
    `keys` are names of its tensors and `where` agrees. Those of the smallest `rank` are asked first
    (0: of a paper; 1: of a library; 2: of no one), among them the layout defined last."""

    def detect(contents: Contents) -> bool:
        return contents.has(*keys) and where(contents)

    def register(read: Read) -> Read:
        LAYOUTS[read.__name__] = Layout(read.__name__, keys, detect, read, rank)
        return read

    return register


def layout_of(contents: Contents, name: str | None = None) -> Layout:
    """The layout called `name`, or the one that a source has. Raises `BadInput` if it has none."""
    if name is not None:
        if name not in LAYOUTS:
            raise unknown("layout", name, LAYOUTS)
        missing = [key for key in LAYOUTS[name].keys if key not in contents.state]
        if missing:
            raise BadInput(
                f"{contents.path} does not have the layout `{name}`: it has no {missing[0]}. It "
                f"has: {listed(contents.state)}."
            )
        return LAYOUTS[name]
    for candidate in sorted(reversed(LAYOUTS.values()), key=lambda x: x.rank):
        if candidate.detect(contents):
            return candidate
    if reason := why_unread(contents.state, contents.config):
        raise BadInput(f"{contents.path} is refused: {reason}")
    raise BadInput(
        f"{contents.path} is refused: nothing here reads {listed(contents.state)} together. A JSON "
        "beside it can say which of our models it is; see docs/foreign.md."
    )


def listed(names: Any) -> str:
    """The first of these names, and how many there are more."""
    names = [shortened(name) for name in names]
    more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def shortened(name: str) -> str:
    """A name as an error shows it."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
