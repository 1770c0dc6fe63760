"""A run's network explained, or what was found of it before.

    <run>/explanation.json                      what was found
    <out>/.explanations/<run>-<hash>.json       the same, where the run's folder cannot be written

What is kept stands as long as all that it depends on is the same, and this machine found it:

    checkpoint  the step, and the bytes of its file
    task        its name and arguments, and code from outside this package that makes it
    split       how it is drawn, or the file that has it
    spec        all that was asked of the run
    use         the plug-in files, and code from outside that finds a form
    forms       those that were asked for
    seeds       of the weights, the split and the labels
    rules       the code of this package, and how torch multiplies

Else it is found again, and `tell` is given the reason.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch

from grokscope.activations import ACTIVATIONS
from grokscope.circuits.circuit import FORMS, Circuit
from grokscope.errors import DamagedFile, NotApplicable, StorageError
from grokscope.explain.explanation import Explanation, explain
from grokscope.explain.program import circuit_file, file_name
from grokscope.explain.rules import package_version
from grokscope.measures.entries import EXPLANATIONS, Entry, read_entries, write_entries
from grokscope.measures.kept import checkpoint_digest, outside_code
from grokscope.measures.key_rules import by_embedding, published_keys
from grokscope.measures.keys import key_parts
from grokscope.models.model import MODELS
from grokscope.reading.facts import BoundFacts, CertificateFacts, ExplanationFacts
from grokscope.reading.plain import from_plain, to_plain
from grokscope.snapshot import Snapshot
from grokscope.stamp import of_files, of_package
from grokscope.task import TASKS
from grokscope.training.run import SPLIT_FILE, Run
from grokscope.verify.certificate import Certificate
from grokscope.verify.network import Bound

Key = dict[str, str]
Why = tuple[str, ...]  # the parts of the key that differ; or one of these two
NOT_OURS = ("not ours",)
DAMAGED = ("damaged",)


@dataclass(frozen=True, eq=False)
class Explained:
    """What is said of a run's network at a step, new or kept.

    `programs` are the named circuits' as Python by form, the best first, of a mixture by formula
    and form. `why` says what of the kept one did not hold; empty where there was none, or it is
    used. `refused` is what the disk said where this could not be kept.
    """

    run: Run
    facts: ExplanationFacts
    programs: dict[str, str]
    is_kept: bool
    forms: tuple[str, ...] | None
    why: Why = ()
    refused: StorageError | None = None
    fresh: Explanation | None = None

    @cached_property
    def explanation(self) -> Explanation:
        """All of it, with the circuits themselves: found again if only what is said was kept."""
        if self.fresh is not None:
            return self.fresh
        return explain(Snapshot.of(self.run, self.facts.step), self.forms)

    @property
    def program(self) -> str | None:
        """That of the algorithm that is named; None where none is."""
        return next(iter(self.programs.values()), None)

    @property
    def circuit_files(self) -> dict[str, str]:
        """By their names what the files of the programs hold."""
        each, step = self.facts.operators or {"": self.facts}, self.facts.step
        files = {}
        for formula, facts in each.items():
            task = f"{formula} in {self.run.task.name}" if formula else self.run.task.name
            named = {c.form: (algorithm, c) for algorithm, c in facts.named.items()}
            for i, (form, (algorithm, c)) in enumerate(named.items()):
                name = file_name(form if i else None, formula)
                program, how = self.programs[_of_formula(formula, form)], c.how or c.title
                files[name] = circuit_file(task, step, algorithm, how, c.parts, program)
        return files

    def circuit(self, certificate: CertificateFacts, snapshot: Snapshot) -> Circuit:
        """The circuit that a certificate is of; of a kept one it is fitted again."""
        if self.fresh is not None:
            places = zip(self.facts.certificates, self.fresh.certificates, strict=True)
            return next(full.circuit for short, full in places if short is certificate)
        return FORMS[certificate.form].find(snapshot)


def explained(
    run: Run,
    step: int | None = None,
    forms: Iterable[str] | None = None,
    out: Path | None = None,
    plugins: Sequence[Path] = (),
    snapshot: Snapshot | None = None,
) -> Explained:
    """What is found of a run's checkpoint, by default the last, in these forms, by default all:
    kept, or else found now and kept in the run's folder, or under `out` where that cannot be
    written. `plugins` are the files that were loaded. Raises what `Snapshot.of` and `explain`
    raise."""
    chosen = None if forms is None else tuple(forms)
    steps = run.steps
    if not steps or (step is not None and step not in steps):
        Snapshot.of(run, step)  # raises, saying why
    at = steps[-1] if step is None else step
    try:
        key = _key(run, at, chosen, plugins)
    except OSError:
        Snapshot.of(run, at)  # says what is wrong with the file
        raise
    places = _places(run, out)
    kept, why = _find(places, key)
    if kept is not None:
        return Explained(run, from_plain(kept["facts"]), kept["programs"], True, chosen)
    found = explain(Snapshot.of(run, at) if snapshot is None else snapshot, chosen)
    facts = explanation_facts(found)
    programs = _programs(found)
    refused = _keep(places, Entry(key, {"facts": to_plain(facts), "programs": programs}, True))
    return Explained(run, facts, programs, False, chosen, why, refused, found)


def _programs(e: Explanation) -> dict[str, str]:
    """Those of the named circuits, by form; of a mixture by formula and form."""
    if e.operators:
        each = ((name, _programs(one).items()) for name, one in e.operators.items())
        return {_of_formula(name, form): program for name, some in each for form, program in some}
    return {c.circuit.form: c.circuit.program() for c in e.named.values()}


def _of_formula(formula: str, form: str) -> str:
    """A form of one of a mixture's formulas; the form where there is none."""
    return f"{formula}: {form}" if formula else form


