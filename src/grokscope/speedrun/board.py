"""The board: the records of each track, and when they were set. Any of them is judged again by
`grokscope speedrun NAME`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """An entry as it was judged: its median seed took `step` steps and `seconds` of the processor,
    `ratio` times less than the reference recipe in the same run; of `seeds` so many succeeded, and
    so many certificates held."""

    contest: str
    settings: tuple[str, ...]
    by: str
    date: str
    ratio: float
    seconds: float
    step: int
    seeds: int
    succeeded: int
    held: int
    on: str  # the processor, and the step that trained it


ZEN = "AMD EPYC, Zen 1 at 2 GHz, native step v3"
ZEN4 = "AMD EPYC, Zen 4, native step v4"

RECORDS: dict[str, Record] = {
    "mlp-eps": Record(
        "mlp",
        ("lr=.05", "weight_decay=2", "eval_every=10", "eps=1e-6"),
        "grokscope", "2026-11-29",
        ratio=71.4, seconds=6.945, step=410, seeds=20, succeeded=20, held=20, on=ZEN,
    ),
    "mlp-betas": Record(
        "mlp",
        ("lr=.05", "betas=.9,.95", "weight_decay=2", "eval_every=10", "eps=1e-6"),
        "grokscope", "2026-11-30",
        ratio=65.8, seconds=3.429, step=540, seeds=20, succeeded=20, held=20, on=ZEN4,
    ),
    "transformer-128": Record(
        "transformer",
        (
            "lr=.02", "betas=.9,.95", "model.d_mlp=128", "eps=1e-6", "eval_every=10",
            "stop_after_grok=400",
        ),
        "grokscope", "2026-11-30",
        ratio=52.0, seconds=3.469, step=260, seeds=20, succeeded=20, held=19, on=ZEN4,
    ),
    "transformer-slow": Record(
        "transformer",
        (
            "lr=.014", "betas=.9,.95", "model.d_mlp=128", "eps=1e-6", "eval_every=10",
            "stop_after_grok=400",
        ),
        "grokscope", "2026-11-30",
        ratio=36.2, seconds=4.865, step=400, seeds=20, succeeded=20, held=20, on=ZEN4,
    ),
    "width-decay": Record(
        "width",
        (
            "lr=.01", "betas=.9,.95", "weight_decay=2", "eps=1e-6", "eval_every=10",
            "stop_after_grok=400",
        ),
        "grokscope", "2026-11-30",
        ratio=27.1, seconds=6.79, step=225, seeds=20, succeeded=20, held=20, on=ZEN4,
    ),
    "width-eps": Record(
        "width",
        ("lr=.01", "betas=.9,.95", "eps=1e-6", "eval_every=10", "stop_after_grok=400"),
        "grokscope", "2026-11-30",
        ratio=13.1, seconds=13.74, step=465, seeds=20, succeeded=20, held=20, on=ZEN4,
    ),
    "S5-256": Record(
        "S5",
        (
            "model=wu", "model.d_mlp=256", "optimizer=adam", "optimizer.undecayed=b_*", "lr=.005",
            "weight_decay=1e-3", "eval_every=10",
        ),
        "grokscope", "2026-11-30",
        ratio=99.8, seconds=6.961, step=440, seeds=20, succeeded=20, held=20, on=ZEN4,
    ),
    "S5-fast": Record(
        "S5",
        (
            "model=wu", "model.d_mlp=256", "optimizer=adam", "optimizer.undecayed=b_*", "lr=.007",
            "weight_decay=1e-3", "eval_every=10",
        ),
        "grokscope", "2026-11-30",
        ratio=118.4, seconds=5.75, step=360, seeds=20, succeeded=20, held=19, on=ZEN4,
    ),
}  # fmt: skip
