import pytest
import torch

from grokscope.errors import BadInput
from grokscope.spec import Spec
from grokscope.training.check import memory_needed
from grokscope.training.machine import check_device, free_memory, keep_memory, use_threads
from grokscope.training.run import Run


def test_free_memory_is_a_plausible_number_of_bytes():
    assert 10**8 < free_memory("cpu") <= 1 << 62


def test_the_allocator_is_asked_once_and_nothing_breaks():
    keep_memory()
    keep_memory()
    assert torch.ones(1000, 1000).sum() == 1e6


def test_two_threads_unless_told_otherwise():
    before = torch.get_num_threads()
    try:
        assert use_threads() in (1, 2)
        assert use_threads(1) == 1
        with pytest.raises(BadInput, match="`--threads` must be a whole number from 1"):
            use_threads(0)
    finally:
        torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_refused():
    check_device("cpu")
    with pytest.raises(BadInput, match="no device is called `gpu`"):
        check_device("gpu")


def test_memory_grows_with_the_network_the_task_and_the_formulation(tmp_path):
    def needed(**changes) -> int:
        spec = Spec(**{"task_args": {"p": 113}, "formulation": "folded", **changes})
        run = Run.of(spec, tmp_path)
        return memory_needed(run, run.new_model())

    small = needed()
    assert needed(model_args={"d_mlp": 2048}) > 1.5 * small
    assert needed(formulation="reference", train_fraction=0.9) > 1.3 * small
    assert needed(precision="float64") > 1.3 * small
    assert needed(task_args={"p": 59}) < small
    assert needed(formulation="fast") <= small  # the native step, where there is one, takes less
