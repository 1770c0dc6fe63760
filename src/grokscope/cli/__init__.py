"""The command line, a verb a file. Torch is imported by a verb when it needs it, so that --help and
--version answer at once."""

from grokscope.cli.main import main

__all__ = ["main"]
