"""The table of docs/papers/groups.md: what of Wu et al.'s networks is proved, by which account.

    grokscope sweep wu2024 steps=13000 seed=0..59 --read explain --keep last --out sweeps/wu2024
    python -m docs.groups sweeps/wu2024

The bounds of each network are computed anew, so that they are those of today; times are of the
processor, each with the hidden layer computed anew. It writes the table between its marks, and
docs/data/wu2024.csv with a line a network.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from benchmarks.bounds import proved
from docs.forecast import filled, markdown
from grokscope.canonical import canonical
from grokscope.circuits.circuit import FORMS, Circuit
from grokscope.circuits.coset.circuit import Cosets
from grokscope.circuits.rho_set.bound import rho_set
from grokscope.circuits.rho_set.circuit import RhoSets
from grokscope.errors import BadInput, NotApplicable
from grokscope.papers.items.cosets import badness
from grokscope.snapshot import Snapshot
from grokscope.sweep.opening import with_last_weights
from grokscope.sweep.statistics import wilson
from grokscope.sweep.table import read_table
from grokscope.task import Task
from grokscope.training.files import write_atomically
from grokscope.training.machine import use_threads
from grokscope.verify.network import Bound, Network, brute_force

HERE = Path(__file__).parent
PAGE, TABLE = HERE / "papers/groups.md", HERE / "data/wu2024.csv"
ACCOUNTS = ("coset", "rho-set")
BRUTE = "brute force"
ROUNDS = 1  # after one without the clock
Row = dict[str, Any]
PUBLISHED = {  # of 100 networks of 25,000 epochs
    "by symmetry >= .95": 0.45, "by symmetry in [.8, .95)": 0.07, "by symmetry in (0, .8)": 0.02,
    "by symmetry 0": 0.46, "a-bad": 0.24, "rho-bad": 0.37, "either": 0.38,
}  # fmt: skip


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("sweep", type=Path)
    folder = ask.parse_args().sweep
    use_threads(1)
    with TemporaryDirectory() as out:
        rows = [measured(row, folder, Path(out)) for row in read_table(str(folder)).to_dicts()]
    write_atomically(TABLE, pl.DataFrame(rows, infer_schema_length=None).write_csv().encode())
    told = {"wu2024": "\n\n".join([markdown(shares(rows)), markdown(costs(rows))])}
    write_atomically(PAGE, filled(PAGE.read_text(), told).encode())


def measured(row: Row, folder: Path, out: Path) -> Row:
    """What is proved of the network of a row of the sweep, and at what cost."""
    found: Row = {k: row[k] for k in ("seed", "memorised", "grokked", "test_accuracy")}
    found |= {"verdict": row["verdict"], "algorithm": row["algorithm"]}
    run = with_last_weights(row, folder, out)
    if run is None:
        raise BadInput(f"{folder} kept no weights of {row['id']}. Sweep with --keep last.")
    snapshot = Snapshot.of(run)
    found |= proofs(snapshot)
    kinds = ("a-bad", "rho-bad", "either")
    try:
        bad = badness(snapshot)
    except NotApplicable:
        return found | dict.fromkeys(kinds)
    return found | {name: bad[name] for name in kinds}


def proofs(snapshot: Snapshot) -> Row:
    """The share of the pairs that each account proves, by symmetry and with its circuit written
    out, and directions without an account, of the operations and the time of brute force; and the
    best of the accounts."""
    s, found = canonical(snapshot), Row()
    network = Network.of(s)
    assert network is not None
    each: dict[str, Callable[[Network], Bound | None]] = {BRUTE: brute_force}
    for form in ACCOUNTS:
        with suppress(NotApplicable):
            circuit = FORMS[form].find(s)
            each[f"{form}, symmetry"] = partial(by_symmetry, circuit=circuit, task=s.task)
            each[form] = partial(circuit.mechanism, task=s.task)
            each["low rank"] = partial(circuit.low_rank, task=s.task)  # of the last there is
    proofs = proved(network, each, ROUNDS)
    whole = proofs.pop(BRUTE)
    for name, proof in proofs.items():
        bound = proof.bound
        found[name] = 0.0 if bound is None else bound.accuracy
        found[f"{name}: operations"] = None if bound is None else bound.of_brute_force
        found[f"{name}: time"] = proof.milliseconds / whole.milliseconds
    for name, kind in (("by symmetry", ", symmetry"), ("own", "")):
        found[name] = max(found.get(f"{form}{kind}", 0.0) for form in ACCOUNTS)
    return found


def by_symmetry(network: Network, *, circuit: Circuit, task: Task) -> Bound:
    """The first round of an account's own proof alone, which is Wu et al.'s."""
    assert isinstance(circuit, Cosets | RhoSets)
    assert task.group is not None
    return rho_set(network, task.group, task.inputs, circuit.claim(), circuit.form)


def shares(rows: Sequence[Row]) -> list[Row]:
    """How many networks there are of each kind, with the 95 % interval of its share."""
    is_so: dict[str, Callable[[Row], bool]] = {
        "generalise": lambda r: r["grokked"] is not None,
        "named with a mechanism": lambda r: bool({"coset", "rho-set"} & _names(r)),
        "by symmetry >= .95": lambda r: r["by symmetry"] >= 0.95,
        "by symmetry in [.8, .95)": lambda r: 0.8 <= r["by symmetry"] < 0.95,
        "by symmetry in (0, .8)": lambda r: 0 < r["by symmetry"] < 0.8,
        "by symmetry 0": lambda r: r["by symmetry"] == 0,
        "cosets by symmetry >= .95": lambda r: r.get("coset, symmetry", 0.0) >= 0.95,
        "ρ-sets by symmetry >= .95": lambda r: r.get("rho-set, symmetry", 0.0) >= 0.95,
        "an account written out >= .95": lambda r: r["own"] >= 0.95,
        "cosets written out >= .95": lambda r: r.get("coset", 0.0) >= 0.95,
        "ρ-sets written out >= .95": lambda r: r.get("rho-set", 0.0) >= 0.95,
        "low rank >= .95": lambda r: r.get("low rank", 0.0) >= 0.95,
        "a-bad": lambda r: bool(r["a-bad"]),
        "rho-bad": lambda r: bool(r["rho-bad"]),
        "either": lambda r: bool(r["either"]),
        "by symmetry >= .95, neither bad": lambda r: r["by symmetry"] >= 0.95 and not r["either"],
    }
    return [
        {
            "": name.replace("rho", "ρ"),
            "published": f"{100 * PUBLISHED[name]:.0f} %" if name in PUBLISHED else "",
            "ours": _share(sum(map(holds, rows)), len(rows)),
        }
        for name, holds in is_so.items()
    ]


def _names(row: Row) -> set[str]:
    return set((row["algorithm"] or "").split(", "))


def _share(hits: int, n: int) -> str:
    x = wilson(hits, n)
    assert x.low is not None
    assert x.high is not None
    return f"{hits} of {n}: {100 * hits / n:.0f} % ({100 * x.low:.0f} to {100 * x.high:.0f})"


def costs(rows: Sequence[Row]) -> list[Row]:
    """What each proof takes of brute force's operations and time: medians, of those that prove .95
    and of all."""
    made = []
    for name in (*(f"{form}, symmetry" for form in ACCOUNTS), *ACCOUNTS, "low rank"):
        there = [r for r in rows if r.get(f"{name}: operations") is not None]
        proved = [r for r in there if r[name] >= 0.95]
        told = {"proof": name, "networks": len(there), "mean proved": _mean(there, name)}
        for which, some in (("of those >= .95", proved), ("of all", there)):
            for what in ("operations", "time"):
                values = [r[f"{name}: {what}"] for r in some]
                told[f"{what}, {which}"] = f"{median(values):.2f}" if values else "-"
        made.append(told | {"quicker": sum(r[f"{name}: time"] < 1 for r in proved)})
    return made


def _mean(rows: Sequence[Row], name: str) -> str:
    return f"{sum(r[name] for r in rows) / len(rows):.3f}" if rows else "-"


if __name__ == "__main__":
    main()
