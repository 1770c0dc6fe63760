"""A run's folder checked: spec, checkpoints, evaluations, the state to resume from, the trace, and
what was found of its network.

    check(folder)                  what is not as it was written, file by file
    check(folder, repair=True)     the same, mended where another file has what is lost

Nothing is deleted but leftovers of writes that were killed: a file that is replaced is kept under a
name that begins with `damaged`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from grokscope.errors import BadInput, DamagedFile, NotApplicable
from grokscope.integrity.batch import check_lines, check_specs
from grokscope.integrity.finding import Finding, is_close, set_aside
from grokscope.integrity.mending import take_out
from grokscope.integrity.rows import AGAIN, MOST, SAMPLE, check_rows
from grokscope.measures.entries import EXPLANATIONS, read_entries
from grokscope.measures.kept import read_table
from grokscope.measures.measure import MEASURES, evaluate
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.batch import Share, batch_of, numbers_in
from grokscope.training.due import is_checkpoint
from grokscope.training.files import read_notes
from grokscope.training.keeping import lock
from grokscope.training.run import SPLIT_FILE, Run, load_weights, spread
from grokscope.training.track import Track, untracked

NEAR = 1e-4  # of a measured value: threads and versions of torch round so


@dataclass(frozen=True)
class Checked:
    """What was found in a run's folder."""

    folder: Path
    findings: tuple[Finding, ...]
    checkpoints: int  # that can be read
    evaluations: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged, or no longer."""
        return all(x.state != "damaged" for x in self.findings)


def check(
    folder: Path | str, repair: bool = False, full: bool = False, track: Track = untracked
) -> Checked:
    """Check a run's folder. A sample of its evaluations and of its trace is computed again from the
    checkpoints, with `full` all of them. `track` is told how many evaluations of how many are done.

    Of a batch's folder all networks are checked. Raises `BadInput` if there is no run,
    `DamagedFile` if its spec is lost and no checkpoint has it, and with `repair` `StorageError` if
    the disk refuses or the run is being trained.
    """
    folder = Path(folder)
    batch = batch_of(folder)
    if not repair:
        return _check_either(folder, batch, False, full, track)
    with lock(folder if batch is None else batch):
        return _check_either(folder, batch, True, full, track)


def _check_either(
    folder: Path, batch: Path | None, repair: bool, full: bool, track: Track
) -> Checked:
    if batch is None:
        return _check(folder, repair, full, track)
    found = list(check_specs(batch, repair))
    if folder != batch:
        one = _check(folder, repair, full, track)
        return replace(one, findings=(*found, *one.findings))
    found += check_lines(batch, repair)
    networks = [_check(batch / name, repair, full, track) for name in numbers_in(batch)]
    found += [replace(x, file=f"{c.folder.name}: {x.file}") for c in networks for x in c.findings]
    checkpoints, evaluations = (
        sum(getattr(c, what) for c in networks) for what in ("checkpoints", "evaluations")
    )
    return Checked(batch, tuple(found), checkpoints, evaluations)


def _check(folder: Path, repair: bool, full: bool, track: Track) -> Checked:
    in_batch = Share.of(folder) is not None
    run, findings = (Run.open(folder), []) if in_batch else _spec(folder, repair)
    sound: list[int] = []
    findings += _checkpoints(run, sound, repair)
    findings += _split(run)
    findings += _states(run, repair)
    findings += check_rows(run, sound, repair, full, track)
    findings += _trace(run, sound, repair, full)
    findings += _explanations(run, repair)
    findings += _leftovers(run, repair)
    return Checked(folder, tuple(findings), len(sound), run.lines.count(b"\n"))


def _spec(folder: Path, repair: bool) -> tuple[Run, list[Finding]]:
    """The run by its spec, or else by what its newest checkpoint says of it."""
    path, recorded = folder / "spec.json", _recorded(folder)
    try:
        run = Run.open(folder)
        if recorded is None or run.spec == recorded:
            return run, []
        what = "it is not the spec that the checkpoints were trained with"
    except (BadInput, DamagedFile) as error:
        if recorded is None:
            raise
        what = str(error) if path.exists() else "it is lost"
    run, then = Run(recorded, folder), "its checkpoints have it: --repair writes it again"
    if repair:
        then = "written again from a checkpoint"
        then += f"; what was there is kept as {set_aside(path)}" if path.exists() else ""
        run.write_spec()
    return run, [Finding("spec.json", "mended" if repair else "damaged", what, then)]


def _recorded(folder: Path) -> Spec | None:
    """The spec in the notes of the newest checkpoint that has one."""
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            return Spec.from_json(read_notes(path)["spec"])
        except (DamagedFile, BadInput, KeyError):
            continue
    return None


def _checkpoints(run: Run, sound: list[int], repair: bool) -> Iterator[Finding]:
    """What is wrong with checkpoints; the steps of those that can be read come into `sound`."""
    model = run.new_model()
    for step in run.steps:
        path = run.checkpoint(step)
        try:
            weights, notes = run.tensors(path)
            load_weights(model, weights, path)
            if notes.get("step") != str(step):
                raise DamagedFile(f"{path} is of step {notes.get('step')}, by its notes.")
            sound.append(step)
        except DamagedFile as error:
            then = "--repair sets it aside, so that the others can be read"
            if repair:
                then = f"kept as {take_out(run, path)}, which nothing reads"
            yield Finding(path.name, "mended" if repair else "damaged", str(error), then)
    last, there = 0 if run.is_imported else max(sound, default=0), set(run.steps)
    due = (
        s
        for s in range(min(last, run.spec.steps, MOST))
        if is_checkpoint(s, run.spec.checkpoint_every)
    )
    for step in (s for s in due if s not in there):
        name = run.checkpoint(step).name
        yield Finding(name, "note", "this checkpoint is not there", AGAIN)


def _split(run: Run) -> Iterator[Finding]:
    try:
        _ = run.is_train
    except DamagedFile as error:
        then = "Move the folder away and import the network again."
        yield Finding(SPLIT_FILE, "damaged", str(error), then)


def _states(run: Run, repair: bool) -> Iterator[Finding]:
    """What is wrong with the states to resume from."""
    for path in run.states:
        try:
            run.tensors(path)
        except DamagedFile as error:
            then = "--repair sets it aside, to go on from the one before it, or anew"
            if repair:
                then = f"kept as {take_out(run, path)}, which nothing reads"
            yield Finding(path.name, "mended" if repair else "damaged", str(error), then)


def _trace(run: Run, sound: list[int], repair: bool, full: bool) -> Iterator[Finding]:
    """What is wrong with the table of measures, some of whose rows are computed again."""
    path = run.folder / "trace.parquet"
    if not path.exists():
        return
    try:
        note, table, is_own = read_table(path)
        wrong = _wrong_values(run, sound, note["keys"], note["columns"], table, full)
        what = next(wrong, None)
    except Exception as error:  # a table that is none fails in many ways
        is_own, what = True, f"it cannot be read ({type(error).__name__}: {error})"
    then = "--repair sets it aside, and it is measured again when it is asked for"
    if what is not None and repair:
        then = f"kept as {set_aside(path)}; it is measured again when it is asked for"
    if what is not None:
        yield Finding(path.name, "mended" if repair else "damaged", what, then)
    elif not is_own:
        then = "it is measured again before anything rests on it"
        yield Finding(path.name, "note", "it was not written on this machine", then)


def _explanations(run: Run, repair: bool) -> Iterator[Finding]:
    """What is wrong with what was found of the network. It is never computed again here: whoever
    asks for it does that, where it is of other checkpoints or other rules."""
    path = run.folder / EXPLANATIONS
    try:
        entries = read_entries(path)
    except DamagedFile as error:
        then = "--repair sets it aside, and the network is explained again when it is asked for"
        if repair:
            then = f"kept as {set_aside(path)}; the network is explained again when it is asked for"
        yield Finding(path.name, "mended" if repair else "damaged", str(error), then)
        return
    if not all(entry.is_own for entry in entries):
        what = "some of it was not written on this machine, or was changed"
        yield Finding(path.name, "note", what, "it is explained again before anything rests on it")


def _wrong_values(
    run: Run,
    sound: list[int],
    keys: list[str] | None,
    columns: dict[str, list[str]],
    table: pl.DataFrame,
    full: bool,
) -> Iterator[str]:
    rows = {row["step"]: row for row in table.iter_rows(named=True) if row["step"] in sound}
    steps = sorted(rows) if full or not rows else spread(sorted(rows), SAMPLE)
    last = replace(Snapshot.of(run), keys=None if keys is None else tuple(keys))
    names = [name for name in columns if name in MEASURES]
    for step, model in run.models(steps):
        snapshot = replace(last, model=model, step=step, keys=last.keys)
        for name in names:
            try:
                again = evaluate(snapshot, [name])
            except NotApplicable:
                again = {}
            for column in columns[name]:
                x, y = again.get(column), rows[step].get(column)
                if not is_close(x, y, NEAR, NEAR):
                    yield f"{column} at step {step:,} is {y}, and its checkpoint gives {x}"


def _leftovers(run: Run, repair: bool) -> Iterator[Finding]:
    for path in run.leftovers:
        then = "removed" if repair else "it goes when the run is trained again, or with --repair"
        yield Finding(path.name, "note", "a write that was killed has left it", then)
    if repair:
        run.tidy()
