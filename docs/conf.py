"""How Sphinx builds these pages: Markdown by MyST, dressed by furo, nothing fetched from the web.

Formulas are written as code: the usual renderer loads a script from another site.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import commands  # noqa: E402  (found by the line above)

project = "grokscope"
copyright = "2026, The grokscope developers"

extensions = ["myst_nb", "sphinx.ext.autodoc"]
nb_execution_mode = "off"  # what cells show is kept in the notebooks: see executed.py
autodoc_typehints = "none"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "grokscope"
html_show_sphinx = False


def as_written(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Our docstrings are plain text: nothing is markup but names in backticks, and what is indented
    stays as it stands."""
    text, is_block = [], False
    for line in lines:
        if line.startswith("    ") and not is_block:
            text += ["", "::", ""]
            is_block = True
        elif line and not line.startswith(" ") and is_block:
            text.append("")
            is_block = False
        text.append(line if is_block else re.sub(r"[\\*|]", r"\\\g<0>", line))
    lines[:] = text


MADE = {"cli": commands.commands, "api": commands.names}  # pages whose end is made here


def made(app: Any, page: str, source: list[str]) -> None:
    """The references, at the end of their pages."""
    if page in MADE:
        source[0] += MADE[page]()


def with_gallery(app: Any, error: Exception | None) -> None:
    """The pages of the gallery, where `make gallery` has made them."""
    if (HERE / "gallery").exists() and error is None:
        shutil.copytree(HERE / "gallery", Path(app.outdir) / "gallery", dirs_exist_ok=True)


def setup(app: Any) -> None:
    app.connect("source-read", made)
    app.connect("build-finished", with_gallery)
    app.connect("autodoc-process-docstring", as_written)
