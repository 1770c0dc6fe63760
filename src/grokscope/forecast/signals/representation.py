"""How the last hidden layer spreads; see `measures.representation`."""

from grokscope.errors import NotApplicable
from grokscope.forecast.register import measured, signal
from grokscope.forecast.seen import Seen

ILDR = "Golwala 2026 (2604.20923)"


@signal("weights", "Truong 2026 (2604.13123)", "-Σ q ln q / ln d of the covariance's spectrum")
def spectral_entropy(x: Seen) -> float:
    return measured(x, "spectral_entropy")


@signal("weights", ILDR, "inter-centroid over intra-class scatter, of training pairs")
def ildr_train(x: Seen) -> float:
    return measured(x, "centroid_ratio", "train")


@signal("held-out", ILDR, "the same of at most 1,500 held-out pairs, by their right answers")
def ildr_test(x: Seen) -> float:
    if not x.snapshot.knows_split:
        _ = x.snapshot.is_test  # says why there is none
        raise NotApplicable("no pair is held out.")
    return measured(x, "centroid_ratio", "test")
