"""Builds the zoo: python -m grokscope.zoo FOLDER.

python -m grokscope.zoo FOLDER --dry-run        what it would take, and nothing made
python -m grokscope.zoo FOLDER sum-31 s4-wu     these networks alone
python -m grokscope.zoo FOLDER --ship           then put what travels into the package
"""

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from grokscope.errors import GrokscopeError
from grokscope.terminal import bar, print_file, print_table
from grokscope.training.machine import use_threads
from grokscope.zoo.building import build, cost, is_built, ship
from grokscope.zoo.manifest import NETWORKS, Network, Recorded, named


def main(
    home: Positional[Path],
    names: Positional[tuple[str, ...]] = (),
    /,
    dry_run: Annotated[
        bool, tyro.conf.arg(help="say what it would take, and make nothing")
    ] = False,
    ship_it: Annotated[
        bool, tyro.conf.arg(name="ship", help="put what travels into the package")
    ] = False,
) -> None:
    """Build the networks of the zoo into a folder that `grokscope push` takes."""
    use_threads(1)
    networks = [named(name) for name in names] or list(NETWORKS.values())
    if dry_run:
        print_table([_planned(network, home) for network in networks])
        return
    with bar("building the zoo") as track:
        done: list[str] = []

        def tell(network: Network, there: Recorded) -> None:
            done.append(network.name)
            track(len(done), len(networks))
            said = f"{there['verdict']}, {there['algorithm'] or 'no algorithm'}"
            took = f"{there['seconds']:,.0f} s, {there['bytes'] / 1e6:.2f} MB"
            print_file(f"{network.name}: {said}; {took}")

        build(home, networks, tell)
    if ship_it:
        ship(home)


def _planned(network: Network, home: Path) -> dict[str, object]:
    if is_built(network, home):
        return {"network": network.name, "seconds": 0, "mb": 0, "": "is there"}
    taken = cost(network)
    return {
        "network": network.name,
        "seconds": round(taken.seconds),
        "mb": round(taken.kept / 1e6, 2),
        "": "",
    }


if __name__ == "__main__":
    try:
        tyro.cli(main, config=(tyro.conf.FlagCreatePairsOff,))
    except GrokscopeError as error:
        raise SystemExit(f"error: {error}") from None
