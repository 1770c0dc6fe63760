"""Which networks of a sweep are still to be made, and in which batches.

Networks are taken in a random order, always the same one, so that early on there is something of
every cell. Those of one shape make a batch, as many as take a minute or two.
"""

import json
import random
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from grokscope.disk import names_in
from grokscope.errors import BadInput, DamagedFile
from grokscope.spec import Spec
from grokscope.sweep.batch import Batch
from grokscope.training.batch import MOST, NAME, Share, numbers_in
from grokscope.training.train import alike

SEED = 0  # of the order
FEW = 8  # networks of a shape that are looked at, to choose a size
Size = Callable[[str, Sequence[Spec]], tuple[int, int]]  # at least and at most how many, of a shape


@dataclass
class Plan:
    """The places in `specs` of the networks that are missing, of each shape, in the order in which
    they are to be made."""

    specs: Sequence[Spec]
    salt: str = ""  # of the batches' names, where they were made before
    order: list[str] = field(default_factory=list)  # the shape of each
    places: dict[str, deque[int]] = field(default_factory=dict)  # of each shape

    @classmethod
    def of(cls, specs: Sequence[Spec], there: Collection[str], salt: str = "") -> "Plan":
        """The plan of what is not there. Raises `BadInput` for networks that are asked for
        twice."""
        plan, seen = cls(specs, salt), dict[str, int]()
        places = list(range(len(specs)))
        random.Random(SEED).shuffle(places)
        for place in places:
            spec = specs[place]
            if spec.id in seen:
                first, second = sorted((seen[spec.id] + 1, place + 1))
                raise BadInput(f"networks {first:,} and {second:,} are the same. Leave out one.")
            seen[spec.id] = place
            if spec.id not in there:
                key = shape(spec)
                plan.order.append(key)
                plan.places.setdefault(key, deque()).append(place)
        return plan

    def __len__(self) -> int:
        return len(self.order)

    def batches(self, size: Size, workers: int) -> Iterator[Batch]:
        """The batches, one after the other. The last ones are small, so that no worker has much
        left when the others are done."""
        met, taken = Counter[str](), Counter[str]()
        for key in self.order:
            met[key] += 1
            if met[key] <= taken[key]:
                continue
            left = self.places[key]
            least, most = size(key, [self.specs[place] for place in islice(left, FEW)])
            share = -(-len(left) // workers)
            count = max(1, min(MOST, most, max(least, share), len(left)))
            taken[key] += count
            yield Batch.of([self.specs[left.popleft()] for _ in range(count)], self.salt)


def shape(spec: Spec) -> str:
    """What networks of one batch have in common: their task, too, whose lenses they share."""
    return json.dumps([spec.task, spec.task_args, *alike(spec)], sort_keys=True)


def unfinished(work: Path) -> Iterator[Batch]:
    """The batches that were begun: what is left of them is made first."""
    for name in names_in(work):
        if NAME.fullmatch(name) is None:
            continue
        with suppress(DamagedFile, BadInput):
            shares = (Share(work / name, number) for number in numbers_in(work / name).values())
            specs = tuple(share.spec for share in shares)
            if specs:
                yield Batch(name, specs)
