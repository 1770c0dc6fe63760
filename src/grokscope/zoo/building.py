"""The whole zoo built into a folder that can be pushed: trained or planted, explained, recorded.

    <home>/zoo.json             what was recorded of each network
    <home>/README.md            the card of all of them
    <home>/NAME/                one network, as `packing` writes it
    <home>/.training/           what is not finished yet

What is there is found; what was interrupted goes on.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from grokscope.disk import is_there
from grokscope.explain.judgement import judge
from grokscope.explain.rules import digest
from grokscope.sweep.cost import cost_of
from grokscope.training.files import write_atomically
from grokscope.training.run import Run, spread
from grokscope.training.train import train
from grokscope.zoo.card import CARD, front, table
from grokscope.zoo.manifest import ALL, HERE, NETWORKS, RECORD, Network, Recorded, recorded_in
from grokscope.zoo.packing import copy_run, pack
from grokscope.zoo.planting import drawn, write

TRAINING = ".training"
PLANTING = 1.0, 200_000  # about how many seconds and bytes a planted network takes
Tell = Callable[[Network, Recorded], None]


@dataclass(frozen=True)
class Cost:
    """Of a network: seconds of one processor at most, and bytes of its checkpoints."""

    seconds: float
    kept: int


def cost(network: Network) -> Cost:
    """What building it takes, by a short timing here and now."""
    if network.planted is not None:
        return Cost(*PLANTING)
    one, every = (cost_of([network.spec], "explain", keep) for keep in ("last", "all"))
    is_all = network.checkpoints == ALL
    return Cost(one.seconds, every.kept if is_all else network.checkpoints * one.kept)


def is_built(network: Network, home: Path) -> bool:
    """Whether it is there, as the manifest asks for it now."""
    there = recorded_in(home).get(network.name, {})
    files = (home / network.name / file for file in there.get("files", ()))
    return there.get("asked") == network.whole and all(map(is_there, files))


def build(home: Path, networks: Iterable[Network], tell: Tell) -> None:
    """Build these networks into `home`, and record them there; `tell` is told of each what was
    recorded. Raises what training, reading and the disk raise."""
    for network in networks:
        if not is_built(network, home):
            found = {**recorded_in(home), network.name: _built(network, home)}
            known = {name: found[name] for name in NETWORKS if name in found}
            text = json.dumps({"networks": known}, indent=1)
            write_atomically(home / RECORD, f"{text}\n".encode())
            write_atomically(home / CARD, _card(known).encode())
        tell(network, recorded_in(home)[network.name])
    shutil.rmtree(home / TRAINING, ignore_errors=True)


def _built(network: Network, home: Path) -> Recorded:
    """One network made, packed and judged; what is recorded of it."""
    start = time.process_time()
    run, folder = _made(network, home / TRAINING), home / network.name
    if is_there(folder):
        shutil.rmtree(folder)
    count = network.checkpoints
    steps = run.steps if count == ALL else spread(run.steps, min(count, len(run.steps)))
    pack(run, folder, network.name, network.name, steps, _said(network))
    found = judge(Run.open(folder), digest())
    files = sorted(x for x in folder.iterdir() if x.is_file())
    return {
        "asked": network.whole,
        "verdict": found.verdict,
        "algorithm": found.algorithm,
        "algorithms": found.algorithms,
        "bound": found.bound,
        "accuracy": found.accuracy,
        "step": found.step,
        "checkpoints": len(steps),
        "weights": sum(x.numel() for x in run.weights(steps[-1]).values()),
        "bytes": sum(x.stat().st_size for x in files),
        "seconds": round(time.process_time() - start, 1),
        "grokscope": found.grokscope,
        "rules": found.rules,
        "files": {x.name: hashlib.sha256(x.read_bytes()).hexdigest() for x in files},
    }


def _made(network: Network, place: Path) -> Run:
    if network.planted is None:
        return train(network.spec, place)
    return write(drawn(network.planted), network.spec, place / network.name)


def _said(network: Network) -> list[str]:
    """What its card says of it beside the facts."""
    if network.planted is None:
        made = f"Made by `{network.command}` (source: {network.source})."
    else:
        planted = drawn(network.planted)
        names = ", ".join(sorted(planted.exact)) or "none: it is an impostor"
        notes = f" ({planted.notes})" if planted.notes else ""
        made = f"Its weights were set by hand: {network.planted}. Its algorithm: {names}{notes}."
    return [f"{network.shows[0].upper()}{network.shows[1:]}. {made}"]


def _card(known: dict[str, Recorded]) -> str:
    """The card of all of them."""
    rows = [("network", "source", "what", "verdict", "algorithm", "proved")]
    for name, found in known.items():
        network = NETWORKS[name]
        linked = f"[{name}]({name}/{CARD})"
        proved = f"{found['bound']:.3f}" if found["bound"] else "-"
        said = (found["verdict"], found["algorithm"] or "-", proved)
        rows.append((linked, network.source, network.shows, *said))
    first = (
        "Tiny networks on small tasks, trained until they generalised or did not, and planted ones "
        "whose algorithm is known, each with its explanation and the evidence for it. "
        "`grokscope list zoo` lists them, `grokscope pull NAME` fetches one."
    )
    return "\n\n".join([front("all tasks"), "# A zoo of grokking", first, table(rows)]) + "\n"


def ship(home: Path) -> None:
    """Put into the package what is recorded of a built zoo, and the runs that travel with it."""
    for network in NETWORKS.values():
        shutil.rmtree(network.on_shelf, ignore_errors=True)
        if network.travels and is_built(network, home):
            run = Run.open(home / network.name)
            copy_run(run, network.on_shelf, run.steps)
    write_atomically(HERE / RECORD, (home / RECORD).read_bytes())
