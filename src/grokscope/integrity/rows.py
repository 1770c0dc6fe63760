"""The evaluations of a run: which are gone or changed, and which of these can be had again.

Training notes beside its weights how many evaluations there were, with their checksum. One that is
lost is computed from its checkpoint, where one was kept; what came after a state to resume from is
trained again.
"""

import json
from collections.abc import Mapping
from itertools import chain, islice
from pathlib import Path

from grokscope.errors import DamagedFile
from grokscope.integrity.finding import Finding, is_close, keep_copy
from grokscope.integrity.mending import put_rows, put_tensors, take_out
from grokscope.training.events import Row
from grokscope.training.files import as_json
from grokscope.training.member import evaluations
from grokscope.training.run import Run, numbers, seal_of, spread
from grokscope.training.track import Track, untracked

FILE = "metrics.jsonl"
NEAR, LEAST = 1e-3, 1e-6  # of a value, and at least: threads and versions of torch round so
MOST = 10**6  # evaluations or checkpoints that can be missing; a false step would have no end
SAMPLE = 5  # evaluations that are computed again, spread over the run
AGAIN = "Move the folder away and repeat `grokscope run`, which trains it to the same numbers."


def check_rows(
    run: Run, sound: list[int], repair: bool, full: bool, track: Track = untracked
) -> list[Finding]:
    """What is wrong with metrics.jsonl; with `repair` it is mended where it can be. `sound` are the
    steps whose checkpoint can be read."""
    there, findings = _read(run)
    if run.is_imported:
        return findings
    missing = _missing(run, sound, there)
    is_sealed = _is_sealed(run)
    to_compute = [s for s in sound if s in missing]
    to_compare = [s for s in sound if s in there]
    if to_compare and not (full or is_sealed is False):
        to_compare = spread(to_compare, SAMPLE)
    computed = _computed(run, sorted([*to_compute, *to_compare]), track)
    wrong = {s: told for s in to_compare if (told := _difference(there[s], computed[s]))}
    findings += [Finding(FILE, "damaged", told) for told in wrong.values()]
    findings += [
        Finding(FILE, "damaged", f"the evaluation of step {s:,} is missing") for s in missing
    ]
    if is_sealed is False and not findings:
        what = "it is not as training wrote it, by its checksum, and no evaluation that was "
        return [Finding(FILE, "damaged", f"{what}computed again differs", AGAIN)]
    if not repair or not findings:
        return findings
    seconds = {s: {"seconds": there.get(s, {}).get("seconds")} for s in computed}
    again = {s: {**computed[s], **seconds[s]} for s in (*to_compute, *wrong)}
    return _mended(run, {**there, **again}, [s for s in missing if s not in again], findings)


def _read(run: Run) -> tuple[dict[int, Row], list[Finding]]:
    """The evaluations that can be read, by step, and what is said of the other lines."""
    lines = run.lines.split(b"\n")
    there: dict[int, Row] = {}
    bad: list[int] = []
    for number, line in enumerate(lines, 1):
        row = _parsed(line)
        if row is not None and (run.is_imported or _is_due(run, row["step"])):
            there[int(row["step"])] = row
        elif line:
            bad.append(number)
    findings = [Finding(FILE, "damaged", f"line {n} is no evaluation") for n in bad]
    if bad == [len(lines)]:  # without its end: a write that was killed
        findings = [Finding(FILE, "note", "its last line was cut off, and is left out")]
    return there, findings


def _parsed(line: bytes) -> Row | None:
    try:
        return numbers(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None


def _is_due(run: Run, step: int | float) -> bool:
    """Whether training evaluates at this step."""
    last = run.spec.steps
    return step == last or (0 <= step < last and step % run.spec.eval_every == 0)


def _missing(run: Run, sound: list[int], there: Mapping[int, Row]) -> list[int]:
    """The steps up to the last that anything tells of without an evaluation."""
    last = max([run.resumes_at or 0, *sound, *there], default=0)
    if not (sound or there):
        return []
    at_the_end = [run.spec.steps] if last >= run.spec.steps else []
    due = chain(range(0, min(last + 1, run.spec.steps), run.spec.eval_every), at_the_end)
    return list(islice((s for s in due if s not in there), MOST))


def _is_sealed(run: Run) -> bool | None:
    """Whether the evaluations begin with those that training noted; None where it noted none."""
    path = run.sealing
    if path is None:
        return None
    try:
        notes = run.notes(path)
        run.sealed(notes)
    except (DamagedFile, ValueError, KeyError):
        return False
    return True if "rows" in notes else None


def _computed(run: Run, steps: list[int], track: Track) -> dict[int, Row]:
    found: dict[int, Row] = {}
    for i, row in enumerate(evaluations(run, steps)):
        found[int(row["step"])] = row
        track(i + 1, len(steps))
    return found


def _difference(row: Row, again: Row) -> str | None:
    """How an evaluation differs from that of its checkpoint."""
    for name, x in again.items():
        y = row.get(name, x)
        if not is_close(x, y, NEAR, LEAST):
            return f"{name} of step {row['step']:,} is {y:.6g}, and its checkpoint gives {x:.6g}"
    return None


def _mended(
    run: Run, rows: dict[int, Row], lost: list[int], findings: list[Finding]
) -> list[Finding]:
    """The findings after metrics.jsonl was written anew; where evaluations are lost, up to a state
    that training goes on from."""
    then = "written again from its checkpoints"
    aside: list[Path] = []
    if lost:
        found = _state_before(run, lost[0])
        if found is None:
            return [x if x.state == "note" else _with(x, "damaged", AGAIN) for x in findings]
        step, aside = found
        rows = {s: row for s, row in rows.items() if s <= step}
        then = f"`grokscope run` trains again from step {step:,}"
    path, text = run.metrics_file, "".join(as_json(rows[s]) + "\n" for s in sorted(rows))
    if path.exists():
        then += f"; what was there is kept as {keep_copy(path)}"
    for state in aside:
        take_out(run, state)
    # First: a kill between leaves what can be mended.
    for state in run.states or [path for path in [run.sealing] if path is not None]:
        _seal(run, state, rows, text.encode())
    put_rows(run, text.encode())
    return [_with(x, "mended", then) for x in findings]


def _with(x: Finding, state: str, then: str) -> Finding:
    return Finding(x.file, "mended" if state == "mended" else "damaged", x.what, then)


def _state_before(run: Run, step: int) -> tuple[int, list[Path]] | None:
    """The step of the newest state to resume from before this one, and the states after it."""
    after: list[Path] = []
    for path in run.states:
        try:
            at = int(run.tensors(path)[1]["step"])
        except (DamagedFile, KeyError, ValueError):
            continue
        if at < step:
            return at, after
        after.append(path)
    return None


def _seal(run: Run, state: Path, rows: dict[int, Row], content: bytes) -> None:
    """Note beside a state to resume from the evaluations as they are now."""
    tensors, notes = run.tensors(state)
    count = sum(s <= int(notes["step"]) for s in rows)
    lines = content.splitlines(keepends=True)[:count]
    put_tensors(run, state, tensors, notes | seal_of(b"".join(lines)))
