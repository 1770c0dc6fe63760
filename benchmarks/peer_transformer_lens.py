"""The peer's side of `benchmarks.peers`: runs in `.venv-peers`, and imports nothing of ours.

The configuration of TransformerLens's Grokking_Demo: one layer, no normalisation, frozen biases,
113 output classes, a cross-entropy in float64. A line "VARIANT TIMES" on standard input is answered
with that many times in milliseconds of the processor, as JSON, after one call without the clock.
"""

import json
import sys
import time
import warnings

import torch
from torch import Tensor

P = 113


def data() -> tuple[Tensor, Tensor, Tensor]:
    """Every input [a, b, =], its answer, and the pairs in random order, 3,830 to train on first."""
    a, b = torch.cartesian_prod(torch.arange(P), torch.arange(P)).unbind(dim=1)
    order = torch.randperm(P * P, generator=torch.Generator().manual_seed(0))
    return torch.stack([a, b, torch.full_like(a, P)], dim=1), (a + b) % P, order


def network() -> torch.nn.Module:
    """The demo's network, its biases frozen."""
    from transformer_lens import (  # pyright: ignore[reportMissingImports]
        HookedTransformer,
        HookedTransformerConfig,
    )

    config = HookedTransformerConfig(
        n_layers=1,
        n_heads=4,
        d_model=128,
        d_head=32,
        d_mlp=512,
        act_fn="relu",
        normalization_type=None,
        d_vocab=P + 1,
        d_vocab_out=P,
        n_ctx=3,
        init_weights=True,
        device="cpu",
        seed=999,
    )
    model = HookedTransformer(config)
    for name, weight in model.named_parameters():
        weight.requires_grad_("b_" not in name)
    return model


def loss(model: torch.nn.Module, inputs: Tensor, answers: Tensor) -> Tensor:
    """The mean cross-entropy at the last position, in float64."""
    log_probabilities = model(inputs)[:, -1].double().log_softmax(dim=-1)
    return -log_probabilities.gather(1, answers[:, None]).mean()


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    warnings.simplefilter("ignore")
    inputs, answers, order = data()
    train, test = order[: int(0.3 * P * P)], order[int(0.3 * P * P) :]
    taught, held_out = (inputs[train], answers[train]), (inputs[test], answers[test])
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))

    def train_step() -> None:
        loss(model, *taught).backward()
        optimizer.step()
        optimizer.zero_grad()

    def train_and_test_step() -> None:
        train_step()
        with torch.inference_mode():
            loss(model, *held_out)

    steps = {"train": train_step, "train_and_test": train_and_test_step}
    answer, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    for line in sys.stdin:
        variant, times = line.split()
        steps[variant]()
        found = []
        for _ in range(int(times)):
            start = time.process_time()
            steps[variant]()
            found.append(1e3 * (time.process_time() - start))
        print(json.dumps(found), file=answer, flush=True)


if __name__ == "__main__":
    main()
