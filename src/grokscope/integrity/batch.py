"""What the networks of a batch have in common, checked: the list of their specs, and lines of
evaluations that are no one's."""

import json
from collections.abc import Iterator
from pathlib import Path

from grokscope.disk import read_regular
from grokscope.errors import BadInput
from grokscope.integrity.finding import Finding, keep_copy
from grokscope.spec import Spec
from grokscope.training.batch import (
    LARGEST_METRICS,
    LARGEST_SPECS,
    METRICS,
    SPECS,
    numbers_in,
    prefix,
    recorded_specs,
)
from grokscope.training.files import write_atomically
from grokscope.training.shares import spec_line


def check_specs(batch: Path, repair: bool) -> Iterator[Finding]:
    """What is wrong with specs.jsonl, by what the checkpoints' notes say of each network."""
    recorded = recorded_specs(batch)
    try:
        lines = read_regular(batch / SPECS, LARGEST_SPECS).splitlines(keepends=True)
    except FileNotFoundError:
        lines = []
    wrong = [k for k, spec in recorded.items() if lines[k : k + 1] != [spec_line(spec)]]
    wrong += [k for k, line in enumerate(lines) if k not in recorded and not _is_spec(line)]
    if not wrong:
        return
    what = f"it is not as it was written in line {wrong[0] + 1}, or lost"
    if not set(wrong) <= recorded.keys():
        then = "No checkpoint has what is lost. Move the folder away and train again."
        yield Finding(SPECS, "damaged", what, then)
        return
    if not repair:
        yield Finding(SPECS, "damaged", what, "the checkpoints have it: --repair writes it again")
        return
    then = "written again from a checkpoint"
    then += f"; what was there is kept as {keep_copy(batch / SPECS)}" if lines else ""
    count = max(len(lines), 1 + max(recorded))
    there = dict(enumerate(lines)) | {k: spec_line(spec) for k, spec in recorded.items()}
    write_atomically(batch / SPECS, b"".join(there.get(k, b"\n") for k in range(count)))
    yield Finding(SPECS, "mended", what, then)


def _is_spec(line: bytes) -> bool:
    try:
        content = json.loads(line)
        return Spec.from_json(json.dumps(content["spec"])).id == content["run"]
    except (ValueError, TypeError, KeyError, RecursionError, BadInput):
        return False


def check_lines(batch: Path, repair: bool) -> Iterator[Finding]:
    """Lines of metrics.jsonl that are of no network."""
    try:
        content = read_regular(batch / METRICS, LARGEST_METRICS)
    except FileNotFoundError:
        return
    starts = tuple(prefix(k) for k in numbers_in(batch).values())
    lines = content.splitlines(keepends=True)
    strange = [n for n, line in enumerate(lines) if not line.startswith(starts)]
    if strange == [len(lines) - 1] and not content.endswith(b"\n"):
        yield Finding(METRICS, "note", "its last line was cut off, and is left out")
        return
    for number in strange:
        then = "--repair leaves it out"
        what = f"line {number + 1} is no evaluation of any network here"
        yield Finding(
            METRICS, "mended" if repair else "damaged", what, "left out" if repair else then
        )
    if repair and strange:
        keep_copy(batch / METRICS)
        kept = [line for n, line in enumerate(lines) if n not in strange]
        write_atomically(batch / METRICS, b"".join(kept))
