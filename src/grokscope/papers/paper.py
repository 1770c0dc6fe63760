"""What a source gives us: experiments as specs, and the numbers to expect of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from grokscope.spec import Spec
from grokscope.sweep.grid import Grid, Settings, grid


@dataclass(frozen=True)
class Experiment:
    """A spec with a name, and one line that says what it shows."""

    spec: Spec
    shows: str


@dataclass(frozen=True)
class Population:
    """A sweep with a name: a spec, the settings that span its grid, and in `rows` those that vary
    together."""

    spec: Spec
    settings: tuple[str, ...]
    shows: str
    rows: tuple[Settings, ...] = ((),)

    def grid(self, changes: Sequence[str] = ()) -> Grid:
        """Its networks, with these settings in place of its own of the same keys."""
        given = {setting.partition("=")[0] for setting in changes}
        own = [x for x in self.settings if x.partition("=")[0] not in given]
        return grid(self.spec, [*own, *changes], self.rows)


@dataclass(frozen=True)
class Paper:
    """A source, its experiments by name, and its published numbers."""

    citation: str
    experiments: dict[str, Experiment]
    published: dict[str, str]
    sweeps: dict[str, Population] = field(default_factory=dict)
