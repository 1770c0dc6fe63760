"""The tables of runs: what is said of each, a column a function.

`grokscope list runs`, the table after `run --seeds` and that of `import` have all of these columns.
One more is one more function under @column, here or in a --use file:

    @column
    def weight_decay(x: Entry) -> float:
        return x.run.spec.weight_decay

A sweep's table has them too, and those that cost more to read: `@column(of="keys")` is of what
`--read keys` reads, and of every level above.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from grokscope.errors import BadInput, DamagedFile, GrokscopeError, NotApplicable
from grokscope.training.events import Events, Phases, Row, find_events
from grokscope.training.run import Run
from grokscope.verify.evidence import OfAll

if TYPE_CHECKING:
    from grokscope.explain.explanation import Explanation
    from grokscope.measures.keys import Keys
    from grokscope.measures.spectra import Comparison
    from grokscope.snapshot import Snapshot
    from grokscope.verify.certificate import Certificate

T = TypeVar("T")
LEVELS = ("events", "keys", "explain")  # what is read for a sweep's table, each with those before
POINTS = 24  # of the curves that a sweep's table keeps, at most


class BrokenColumn(BadInput):
    """A column of a plug-in that fails, or gives what no table can show."""


@dataclass(frozen=True)
class Entry:
    """A run in a table, its evaluations read once."""

    run: Run

    @cached_property
    def rows(self) -> list[dict[str, int | float]]:
        """The evaluations so far."""
        return self.run.rows

    @property
    def last(self) -> Row:
        """The last of them; empty if there is none."""
        return self.rows[-1] if self.rows else {}

    @cached_property
    def events(self) -> Events:
        return find_events(self.run.spec, self.rows)

    @cached_property
    def phases(self) -> "Phases | str":
        """The phases of grokking, or why there are none."""
        from grokscope.measures.phases import find_phases

        return find_phases(self.run.spec, self.rows, self.run.task.chance)

    @cached_property
    def snapshot(self) -> "Snapshot":
        """Its last checkpoint."""
        from grokscope.snapshot import Snapshot

        return Snapshot.of(self.run)

    def measured(self, f: "Callable[[Snapshot], T]") -> T | None:
        """What a measure gives of its last checkpoint; None where it is not applicable."""
        try:
            return f(self.snapshot)
        except NotApplicable:
            return None

    @cached_property
    def keys(self) -> "Keys | None":
        from grokscope.measures.keys import key_parts

        return self.measured(key_parts)

    @cached_property
    def lenses(self) -> "Comparison | None":
        from grokscope.measures.spectra import compare

        return self.measured(compare)

    @cached_property
    def by_mirror(self) -> dict[str, float]:
        """Test accuracy by whether a pair's mirror was shown; empty of what has no mirrors."""
        from grokscope.measures.losses import test_accuracy_by_mirror
        from grokscope.score import is_symmetric

        task = self.run.task
        if not task.is_of_pairs or not is_symmetric(task.inputs, task.answers):
            return {}
        return self.measured(test_accuracy_by_mirror) or {}

    @cached_property
    def explanation(self) -> "Explanation | None":
        from grokscope.explain.explanation import explain

        return self.measured(explain)

    @property
    def best(self) -> "Certificate | None":
        """The certificate of the algorithm that is named."""
        return (
            None if self.explanation is None else next(iter(self.explanation.named.values()), None)
        )

    def least(self, name: str) -> float | None:
        """The least that a loss was in any evaluation; None where it was never a number."""
        return min((x for x in self._numbers(name)), default=None)

    def _numbers(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if row[name] == row[name]]


Value = str | int | float | list[Any] | None  # None: it has no such thing
Plain = str | int | float | None
Column = Callable[[Entry], Value]
COLUMNS: dict[str, Column] = {}
READ: dict[str, dict[str, Column]] = {level: {} for level in LEVELS}  # of sweeps alone
REASON = "reason"  # why a run could not be read; beside the columns

F = TypeVar("F", bound=Column)


@overload
def column(f: F, /) -> F: ...
@overload
def column(*, of: str) -> Callable[[F], F]: ...
def column(f: F | None = None, /, *, of: str | None = None) -> F | Callable[[F], F]:
    """Add a column to every table of runs, under the name of its function; `of` a level of
    `LEVELS`: to the tables of sweeps alone that read as much. Raises `BadInput` for the name of one
    of grokscope's own."""

    def add(f: F) -> F:
        tables = [COLUMNS, *READ.values()]
        for table in tables:
            taken = table.get(f.__name__)
            if taken is not None and taken.__module__ == __name__ != f.__module__:
                raise BadInput(
                    f"`{f.__name__}` is a column of grokscope's own. Call yours by another name."
                )
        (COLUMNS if of is None else READ[of])[f.__name__] = f
        return f

    return add if f is None else add(f)


