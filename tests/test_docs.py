"""What the README and the documentation show is run, in order, as a reader would.

Blocks marked bash are command lines, each run in turn; blocks marked python are programs; blocks
marked text are what the commands above them print, of which every word must come; unmarked blocks
are not run, but the make targets and spec names in them must exist. The pages share a folder where
the first example is trained once; the demo is trained by the long tests alone.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import grokscope
from docs.commands import commands, helped, names, packages
from docs.gallery import PAGE, RUNS, section
from grokscope import Run, read, train
from grokscope.cli.main import VERBS
from grokscope.papers import EXPERIMENTS
from tests.reader import execute

ROOT = Path(__file__).parents[1]
LATER = ("howto", "tutorial.md")  # they train more runs of the first example's name
PAGES = sorted(
    [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
    key=lambda page: [x in page.parts for x in LATER],
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"\b[A-Za-z]{3,}\b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("reader")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_block_runs(page, folder):
    told = ""
    for language, block in BLOCK.findall(page.read_text()):
        if language == "bash":
            for line in block.splitlines():
                program, *arguments = shlex.split(line, comments=True)
                assert program == "grokscope"
                more = ["--threads", "1"] if arguments[0] == "run" else []
                told = execute([*arguments, *more], folder)
        elif language == "text":
            assert set(WORD.findall(block)) - set(WORD.findall(told)) == set(), told
        elif language == "python":
            execute(block, folder)


def test_the_first_example_memorises_groks_and_is_explained(folder):
    execute(["run", "hello", "--threads", "1"], folder)
    run = Run.of(EXPERIMENTS["hello"].spec, folder / "runs")
    facts = read(run).facts
    assert run.events.stop == "grokked"
    assert facts.memorised_first
    assert (run.events.delay or 0) > 3 * (run.events.t_memorize or 0)  # a gap that can be seen
    assert facts.explanation is not None
    assert facts.explanation.algorithm == "clock"
    assert facts.explanation.bound is not None


@pytest.mark.long
def test_the_demo_memorises_first_and_generalises_later(tmp_path):
    execute(["run", "demo", "--threads", "1"], tmp_path)
    found = Run.of(EXPERIMENTS["demo"].spec, tmp_path / "runs").folder
    run = Run.open(found)
    reading = read(run)
    assert run.events.stop == "grokked"
    assert run.events.t_memorize is not None
    assert run.events.delay is not None
    assert run.events.delay > run.events.t_memorize  # a gap that can be seen
    last = run.rows[-1]
    assert last["test_accuracy"] == 1.0
    assert (found / "report.html").stat().st_size > 100_000

    assert reading.keys is not None
    assert 3 <= len(reading.keys.names) <= 8
    assert (reading.keys.gap or 0) > 2
    final = reading.table.row(-1, named=True)
    assert final["restricted_loss_sum[all]"] < 1e-4
    assert final["excluded_loss_sum_train"] > 1
    assert final["excluded_loss_sum_train_control"] < final["excluded_loss_sum_train"] / 1000


def test_a_command_says_no_warning_from_the_first_import_on():
    asked = [sys.executable, "-W", "error", "-m", "grokscope", "list", "specs"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo" in done.stdout


def test_unmarked_blocks_name_things_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for language, block in BLOCK.findall(page.read_text()):
            if language:
                continue
            for target in re.findall(r"^make (\w+)", block, re.MULTILINE):
                assert f"\n{target}:" in makefile, target
            for name in re.findall(r"^grokscope run (\w+)(?= |$)(?!=)", block, re.MULTILINE):
                assert name in EXPERIMENTS, name


def test_the_gallery_shows_the_runs_that_are_listed_with_their_pictures():
    text = PAGE.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [shown.title for shown in RUNS]
    assert re.findall(r"^grokscope run (.*)$", text, re.MULTILINE) == [x.asked for x in RUNS]
    assert len({shown.spec.id for shown in RUNS}) == len(RUNS) >= 12
    for shown in RUNS:
        assert f"(images/gallery/{shown.name}.png)" in text
        assert f'href="gallery/{shown.name}.html"' in text
    sizes = [shown.picture.stat().st_size for shown in RUNS]
    assert max(sizes) < 40_000
    assert sum(sizes) < 500_000


@pytest.mark.long
@pytest.mark.parametrize("shown", RUNS, ids=lambda x: x.name)
def test_the_gallery_says_what_its_runs_say(shown, tmp_path):
    assert section(shown, read(train(shown.spec, tmp_path)).facts) in PAGE.read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_an_example_and_says_what_is_meant(verb):
    text = helped(verb)
    assert f"Example: grokscope {verb}" in text
    for vague in ("STR", "PATH", "{None}", "default: None", "default: )", "repeatable ("):
        assert vague not in text


def test_every_verb_and_every_exported_name_is_in_the_references():
    assert re.findall(r"^## grokscope (\w+)$", commands(), re.MULTILINE) == list(VERBS)
    text = names()
    assert {"grokscope", "grokscope.measures", "grokscope.planted"} <= set(packages())
    for name in grokscope.__all__:
        assert len(re.findall(rf"^\.\. auto\w+:: grokscope\.{name}$", text, re.MULTILINE)) == 1


def test_the_house_page_lists_every_file():
    tree = (ROOT / "docs/house.md").read_text()
    source = ROOT / "src/grokscope"
    for file in source.rglob("*.py"):
        if not file.stem.startswith("__"):
            assert f"\n    {file.relative_to(source)} " in tree, file


def test_nothing_names_the_machine_it_was_written_on():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert tracked
    for name in tracked:
        if name.endswith((".py", ".md", ".toml", ".txt", ".cff", ".yaml")) and "tests" not in name:
            text = (ROOT / name).read_text()
            assert "/work/" not in text, name
            assert "../shared" not in text, name
