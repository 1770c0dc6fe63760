"""Group convolution: what it finds where it was planted, what it prints, what it must refuse."""

import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra.splits import isotypic
from grokscope.circuits.convolution import Convolution, OnProduct, find
from grokscope.circuits.convolution.evidence import OfKernel
from grokscope.circuits.lookup import find as find_lookup
from grokscope.errors import NotApplicable, UnknownName
from grokscope.explain.explanation import explain
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.tap import Tap, no_tap
from grokscope.tasks import make_task
from grokscope.verify.verify import OfAll, verify
from tests.published import CHECKPOINTS, chughtai, pizza


class Tabled(Model):
    """A network that is known on the inputs of one task alone, by its hidden layer there; asked
    about fewer, on the first of them."""

    def __init__(self, hidden: Float[Tensor, "pair neuron"], W_L: Float[Tensor, "neuron c"]):
        super().__init__()
        self.n_answers = W_L.shape[1]
        self.register_buffer("table", hidden)
        self.register_buffer("W_L", W_L)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        hidden = tap("mlp_post", self.get_buffer("table")[: len(inputs)])
        return tap("logits", hidden @ self.get_buffer("W_L"))

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {"c": self.get_buffer("W_L").T}


def network(task, logits, is_train=None):
    """A network with these logits, read straight off its hidden layer."""
    everywhere = torch.ones(len(task.inputs), dtype=torch.bool)
    model = Tabled(logits.double(), torch.eye(task.n_answers, dtype=torch.float64))
    return Snapshot(task, everywhere if is_train is None else is_train, model)


def with_kernel(task, keys, seed=0, height=40.0):
    """A network whose logits are a kernel in these parts, peaked at the identity."""
    group = task.lenses[0].group
    one = torch.zeros(group.order, dtype=torch.float64)
    one[group.identity] = height
    noise = torch.randn(group.order, generator=torch.Generator().manual_seed(seed)).double()
    kernel = isotypic(group).project(keys, (one + 0.1 * noise)[:, None])[:, 0]
    return network(task, Convolution(task.lenses[0], tuple(keys), kernel).logits(task)), kernel


def groups(name):
    return make_task("composition", {"group": name})


PLANTED = [
    (make_task("a+b", {"p": 13}), ["frequency 2", "frequency 5"]),
    (make_task("a-b", {"p": 13}), ["frequency 1", "frequency 6"]),
    (make_task("a*b", {"p": 13}), ["character 1", "character 4"]),
    (groups("D7"), ["frequency 2"]),
    (groups("S4"), ["standard"]),
    (groups("A5"), ["3a", "5d"]),
    (groups("Q8"), None),
    (groups("C2^4"), None),
]


@pytest.mark.parametrize(("task", "keys"), PLANTED, ids=lambda x: getattr(x, "name", None))
def test_a_planted_kernel_is_found_again(task, keys):
    names = isotypic(task.lenses[0].group).names
    wanted = [k for k in keys or names[-1:] if k in names] or names[-1:]
    s, kernel = with_kernel(task, wanted)
    found = find(s)
    assert isinstance(found, Convolution)
    assert set(found.keys) == set(wanted)
    assert torch.allclose(found.kernel, kernel - kernel.mean(), atol=1e-9)
    assert torch.allclose(found.logits(task), s.logits - s.logits.mean(1, keepdim=True), atol=1e-9)


@pytest.mark.parametrize(("task", "keys"), PLANTED, ids=lambda x: getattr(x, "name", None))
def test_what_it_prints_runs_and_gives_its_answers(task, keys):
    names = isotypic(task.lenses[0].group).names
    wanted = [k for k in keys or names[-1:] if k in names] or names[-1:]
    s, _ = with_kernel(task, wanted)
    assert_runs(find(s), task)


