"""`grokscope diff`."""

from pathlib import Path

from grokscope.cli.options import Json, OneRun, Out


def diff(run: OneRun, other: OneRun, /, out: Out = Path("runs"), json: Json = False) -> None:
    """Say in what two runs differ: their settings, and the first evaluation that is not the same.

    Example: grokscope diff a+b-transformer-1f a+b-transformer-c2
    """
    from dataclasses import asdict

    from grokscope.cli.find import find
    from grokscope.reading.differences import differences
    from grokscope.terminal import print_differences, print_json

    runs = find(run, out), find(other, out)
    found = differences(*runs)
    if json:
        print_json({"runs": [x.name for x in runs], **asdict(found)})
    else:
        print_differences(runs[0].name, runs[1].name, found)
