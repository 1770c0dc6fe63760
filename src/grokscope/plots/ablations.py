"""A network without its parts, one at a time, as a picture: each loss beside its controls."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from grokscope.plots.picture import Drawing
from grokscope.plots.run import CONTROL, TEST, styled
from grokscope.verify.ablations import Ablated


def plot_ablations(found: Sequence[Ablated], title: str, n_answers: int) -> Figure:
    """A line an ablation: a dot its loss over all pairs, grey dots its random controls; dashed, the
    whole network; dotted, guessing."""
    figure = Drawing(figsize=(8, 0.28 * len(found) + 1.2), layout="constrained")
    panel = figure.subplots()
    whole, rest = found[0], found[1:]
    for i, x in enumerate(rest):
        panel.scatter(x.control_losses, [i] * len(x.control_losses), s=14, color=CONTROL, alpha=0.5)
        panel.scatter([x.loss], [i], s=30, color=TEST, zorder=3)
    panel.axvline(whole.loss, color=CONTROL, ls="--", lw=1, label="nothing removed")
    panel.axvline(math.log(n_answers), color=CONTROL, ls=":", lw=1, label="guessing")
    panel.set_yticks(range(len(rest)), [f"{x.what}, {x.put}" for x in rest], fontsize=8)
    panel.invert_yaxis()
    panel.set_xscale("log")
    panel.set_xlabel("loss over all pairs (grey: as much removed at random)")
    panel.legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=10, parse_math=False)  # a name may hold a $
    styled([panel])
    return figure
