"""The early warning of a run as a strip of HTML: its chance at each landmark that it has passed,
and whether the alarm has sounded, with how often that is false."""

from html import escape

from grokscope.forecast.foretold import Foretold, Moment, of_run
from grokscope.forecast.locked import read_locked
from grokscope.forecast.told import foretold
from grokscope.reading.sentences import percent
from grokscope.training.run import Run


def warning(run: Run) -> str:
    """The strip; nothing where no locked model applies to the run."""
    locked = read_locked()
    found = None if locked is None else of_run(run, locked)
    return "" if found is None or found.why_not is not None else strip(found)


def strip(f: Foretold) -> str:
    """What is foretold as HTML."""
    moments = "".join(map(_moment, f.moments))
    texts = "".join(f"<p>{escape(text).replace(' %', '&nbsp;%')}</p>" for text in foretold(f))
    sounded = ' data-alarm="yes"' if f.heard else ""
    return (
        f'<section class="forecast"{sounded}><h2>Will it grok?</h2>\n<ol>{moments}</ol>\n'
        f'<div class="small">{texts}</div></section>'
    )


def _moment(x: Moment) -> str:
    chance = percent(round(x.chance, 2)).replace(" %", "&nbsp;%")
    return f'<li style="--chance: {x.chance:.0%}"><b>{chance}</b> at step {x.step:,}</li>'
