"""`grokscope construct`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from grokscope.cli.options import check_replaceable


def construct(
    modulus: Annotated[int, arg(help="2 to 500")] = 67,
    neurons: Annotated[int, arg(help="1 to 12")] = 5,
    activation: Annotated[Literal["relu", "square"], arg(help="of the neurons")] = "relu",
    file: Annotated[Path, arg(metavar="FILE", help="where to write", aliases=["-o"])] = Path(
        "construct.html"
    ),
) -> None:
    """Write modular addition built by hand: a page that needs no run, with all its mistakes.

    A network of a few neurons, every weight written down (Pearce et al. 2023, Appendix A). The page
    opens on the network asked for; its sliders show others.

    Example: grokscope construct --modulus 67 --neurons 5 -o construct.html
    """
    from grokscope.page.construct import write_construction
    from grokscope.terminal import print_file

    check_replaceable("--file", file)
    print_file(write_construction(file, modulus, neurons, activation))