def assert_runs(circuit, task):
    """The program's logits are the circuit's, and its answers the largest of them."""
    space: dict = {}
    exec(circuit.program(), space)
    mine = circuit.logits(task)
    for i in range(0, len(task.inputs), max(1, len(task.inputs) // 60)):
        a, b = task.inputs[i].tolist()
        printed = torch.tensor(space["logits"](a, b), dtype=torch.float64)
        gap = (printed - printed.mean()) - (mine[i] - mine[i].mean())
        assert gap.abs().max() < 1e-4 * mine.abs().max()
        assert space["answer"](a, b) == int(printed.argmax())


@pytest.mark.parametrize("formula", ["(a+b)**2", "a**2+b**2", "a*b"])
def test_a_function_of_a_sum_or_product_has_a_table_of_waves(formula):
    task = make_task(formula, {"p": 12 if formula == "a*b" else 13})
    logits = 9 * torch.nn.functional.one_hot(task.answers, task.n_answers).double()
    found = find(network(task, logits))
    assert isinstance(found, OnProduct) == (formula != "a**2+b**2")
    assert (found.logits(task).argmax(dim=1) == task.answers).all()
    assert_runs(found, task)


def test_products_with_0_stand_apart():
    task = make_task("a*b", {"p": 13})
    s, _ = with_kernel(task, ["character 1", "character 2"])
    x = s.logits.clone()
    is_zero = task.answers == 0
    x[is_zero] = 0
    x[is_zero, 0] = 30
    found = find(network(task, x))
    assert (found.logits(task).argmax(dim=1)[is_zero] == 0).all()
    assert found.size == 4 + 3


@pytest.mark.parametrize("name", ["C13", "S4", "D7"])
def test_a_lookup_table_is_explained_but_not_certified(name):
    task = groups(name)
    s = network(task, 20 * torch.nn.functional.one_hot(task.answers, task.n_answers).double())
    certificate = verify(s, find(s))
    assert certificate.value(OfAll.SAME_LOGITS) > 0.999
    assert certificate.verdict == "fails"
    assert certificate.reasons[0].tested is OfKernel.KERNEL_AHEAD
    assert verify(s, find_lookup(s)).verdict == "fails"
    assert explain(s, ["convolution", "lookup"]).algorithms == ()


def test_a_network_of_few_waves_is_certified():
    task = make_task("a+b", {"p": 31})
    s, _ = with_kernel(task, ["frequency 3", "frequency 7", "frequency 11"])
    found = explain(s, ["convolution", "lookup"])
    assert found.gate.verdict == "generalised"
    assert found.algorithm == "convolution"
    (best, *_) = found.certificates
    assert best.verdict == "holds"
    assert best.circuit.size == 6


def test_noise_is_not_explained():
    task = make_task("a+b", {"p": 31})
    noise = torch.randn(961, 31, generator=torch.Generator().manual_seed(0))
    assert explain(network(task, noise), ["convolution"]).certificates[0].verdict == "fails"


def test_a_kernel_that_each_pair_scales_is_undetermined():
    task = make_task("a+b", {"p": 31})
    s, _ = with_kernel(task, ["frequency 3", "frequency 7", "frequency 11"])
    x = s.logits - s.logits.mean(1, keepdim=True)
    scale = torch.randn(961, 1, generator=torch.Generator().manual_seed(0)).mul(0.5).exp()
    (found,) = explain(network(task, x * scale), ["convolution"]).certificates
    assert found.verdict == "undetermined"
    assert found.reasons[0].tested is OfAll.SAME_LOGITS


def test_a_memoriser_is_no_algorithm_whatever_its_circuit():
    task = make_task("a+b", {"p": 31})
    s, _ = with_kernel(task, ["frequency 3", "frequency 7", "frequency 11"])
    is_train = task.is_train(0.5, 0, "unordered")
    x = s.logits.clone()
    x[~is_train] = x[~is_train].roll(1, dims=1)
    found = explain(network(task, x, is_train), ["convolution", "lookup"])
    assert found.gate.verdict == "not generalised"
    assert found.algorithm is None


@pytest.mark.parametrize("k", [2, 5, 12])
def test_automorphisms_change_no_verdict(k):
    task = make_task("a+b", {"p": 31})
    s, _ = with_kernel(task, ["frequency 3", "frequency 7", "frequency 11"])
    image = (k * torch.arange(31)) % 31
    a, b = image[task.inputs].unbind(dim=1)
    moved = s.logits[a * 31 + b][:, image]
    one, other = (explain(x, ["convolution"]).certificates[0] for x in (s, network(task, moved)))
    assert one.verdict == other.verdict == "holds"
    tests = (OfAll.SAME_LOGITS, OfAll.REMOVED, OfAll.SIZE)
    assert [one.value(x) for x in tests] == pytest.approx([other.value(x) for x in tests])


def test_any_relabelling_destroys_the_kernel():
    task = groups("S4")
    s, _ = with_kernel(task, ["standard"])
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    a, b = order[task.inputs].unbind(dim=1)
    (found,) = explain(network(task, s.logits[a * 24 + b][:, order]), ["convolution"]).certificates
    assert found.verdict == "fails"


def test_class_functions_are_told_apart_from_other_kernels():
    task = groups("S4")
    character = isotypic(task.group).parts["standard"]
    assert task.group is not None
    one = character @ character[task.group.identity]
    s = network(task, Convolution(task.lenses[0], ("standard",), one).logits(task))
    assert verify(s, find(s)).value(OfKernel.CLASS_FUNCTIONS) == pytest.approx(1)
    s, _ = with_kernel(task, ["standard"], height=0.0)
    assert verify(s, find(s)).value(OfKernel.CLASS_FUNCTIONS) < 0.7


def test_parts_can_be_kept_one_by_one_and_add_up():
    task = groups("S4")
    s, _ = with_kernel(task, ["sign", "standard"])
    found = find(s)
    each = torch.stack([found.keeping([k]).logits(task) for k in found.keys])
    assert torch.allclose(each.sum(dim=0), found.logits(task), atol=1e-9)
    with pytest.raises(UnknownName, match="standard"):
        found.keeping(["standrad"])


def test_a_task_without_a_product_has_none():
    task = make_task("a**3+a*b", {"p": 13})
    with pytest.raises(NotApplicable, match="sum or a product"):
        find(network(task, torch.zeros(169, 13)))


@pytest.mark.skipif(not CHECKPOINTS.exists(), reason="needs published checkpoints")
class TestPublished:
    def test_s5_has_a_kernel_that_is_no_class_function(self):
        task = make_task("composition", {"group": "S5", "elements": "chughtai2023"})
        s = Snapshot(task, task.is_train(0.4, 2, "ordered"), chughtai("S5_MLP_seed2"))
        found = verify(s, find(s))
        assert found.circuit.parts == ("sign", "standard")
        assert found.value(OfKernel.CLASS_FUNCTIONS) == pytest.approx(0.848, abs=1e-3)
        assert found.value(OfAll.SAME_LOGITS) == pytest.approx(0.993, abs=1e-3)
        assert found.verdict == "holds"

    @pytest.mark.parametrize("run", ["p99zdpze5l", "l8k1hzciux", "p71frej8t7", "qlvxqhkvit"])
    def test_pizzas_and_clocks_are_convolutions(self, run):
        task = make_task("a+b", {"p": 59})
        everywhere = torch.ones(len(task.inputs), dtype=torch.bool)
        s = Snapshot(task, everywhere, pizza(run))
        found = verify(s, find(s))
        assert found.verdict == "holds"
        assert found.value(OfAll.SAME_LOGITS) > 0.98
