"""What every picture is: a figure of matplotlib that a notebook shows as the value of a cell."""

import io

from matplotlib.figure import Figure

DOTS = 80  # an inch, in a notebook


class Drawing(Figure):
    """A figure that belongs to no window, and is shown without `matplotlib.pyplot`."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=DOTS)
        return buffer.getvalue()
