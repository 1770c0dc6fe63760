"""What all tests share: one thread a process, since several run side by side; a small spec; a
browser, where there is one."""

import io
import os
import shutil
import types

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import settings

import tests.shapes  # noqa: F401  (first: it changes how grokscope is checked)

# isort: split
from grokscope.cli import main
from grokscope.reading.reading import Reading, read
from grokscope.spec import Spec
from grokscope.training import native
from grokscope.training.train import train
from tests.browser import Opened

LONGEST = ["test_docs.py", "test_invariant.py", "test_planted.py"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

torch.set_num_threads(1)
settings.register_profile("grokscope", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("grokscope")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's cache of groups."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROKSCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Spec]:
    """A spec that trains in a moment, with these fields changed."""
    base = Spec(
        task_args={"p": 7},
        model_args={"d_model": 16, "n_heads": 2, "d_mlp": 32},
        train_fraction=0.5,
        lr=5e-3,
        steps=60,
        eval_every=5,
        checkpoint_every=10,
    )
    return lambda **changes: replace(base, **changes)


@pytest.fixture
def core() -> Iterator[types.ModuleType]:
    """The library, with the instruction set that it had."""
    native._found.cache_clear()
    if (reason := native.why_not()) is not None:
        pytest.skip(f"no native step ({reason})")
    before = native.library().in_use()
    yield native.library()
    native.library().use(before)


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GROKSCOPE_NATIVE", "off")
    native._found.cache_clear()
    yield
    monkeypatch.undo()
    native._found.cache_clear()


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def call() -> Callable[..., Said]:
    """The command line, in this process and on a wide terminal; what is thrown at its user and not
    told fails the test."""

    def call(*args: object) -> Said:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setenv("COLUMNS", "1000")
            patch.setattr(torch, "set_num_threads", lambda count: None)
            try:
                main([str(x) for x in args])
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Said(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason='pip install -e ".[browser]"')
    with api.sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser) -> Iterator[Opened]:
    found = Opened(browser)
    yield found
    found.context.close()


@pytest.fixture(scope="session")
def of_group(tmp_path_factory) -> Reading:
    """A network that learned S3."""
    spec = Spec(
        task="composition",
        task_args={"group": "S3"},
        model="mlp",
        model_args={"d_embed": 16, "d_mlp": 64},
        train_fraction=0.8,
        lr=1e-2,
        steps=200,
        eval_every=20,
        checkpoint_every=50,
    )
    return read(train(spec, tmp_path_factory.mktemp("of_group")))
