"""Print which benchmarks there are."""

from importlib import import_module

NAMES = (
    "step", "native", "growth", "reading", "explaining", "report", "recipes", "scrubbing",
    "playground", "peers", "gpu", "sweep", "recording", "bounds",
)  # fmt: skip


def main() -> None:
    for name in NAMES:
        what = (import_module(f"benchmarks.{name}").__doc__ or "").partition("\n")[0]
        print(f"python -m benchmarks.{name:<10} {what}")
    print("Each takes --json, --threads N and --rounds N.")


if __name__ == "__main__":
    main()
