"""`python -m grokscope` is the command `grokscope`."""

from grokscope.cli import main

main()