@column
def run(x: Entry) -> str:
    """The name of its folder."""
    return x.run.folder.name


@column
def task(x: Entry) -> str:
    return " ".join([x.run.spec.task, *(f"{k}={v}" for k, v in x.run.spec.task_args.items())])


@column
def seed(x: Entry) -> int:
    return x.run.spec.seed


@column
def state(x: Entry) -> str:
    if x.run.is_imported:
        return "imported"
    if x.run.is_finished:
        return "finished"
    return "unfinished" if x.run.is_begun else "new"


@column
def step(x: Entry) -> int | None:
    """The last that was evaluated."""
    return int(x.last["step"]) if x.last else None


@column
def memorised(x: Entry) -> int | None:
    """The step at which it was right on what it was shown."""
    return x.events.t_memorize


@column
def grokked(x: Entry) -> int | None:
    """The step at which it was right on the test too."""
    return x.events.t_grok


@column
def test_accuracy(x: Entry) -> int | float | None:
    return x.last.get("test_accuracy")


@column
def test_loss(x: Entry) -> int | float | None:
    return x.last.get("test_loss")


# ---- of sweeps: what is known of the evaluations and the last weights ----------------------------


@column(of="events")
def delay(x: Entry) -> int | None:
    """Steps between memorising and generalising."""
    return x.events.delay


@column(of="events")
def stop(x: Entry) -> str | None:
    """Why training ended: steps, grokked, hopeless or diverged."""
    return x.events.stop


@column(of="events")
def train_loss(x: Entry) -> int | float | None:
    return x.last.get("train_loss")


@column(of="events")
def train_accuracy(x: Entry) -> int | float | None:
    return x.last.get("train_accuracy")


@column(of="events")
def mirror_accuracy(x: Entry) -> float | None:
    """Accuracy on the test pairs (a, b) whose mirror (b, a) was shown, of a symmetric task."""
    return x.by_mirror.get("mirror seen")


@column(of="events")
def unseen_accuracy(x: Entry) -> float | None:
    """And on those whose mirror was held out too."""
    return x.by_mirror.get("mirror not seen")


@column(of="events")
def norm(x: Entry) -> float | None:
    """Of all weights, at the end."""
    return None if not x.last else float(x.last["sum_of_squares"]) ** 0.5


@column(of="events")
def best_train_loss(x: Entry) -> float | None:
    """The least in any evaluation."""
    return x.least("train_loss")


@column(of="events")
def best_test_loss(x: Entry) -> float | None:
    """The least in any evaluation."""
    return x.least("test_loss")


@column(of="events")
def largest_loss_ratio(x: Entry) -> float | None:
    """Test loss over train loss, where that is largest."""
    ratios = (r["test_loss"] / r["train_loss"] for r in x.rows if r["train_loss"] > 0)
    return max((ratio for ratio in ratios if ratio == ratio), default=None)


@column(of="events")
def memorisation_end(x: Entry) -> int | None:
    """The step at which memorisation ends, by `measures.phases`."""
    return x.phases.memorized if isinstance(x.phases, Phases) else None


@column(of="events")
def formation_end(x: Entry) -> int | None:
    """The step at which the circuit has formed."""
    return x.phases.formed if isinstance(x.phases, Phases) else None


@column(of="events")
def cleanup_end(x: Entry) -> int | None:
    """The step at which cleanup ends."""
    return x.phases.cleaned if isinstance(x.phases, Phases) else None


@column(of="events")
def no_phases(x: Entry) -> str | None:
    """Why it has no phases."""
    return None if isinstance(x.phases, Phases) else x.phases


@column(of="events")
def curve(x: Entry) -> list[dict[str, int | float]]:
    """Losses and accuracies at some evaluations: half of them spread over the steps, half over
    their logarithms."""
    names = ("step", "train_accuracy", "test_accuracy", "train_loss", "test_loss")
    return [{name: x.rows[i][name] for name in names} for i in _spread(len(x.rows))]


def _spread(count: int) -> list[int]:
    """At most `POINTS` of so many places, the first and the last among them."""
    half, last = POINTS // 2, count - 1
    if count <= POINTS:
        return list(range(count))
    even = {round(last * i / (half - 1)) for i in range(half)}
    return sorted(even | {round(last ** (i / (half - 1))) for i in range(half)})


# ---- the keys ------------------------------------------------------------------------------------


