"""A network judged, and judged again when the rules have changed, so that what they change is seen.

<run>/judgement.json    the last judgement; as `earlier` those before it, the newest first
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from grokscope.disk import read_regular
from grokscope.errors import DamagedFile, GrokscopeError, StorageError
from grokscope.explain.explanation import explain
from grokscope.explain.rules import package_version
from grokscope.snapshot import Snapshot
from grokscope.training.files import as_json, write_atomically
from grokscope.training.run import SPLIT_FILE, Run

FILE = "judgement.json"
LARGEST = 50 * 10**6  # bytes
CLOSE = 1e-6  # of an accuracy or a bound: less is no change


@dataclass(frozen=True)
class Judgement:
    """What was said of a network, by which rules and when."""

    grokscope: str  # the version of the package
    rules: str  # the digest of the source that judges
    network: str  # the digest of what is judged: spec, weights and split
    date: str  # in UTC
    step: int
    verdict: str
    algorithm: str | None  # of `Explanation`; "undetermined" where it generalises by none known
    algorithms: tuple[str, ...]
    bound: float  # of the accuracy over all pairs; 0 if nothing is proved
    accuracy: dict[str, float | None]  # over "all"; where the split is known "train" and "test"

    @property
    def by(self) -> str:
        """The version that judged."""
        return _by(self.rules, self.grokscope)


HOLDS: dict[str, Any] = {  # of its fields; the others hold text
    "step": int,
    "algorithm": str | None,
    "algorithms": tuple,
    "bound": float | int,
    "accuracy": dict,
}
What = Literal["verdict", "names", "bound", "accuracy"]
State = Literal["changed", "new", "as before", "not judged"]


@dataclass(frozen=True)
class Judged:
    """A run with its judgement by these rules and the last one of the same network by others."""

    run: str
    now: Judgement | None
    before: Judgement | None = None
    was_there: bool = False  # it had been judged by these rules already
    reason: str | None = None  # why it was not judged, or could not be kept

    @property
    def changed(self) -> tuple[What, ...]:
        """What is said otherwise than before."""
        old, new = self.before, self.now
        if old is None or new is None:
            return ()
        differs: dict[What, bool] = {
            "verdict": old.verdict != new.verdict,
            "names": (old.algorithm, old.algorithms) != (new.algorithm, new.algorithms),
            "bound": not _close(old.bound, new.bound),
            "accuracy": not _close_shares(old.accuracy, new.accuracy),
        }
        return tuple(what for what, is_so in differs.items() if is_so)

    @property
    def state(self) -> State:
        if self.now is None:
            return "not judged"
        if self.before is None:
            return "as before" if self.was_there else "new"
        return "changed" if self.changed else "as before"

    @property
    def is_change(self) -> bool:
        """Whether anything is otherwise; so it is where what was judged before no longer can be."""
        return self.state == "changed" or (self.now is None and self.before is not None)


def judge(run: Run, rules: str) -> Judgement:
    """Explain a run's last checkpoint, and say in short what was found. `rules` is the digest of
    those that judge. Raises what `Snapshot.of` and `explain` raise."""
    e = explain(Snapshot.of(run))
    return Judgement(
        grokscope=package_version(),
        rules=rules,
        network=_network(run),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        step=run.steps[-1],
        verdict=e.verdict,
        algorithm=e.algorithm,
        algorithms=e.algorithms,
        bound=e.bound,
        accuracy={k: e.accuracy[k] for k in ("all", "train", "test") if k in e.accuracy},
    )


def judged(folder: Path, rules: str, again: bool = False) -> Judged:
    """The run in a folder judged, and kept there; what these very rules have judged is found, and
    judged again only on demand. Of a run that cannot be judged the reason is told."""
    history: list[Judgement] = []
    try:
        run, history = Run.open(folder), read_judgements(folder)
        there = None if again else _found(run, history, rules)
        return there or _kept(run, judge(run, rules), history)
    except GrokscopeError as error:
        reason = str(error)
    except Exception as error:  # a defect met in one network leaves the others to be judged
        reason = f"{type(error).__name__}: {error}"
    return Judged(folder.name, None, next(iter(history), None), reason=reason)


def _found(run: Run, history: list[Judgement], rules: str) -> Judged | None:
    """The last judgement, where it is by these rules and of the network as it is now."""
    now = next(iter(history), None)
    if now is None or (now.by, now.network) != (_by(rules), _network(run)):
        return None
    return Judged(run.folder.name, now, _last_of(now.network, history[1:]), was_there=True)


def _last_of(network: str, history: Iterable[Judgement]) -> Judgement | None:
    return next((x for x in history if x.network == network), None)


def _kept(run: Run, now: Judgement, history: list[Judgement]) -> Judged:
    """The judgement written before those that it differs from; one that only repeats the last
    takes its place."""
    earlier = history[1:] if history and _repeats(now, history[0]) else history
    content = as_json({**asdict(now), "earlier": [asdict(x) for x in earlier]})
    reason = None
    try:
        write_atomically(run.folder / FILE, content.encode())
    except StorageError as error:
        reason = f"not kept: {error}"
    return Judged(run.folder.name, now, _last_of(now.network, earlier), reason=reason)


def _by(rules: str, package: str | None = None) -> str:
    return f"{package or package_version()}+{rules}"


def _repeats(now: Judgement, last: Judgement) -> bool:
    return replace(now, date=last.date) == last


def read_judgements(folder: Path) -> list[Judgement]:
    """What was said of the network in a folder, the newest first. Raises `DamagedFile`, and
    `StorageError` if the system does not let it be read."""
    path = folder / FILE
    try:
        content = json.loads(read_regular(path, LARGEST))
        earlier = content.pop("earlier")
        return [_judgement(x) for x in (content, *earlier)]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedFile(
            f"{path} is damaged: it does not hold judgements. Move it away to judge anew."
        ) from None


def _judgement(x: dict[str, Any]) -> Judgement:
    """Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
    read = Judgement(**{**x, "algorithms": tuple(x["algorithms"])})
    parts = [("", part) for part in read.algorithms]
    parts += [("bound", share) for share in read.accuracy.values() if share is not None]
    for name, value in (*vars(read).items(), *parts):
        if not isinstance(value, HOLDS.get(name, str)):
            raise TypeError(name)
    return read


def _network(run: Run) -> str:
    """A digest of the files that say what the network is; of the weights, those of the last
    checkpoint."""
    last = [run.checkpoint(step) for step in run.steps[-1:]]
    found = hashlib.sha256()
    if run.share is not None:  # the batch's file has those of others too
        found.update(run.spec.to_json().encode())
    for file in (run.folder / "spec.json", run.folder / SPLIT_FILE, *last):
        try:
            found.update(run.content(file))
        except FileNotFoundError:
            found.update(b"-")
    return found.hexdigest()[:16]


def _close(x: float | None, y: float | None) -> bool:
    return x == y or (x is not None and y is not None and abs(x - y) <= CLOSE)


def _close_shares(x: dict[str, float | None], y: dict[str, float | None]) -> bool:
    return x.keys() == y.keys() and all(_close(x[k], y[k]) for k in x)
