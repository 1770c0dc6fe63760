"""What a source gives us: experiments as specs, and the numbers to expect of them."""

from dataclasses import dataclass

from grokscope.spec import Spec


@dataclass(frozen=True)
class Experiment:
    """A spec with a name, and one line that says what it shows."""

    spec: Spec
    shows: str


@dataclass(frozen=True)
class Paper:
    """A source, its experiments by name, and its published numbers."""

    citation: str
    experiments: dict[str, Experiment]
    published: dict[str, str]