def _key(run: Run, step: int, forms: tuple[str, ...] | None, plugins: Sequence[Path]) -> Key:
    """What an explanation depends on, each part by its name."""
    spec = run.spec
    makers = (x for x in (TASKS.get(spec.task), MODELS.get(spec.model)) if x is not None)
    outside = filter(None, map(outside_code, makers))  # those of this package may not be loaded yet
    every = "" if forms is None else json.dumps(forms)
    split = run.folder / SPLIT_FILE
    return {
        "checkpoint": f"{step} {checkpoint_digest(run, step)}",
        "task": _hash(spec.task, spec.task_args, *outside),
        "split": _hash(spec.split, spec.train_fraction, of_files(split) if split.is_file() else ""),
        "spec": _hash(spec.to_json()),
        "use": _hash(
            of_files(*plugins),
            *(name + outside_code(form.find) for name, form in FORMS.items()),
            *(name + outside_code(row.function) for name, row in ACTIVATIONS.items()),
        ),
        "forms": every,
        "seeds": _hash(spec.seed, spec.split_seed, spec.label_seed),
        "rules": _hash(
            package_version(),
            of_package(),
            torch.__version__,
            torch.get_float32_matmul_precision(),
        ),
    }


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, default=repr, sort_keys=True).encode()).hexdigest()[:16]


def _is_of(key: Key, other: Key) -> bool:
    """Whether both are of one step and the same forms."""
    step, asked = (x.get("checkpoint", "").split(" ")[0] for x in (key, other))
    return (step, key.get("forms")) == (asked, other.get("forms"))


def _places(run: Run, out: Path | None) -> list[Path]:
    """The files that may have it: the run's own, and one under `out`."""
    places = [run.folder / EXPLANATIONS]
    if out is not None:
        known = hashlib.sha256(os.fsencode(os.path.realpath(run.folder))).hexdigest()[:8]
        places.append(out / ".explanations" / f"{run.folder.name}-{known}.json")
    return places


def _find(places: Iterable[Path], key: Key) -> tuple[dict[str, Any] | None, Why]:
    """What was kept under this key; or why what was kept does not hold, if there is any."""
    why: Why = ()
    for path in places:
        try:
            entries = [x for x in read_entries(path) if _is_of(dict(x.key), key)]
        except (DamagedFile, StorageError):
            why = DAMAGED
            continue
        for entry in entries:
            differs = tuple(name for name in key if entry.key.get(name) != key[name])
            why = differs or why
            if differs:
                continue
            if not entry.is_own:
                why = NOT_OURS
                continue
            if _is_sound(entry):
                return entry.found, ()
            why = DAMAGED
    return None, why


def _is_sound(entry: Entry) -> bool:
    """Whether it can be read: what a plug-in found needs the plug-in."""
    try:
        from_plain(entry.found["facts"])
    except (LookupError, TypeError, ValueError):
        return False
    return True


def _keep(places: Iterable[Path], entry: Entry) -> StorageError | None:
    """Write it before the others, in place of that of the same step and forms, into the first file
    that can be written; what the disk said where none can."""
    refused = None
    for path in places:
        try:
            there = read_entries(path)
        except (DamagedFile, StorageError):
            there = []
        others = [x for x in there if not _is_of(dict(x.key), dict(entry.key))]
        try:
            write_entries(path, [entry, *others])
            return None
        except StorageError as error:
            refused = refused or error
    return refused


# ---- as plain numbers ----------------------------------------------------------------------------


T = TypeVar("T")


def if_applicable(f: Callable[[Snapshot], T], snapshot: Snapshot) -> T | None:
    """What `f` gives; None where it is not applicable."""
    try:
        return f(snapshot)
    except NotApplicable:
        return None


def explanation_facts(e: Explanation) -> ExplanationFacts:
    """What an explanation says, in numbers."""
    facts = {id(c): certificate_facts(c) for c in e.certificates}
    s = e.snapshot
    keys = if_applicable(key_parts, s)
    lens = if_applicable(lambda s: s.lens.name, s)
    return ExplanationFacts(
        step=s.step,
        gate=e.gate,
        accuracy=e.accuracy,
        loss=e.loss,
        chance=s.task.chance,
        certificates=tuple(facts.values()),
        named={name: facts[id(c)] for name, c in e.named.items()},
        settling=min((c.circuit.size for c in e.settling), default=None),
        not_found=e.not_found,
        is_of_pairs=s.task.is_of_pairs,
        n_sampled=e.n_sampled,
        lens=lens,
        keys=() if keys is None else keys.names,
        published_keys=published_keys(s),
        embedding_keys=if_applicable(by_embedding, s) or (),
        task=s.task.name,
        assumed=s.assumed,
        operators={name: explanation_facts(one) for name, one in e.operators.items()},
    )


def certificate_facts(c: Certificate) -> CertificateFacts:
    """What a certificate says, in numbers."""
    circuit = c.circuit
    return CertificateFacts(
        evidence=c.evidence,
        form=circuit.form,
        title=circuit.title,
        algorithm=None if c.algorithm is None else c.algorithm.name,
        how=None if c.algorithm is None else c.algorithm.how,
        algorithms=circuit.algorithms,
        parts=circuit.parts,
        size=circuit.size,
        equation=circuit.equation,
        is_of_neurons=circuit.output() is not None,
        neurons={part: int(mine.sum()) for part, mine in circuit.neurons().items()},
        bound=_bound_facts(c.bound),
        own=_bound_facts(c.own),
    )


def _bound_facts(bound: Bound | None) -> BoundFacts | None:
    if bound is None:
        return None
    return BoundFacts(bound.name, bound.accuracy, bound.of_brute_force, bound.reason)
