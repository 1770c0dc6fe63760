"""What is run by the Python of an environment with TransformerLens: it trains networks there, and
runs those that were exported. It knows nothing of this package.

    python there.py trained FOLDER          KIND.pth, KIND.json and KIND.cache.pth of each kind
    python there.py run FOLDER              NAME.cache.pth of each NAME.safetensors with its JSON
"""

import json
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import torch

torch.set_num_threads(1)
P = 13
CONVERTED = "transformer_lens.utilities.tl_checkpoint_conversion"
WIDTHS = {"d_model": 32, "d_head": 8, "n_heads": 4, "d_vocab": P + 1, "n_ctx": 3, "act_fn": "relu"}
KINDS = {
    "default": {"d_vocab_out": P + 1},
    "plain": {"normalization_type": None},
    "rms, gated, two layers": {"normalization_type": "RMS", "gated_mlp": True, "n_layers": 2},
    "attention alone": {"attn_only": True, "n_layers": 2, "normalization_type": None},
    "two tokens, gelu": {"d_vocab": P, "n_ctx": 2, "act_fn": "gelu", "d_head": 16},
}


def is_new():
    """Whether it is 4.x, which has no `HookedTransformer`."""
    return int(version("transformer_lens").split(".")[0]) >= 4


def built(config):
    """A network of the package, as its version makes one."""
    if is_new():
        its_config = import_module("transformer_lens.config").TransformerBridgeConfig(**config)
        bridge = import_module("transformer_lens.model_bridge").TransformerBridge
        return bridge.boot_native(its_config)
    tl = import_module("transformer_lens")
    return tl.HookedTransformer(tl.HookedTransformerConfig(**config))


def tokens_of(config):
    """Every pair, and the answers of a+b."""
    p = config.get("p", P)
    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    with_equals = torch.nn.functional.pad(pairs, (0, 1), value=p)
    return (with_equals if config["n_ctx"] == 3 else pairs), pairs.sum(dim=1) % p


def trained(folder):
    for name, changed in KINDS.items():
        config = {"n_layers": 1, "d_vocab_out": P, "seed": 0} | WIDTHS | changed
        torch.manual_seed(0)
        model, (tokens, answers) = built(config), tokens_of(config)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
        for _ in range(200 if name == "default" else 20):
            loss = torch.nn.functional.cross_entropy(model(tokens)[:, -1], answers)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        torch.save(model.state_dict(), folder / f"{name}.pth")
        (folder / f"{name}.json").write_text(json.dumps(config))
        keep(model, tokens, folder / f"{name}.cache.pth")


def keep(model, tokens, path):
    """The logits at the last position, and every activation that has one of the package's names."""
    with torch.no_grad():
        logits, cache = model.run_with_cache(tokens)
    seen = {name: x for name, x in cache.items() if isinstance(x, torch.Tensor)}
    torch.save({"logits": logits[:, -1], **seen}, path)


def run(folder):
    from safetensors.torch import load_file

    for path in sorted(folder.glob("*.safetensors")):
        config, state = json.loads(path.with_suffix(".json").read_text()), load_file(path)
        model = built(config)
        if is_new():
            is_gated = config.get("gated_mlp")  # such have no biases in 4.x
            state = {k: x for k, x in state.items() if not (is_gated and "mlp.b_" in k)}
            state = import_module(CONVERTED).convert_tl_checkpoint(state, model.cfg)
        model.load_state_dict(state, strict=True)
        p = config["d_vocab"] - (config["n_ctx"] == 3)
        tokens, _ = tokens_of(config | {"p": p})
        keep(model, tokens, path.with_suffix(".cache.pth"))


if __name__ == "__main__":
    {"trained": trained, "run": run}[sys.argv[1]](Path(sys.argv[2]))
