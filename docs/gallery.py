"""The gallery: small runs that grok and some that do not, each by one command.

    make gallery        or python -m docs.gallery

trains what is not trained yet (into `runs/`, where `grokscope list runs` shows it), and writes

    docs/gallery.md                     a section a run: picture, command, what became of it
    docs/images/gallery/NAME.png        its curves, and what carries its answers
    docs/gallery/NAME.html              its page, which is not part of the repository

What is said of a run is its own record's; nothing here knows how one ends. Interrupted, the same
command goes on: what is trained, read and drawn is found again.
"""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from grokscope.page.page import write_page
from grokscope.papers import EXPERIMENTS
from grokscope.plots.outline import outline
from grokscope.plots.run import save
from grokscope.reading.facts import Facts
from grokscope.reading.reading import read
from grokscope.reading.story import headline, lead
from grokscope.spec import Spec
from grokscope.training.files import write_atomically
from grokscope.training.machine import use_threads
from grokscope.training.train import train

DOCS = Path(__file__).parent
PAGE, IMAGES, PAGES = DOCS / "gallery.md", DOCS / "images/gallery", DOCS / "gallery"
BEGINNING = """\
# Gallery

Small runs, each by one command of a few seconds, those that failed too. The picture has the
accuracy on the pairs that were shown (blue, dashed) and on the others (orange), and beside it
which parts carry the answers: green those that do, where it generalised. What is said is what the
program says of the run, word for word.

`make gallery` trains all of them and writes this page: {seconds:.0f} CPU-seconds on a slow core
(AMD Zen 1, 2 GHz), less where some are trained already. It also writes the page of each run, to
which the links lead: they open once the command was run here.
"""


@dataclass(frozen=True)
class Shown:
    """A run of the gallery: its name there, what it shows, and what comes after `grokscope run`."""

    name: str
    title: str
    asked: str

    @property
    def spec(self) -> Spec:
        """What that command would train."""
        experiment, *changes = shlex.split(self.asked)
        return EXPERIMENTS[experiment].spec.override(*changes)

    @property
    def page(self) -> Path:
        return PAGES / f"{self.name}.html"

    @property
    def picture(self) -> Path:
        return IMAGES / f"{self.name}.png"


GROUP = "demo_group_adamw"
SOON = "train_fraction=.7 steps=2000 stop_after_grok=150 eval_every=10 checkpoint_every=40"
PARITY = "pair_parity model.d_mlp=64 steps=10000 stop_after_grok=500"
RUNS = (
    Shown("sum", "A sum", "hello"),
    Shown("difference", "A difference", "hello task=a-b"),
    Shown("product", "A product", "hello 'task=a*b'"),
    Shown("squared", "Neurons that square", "hello model.act=square"),
    Shown("transformer", "A Transformer", "demo task.p=31 train_fraction=.6 checkpoint_every=40"),
    Shown("permutations", "Permutations of four things: S4", f"{GROUP} task.group=S4 {SOON}"),
    Shown("dodecagon", "Symmetries of a dodecagon: D12", f"{GROUP} task.group=D12 {SOON}"),
    Shown("bits", "Five bits, each added apart: C2^5", f"{GROUP} task.group=C2^5 {SOON}"),
    Shown("parity", "The parity of three digits of thirty", PARITY),
    Shown("squares", "A sum of squares", "hello 'task=a**2+b**2'"),
    Shown("square", "The square of a sum", "hello 'task=(a+b)**2' steps=2000"),
    Shown("form", "A quadratic form", "hello 'task=a**2+a*b+b**2'"),
    Shown("no_decay", "No weight decay", "hello weight_decay=0"),
    Shown("few", "Few pairs shown", "hello train_fraction=.2"),
    Shown("random", "Answers drawn at random", "hello label_noise=1"),
    Shown("noise", "One answer in ten drawn at random", "hello label_noise=.1"),
)  # fmt: skip


def main() -> None:
    """Make what is not there yet, and write the page."""
    use_threads(1)
    start = time.process_time()
    sections = [section(shown, made(shown)) for shown in RUNS]
    seconds = time.process_time() - start
    text = "\n".join([BEGINNING.format(seconds=seconds), *sections])
    write_atomically(PAGE, text.encode())
    print(f"{PAGE}: {len(RUNS)} runs, {seconds:.0f} CPU-seconds")


def made(shown: Shown) -> Facts:
    """A run trained and read, its page and picture written."""
    start = time.process_time()
    reading = read(train(shown.spec))
    write_page(reading, shown.page)
    save(outline(reading.facts), shown.picture)
    print(f"{shown.name}: {time.process_time() - start:.1f} CPU-seconds", flush=True)
    return reading.facts


def section(shown: Shown, f: Facts) -> str:
    """A run in words, which are its own."""
    headed = headline(f)
    return f"""\
## {shown.title}

![The accuracies over training, and which parts carry the answers: {headed}.](\
{shown.picture.relative_to(DOCS)})

```
grokscope run {shown.asked}
```

**{headed[0].upper()}{headed[1:]}.** {lead(f)}
<a href="{shown.page.relative_to(DOCS)}">Its page</a>.
"""


if __name__ == "__main__":
    main()
