"""Published checkpoints, read into our models, for golden tests; they skip where there are none."""

from pathlib import Path

from grokscope.foreign.importing import recognise
from grokscope.foreign.sources import sources
from grokscope.models.mlp import MLP
from grokscope.models.model import Model

CHECKPOINTS = Path(__file__).parents[2] / "shared/checkpoints"


def pizza(run: str) -> Model:
    """A network of Zhong et al. 2023 (their folder `save`) by its run id."""
    return _only(CHECKPOINTS / f"pizza/model_{run}.pt")


def chughtai(run: str) -> MLP:
    """An MLP of Chughtai et al. 2023 by the name of its run, as in S5_MLP_seed2."""
    model = _only(CHECKPOINTS / "groups" / run / "model.pt")
    assert isinstance(model, MLP)
    return model


def _only(path: Path) -> Model:
    (source,) = sources(path)
    (model,) = recognise(source).networks.values()
    return model
