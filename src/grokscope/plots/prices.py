"""Accounts of one network as curves: what finer numbers cost, and what they leave over."""

from matplotlib.figure import Figure

from grokscope.plots.picture import Drawing
from grokscope.plots.run import CONTROL, styled
from grokscope.reading.compared import Compared
from grokscope.verify.evidence import ANSWERS, OfAll


def plot_prices(accounts: Compared) -> Figure:
    """A line a form over the bits it takes, a dot where its numbers are as coarse as keeps its
    answers; dashed, what a table of the answers takes."""
    figure = Drawing(figsize=(7, 4), layout="constrained")
    panel, table = figure.subplots(), None
    for c, points in accounts.priced:
        price = c.get(OfAll.PRICE)
        assert price is not None
        table = price.controls[ANSWERS]
        (line,) = panel.plot([x.bits for x in points], [x.left_over for x in points], label=c.form)
        here = [x for x in points if x.bits == price.value]
        panel.scatter(
            [x.bits for x in here], [x.left_over for x in here], color=line.get_color(), s=50
        )
    if table is not None:
        panel.axvline(table, color=CONTROL, ls="--", lw=1, label=ANSWERS)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("bits (a dot: as coarse as keeps the answers)")
    panel.set_ylabel("variance of the logits left over")
    panel.legend(fontsize=8, frameon=False)
    figure.suptitle(accounts.task, fontsize=10, parse_math=False)  # a name may hold a $
    styled([panel])
    return figure
