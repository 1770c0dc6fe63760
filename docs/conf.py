"""How Sphinx builds these pages: Markdown by MyST, dressed by furo, nothing fetched from the web.

Formulas are written as code: the usual renderer loads a script from another site.
"""

project = "grokscope"
copyright = "2026, The grokscope developers"

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "grokscope"
html_show_sphinx = False
