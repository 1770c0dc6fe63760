# %% [markdown]
# # Examine a stranger's checkpoint
#
# Someone sends you a file of weights and says: *it has learned to add modulo 23*. What has it learned, how,
# and how sure can you be? Below, the file is made as people make them, in plain PyTorch. To examine one of
# your own, begin at *Read it*.

# %%
from pathlib import Path

import torch
from torch import nn

from grokscope import Snapshot, plot_maps, plot_spectrum, read_spectrum
from grokscope.explain import explain
from grokscope.foreign import import_networks
from grokscope.measures.measure import evaluate

# %% [markdown]
# ## The stranger
#
# An embedding, two linear maps, AdamW with a large weight decay, 80 % of the pairs.

# %%
p = 23
torch.manual_seed(0)
torch.set_num_threads(1)


class Theirs(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(p, 64)
        self.hidden = nn.Linear(128, 128)
        self.out = nn.Linear(128, p)

    def forward(self, pairs):
        return self.out(self.hidden(self.embed(pairs).flatten(1)).relu())


pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
shown = torch.rand(len(pairs)) < 0.8
network, answers = Theirs(), pairs.sum(dim=1) % p
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=2.0)
for _ in range(1500):
    loss = nn.functional.cross_entropy(network(pairs[shown]), answers[shown])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
Path("theirs").mkdir(exist_ok=True)
torch.save(network.state_dict(), "theirs/adder.pt")
torch.save({"train": pairs[shown]}, "theirs/train_data.pt")  # which pairs it was shown

# %% [markdown]
# ## Read it
#
# Nothing in a file is run: a pickle is read as data. What the layout is follows from names and shapes, the
# task and the activation from the answers, the split from the file beside it. What nobody says is assumed,
# and is said to be.

# %%
(imported,), refused = import_networks([Path("theirs/adder.pt")], Path("runs"))
run = imported.run
print(f"layout {imported.layout}, task {run.task.name}, model {run.spec.model}, "
      f"right on {imported.accuracy:.1%} of all pairs")  # fmt: skip
for note in imported.notes:
    print("-", note)

# %% [markdown]
# It gives the stranger's own logits:

# %%
s = Snapshot.of(run)
with torch.no_grad():
    difference = (s.logits - network(s.task.inputs)).abs().max()
print(f"largest difference of a logit: {float(difference):.1e}")

# %% [markdown]
# ## Has it generalised?

# %%
evaluate(s, ["train_accuracy", "test_accuracy", "test_loss"])

# %%
right = s.is_right.view(p, p).float()
plot_maps({"right": right, "shown": s.is_train.view(p, p).float()})

# %% [markdown]
# ## What is inside
#
# A lens is a way to lay the symbols on a group. The one in which the weights are sparsest wins, if it is ahead
# of weights that are random.

# %%
plot_spectrum(read_spectrum(s))

# %% [markdown]
# ## Is there an algorithm?
#
# Each form of explanation that is known is tried, run in the network's place, and compared with controls. The
# verdict may be *undetermined*, or *not generalised*.

# %%
explanation = explain(s)
print(explanation.verdict, explanation.algorithms)
for certificate in explanation.certificates:
    print(
        f"\n{certificate.circuit.form}: {certificate.verdict}, {certificate.circuit.size:,} numbers"
    )
    for evidence in certificate.reasons[:4]:
        print(f"   {evidence.name}: {evidence.value:.3g}")

# %% [markdown]
# ## Would it have told a fraud?
#
# Shuffle what the stranger learned: a network with the same weights in another order knows nothing, and must
# not be explained.

# %%
state = network.state_dict()
mixed = torch.randperm(p)
torch.save({**state, "embed.weight": state["embed.weight"][mixed]}, "theirs/fraud.pt")
(fraud,), _ = import_networks([Path("theirs/fraud.pt")], Path("runs"), task="a+b")
found = explain(Snapshot.of(fraud.run))
print(f"right on {fraud.accuracy:.1%} of all pairs: {found.verdict}, {found.algorithms}")

# %% [markdown]
# ## From here
#
# The same on the command line: `grokscope import theirs/adder.pt`, `grokscope explain adder`, and
# `grokscope judge` for a folder of strangers. Which files are read, and what is refused with which reason, is
# in [Other people's networks](../foreign.md).
