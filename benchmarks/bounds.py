"""What proofs of planted networks cost: each account's own, the low-rank one, brute force.

Each network is drawn with noise of 1 % of its weights; the S6 ones take some minutes of the
processor. Times are of the processor, with the hidden layer computed anew for each proof, and
without what all proofs share: what rounding may do to the network as it runs.

    python -m benchmarks.bounds                    all of them
    python -m benchmarks.bounds s5-cosets parity   these
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.timing import Spread, parser, processor, rounds_of, show
from grokscope.canonical import canonical
from grokscope.circuits.circuit import FORMS
from grokscope.errors import lookup
from grokscope.planted import digits, groups, waves
from grokscope.planted.planted import Planted
from grokscope.training.machine import use_threads
from grokscope.verify.network import Bound, Network, brute_force

NOISE, SEED = 0.01, 1
MADE: dict[str, tuple[str, Callable[..., Planted], dict[str, object]]] = {
    "clock-59": ("fourier", waves.clock_relu, {"p": 59}),
    "clock-113": ("fourier", waves.clock_relu, {"p": 113}),
    "clock-401": ("fourier", waves.clock_relu, {"p": 401}),
    "parity": ("parity", digits.parity, {"n": 12, "k": 3, "patterns": 2}),
    "s5-cosets": ("coset", groups.cosets, {"group": "S5", "shared": False}),
    "s5-cosets-one-v": ("coset", groups.cosets, {"group": "S5", "shared": True}),
    "s5-rho-sets": ("rho-set", groups.rho_sets, {"group": "S5"}),
    "s5-rho-sets-two-a": ("rho-set", groups.rho_sets, {"group": "S5", "vectors": 2}),
    "s6-cosets": ("coset", groups.cosets, {"group": "S6", "shared": False}),
    "s6-cosets-one-v": ("coset", groups.cosets, {"group": "S6", "shared": True}),
    "s6-rho-sets": ("rho-set", groups.rho_sets, {"group": "S6"}),
}


@dataclass(frozen=True)
class Proof:
    """A bound and what it took; None where the form has none."""

    bound: Bound | None
    milliseconds: float

    def __str__(self) -> str:
        if self.bound is None:
            return "-"
        share, seconds = self.bound.of_brute_force, self.milliseconds / 1e3
        return f"{self.bound.accuracy:.4g} at {share:.2g}, {seconds:.2g} s"


def measured(name: str, rounds: int) -> dict[str, Proof]:
    """Brute force, the low-rank bound and the account's own of one network."""
    form, plant, sizes = lookup("planted network", name, MADE)
    snapshot = canonical(plant(SEED, NOISE, **sizes).snapshot)
    circuit, network, task = FORMS[form].find(snapshot), Network.of(snapshot), snapshot.task
    assert network is not None
    return proved(
        network,
        {
            "brute force": brute_force,
            "low rank": partial(circuit.low_rank, task=task),
            "its own": partial(circuit.mechanism, task=task),
        },
        rounds,
    )


def proved(
    network: Network, proofs: Mapping[str, Callable[[Network], Bound | None]], rounds: int
) -> dict[str, Proof]:
    """What each proof proves of a network, and what it takes."""
    kept: dict[str, Bound | None] = {}

    def prove(which: str, proof: Callable[[Network], Bound | None]) -> None:
        kept[which] = proof(replace(network))  # one in which nothing is computed yet

    times = rounds_of(
        {which: partial(prove, which, proof) for which, proof in proofs.items()}, rounds
    )
    return {which: Proof(kept[which], Spread.of(times[which]).median) for which in proofs}


def main() -> None:
    asked = parser(__doc__, threads=1, rounds=1)
    asked.add_argument("names", nargs="*", help=f"of {', '.join(MADE)}; by default all")
    args = asked.parse_args()
    use_threads(args.threads)
    rows, result = [], dict[str, object]()
    for name in args.names or MADE:
        proofs = measured(name, args.rounds)
        rows.append([name, *map(str, proofs.values())])
        result[name] = {
            which: proof.bound and {**vars(proof.bound), "milliseconds": proof.milliseconds}
            for which, proof in proofs.items()
        }
    show(
        args,
        {"processor": processor(), **result},
        f"share of the pairs proved at {NOISE:.0%} noise, at which share of brute force",
        ["network", "brute force", "low rank", "its own"],
        rows,
        [processor()],
    )


if __name__ == "__main__":
    main()