@column(of="keys")
def key_parts(x: Entry) -> list[str] | None:
    """The parts that carry its logits."""
    return None if x.keys is None else list(x.keys.names)


@column(of="keys")
def key_share(x: Entry) -> float | None:
    """The share of the logits' variation that they hold together."""
    return None if x.keys is None else x.keys.explained


@column(of="keys")
def lens(x: Entry) -> str | None:
    """The lens that its weights are sparsest in, where one wins."""
    return None if x.lenses is None else x.lenses.winner


@column(of="keys")
def lens_margin(x: Entry) -> float | None:
    """Nats by which the best lens leads the next, or chance."""
    return None if x.lenses is None else x.lenses.lead


# ---- the explanation -----------------------------------------------------------------------------


@column(of="explain")
def verdict(x: Entry) -> str | None:
    """Whether it generalises; see `explain.verdict`."""
    return None if x.explanation is None else x.explanation.verdict


@column(of="explain")
def algorithm(x: Entry) -> str | None:
    """The best that holds; "undetermined" if it generalises and none does."""
    return None if x.explanation is None else x.explanation.algorithm


@column(of="explain")
def form(x: Entry) -> str | None:
    """The form of circuit that names the algorithm."""
    return None if x.best is None else x.best.circuit.form


@column(of="explain")
def size(x: Entry) -> int | None:
    """How many numbers that circuit has."""
    return None if x.best is None else x.best.circuit.size


@column(of="explain")
def price(x: Entry) -> float | None:
    """What that circuit takes in bits, its numbers as coarse as keeps its answers; see
    `verify.price`."""
    evidence = None if x.best is None else x.best.get(OfAll.PRICE)
    return None if evidence is None else evidence.value


@column(of="explain")
def proved(x: Entry) -> float | None:
    """The best proved lower bound of the accuracy over all pairs; 0 if none is proved."""
    return None if x.explanation is None else x.explanation.bound


@column(of="explain")
def proved_cost(x: Entry) -> float | None:
    """What that proof costs, as a share of trying every answer."""
    bounds = [c.bound for c in x.explanation.certificates if c.bound] if x.explanation else []
    best = max(bounds, key=lambda bound: bound.accuracy, default=None)
    return best.of_brute_force if best is not None and best.accuracy > 0 else None


@column(of="explain")
def own(x: Entry) -> float | None:
    """The best lower bound of the accuracy that an account proves by its own mechanism; None where
    no account of the network has such a proof."""
    best = _best_own(x)
    return None if best is None else best[0]


@column(of="explain")
def own_form(x: Entry) -> str | None:
    """The form of that account."""
    best = _best_own(x)
    return None if best is None else best[1]


def _best_own(x: Entry) -> tuple[float, str] | None:
    """The best bound of an account's own, and the form of that account."""
    of = [] if x.explanation is None else x.explanation.certificates
    each = ((c.own.accuracy, c.circuit.form) for c in of if c.own is not None)
    return max(each, key=lambda pair: pair[0], default=None)


# ---- rows ----------------------------------------------------------------------------------------


def table(folders: Iterable[Path]) -> list[dict[str, Value]]:
    """A row for the run in each folder. One that is damaged, or that the system does not let us
    read, is a row that says so, with the reason; the others have none. Raises `BrokenColumn`."""
    return [_row_or_reason(folder) for folder in folders]


def _row_or_reason(folder: Path) -> dict[str, Value]:
    try:
        return row(Run.open(folder)) | {REASON: None}
    except BrokenColumn:
        raise
    except (GrokscopeError, OSError) as error:
        state = "damaged" if isinstance(error, DamagedFile) else "unreadable"
        known: dict[str, Value] = {"run": folder.name, "state": state, REASON: str(error)}
        return dict.fromkeys(COLUMNS) | known


def row(run: Run) -> dict[str, Value]:
    """All columns of a run. Raises `DamagedFile` or `StorageError` if it cannot be read, and
    `BrokenColumn` for a column of a plug-in that fails."""
    return values(Entry(run), COLUMNS)


def values(entry: Entry, columns: dict[str, Column]) -> dict[str, Value]:
    """These columns of an entry. Raises as `row` does."""
    return {name: _value(name, f, entry) for name, f in columns.items()}


def _value(name: str, f: Column, entry: Entry) -> Value:
    try:
        value = f(entry)
    except GrokscopeError:
        raise
    except Exception as error:
        if f.__module__ == __name__:
            raise
        raise BrokenColumn(
            f"the column `{name}` failed on {entry.run.folder}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(value, Plain) and f.__module__ != __name__:
        raise BrokenColumn(
            f"the column `{name}` gave {type(value).__name__}; it must give text, a number or None."
        )
    return value
