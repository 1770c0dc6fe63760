"""What is published: one address everywhere, pictures that an index can show, no file of CI, notes
that are the changelog's, and workflows that call the scripts that are here."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOME = PROJECT["project"]["urls"]["Repository"]
VERSION = PROJECT["project"]["version"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def script(name: str) -> ModuleType:
    """A script of ours as a module."""
    loader = SourceFileLoader(f"script_{name}", str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    found = importlib.util.module_from_spec(spec)
    loader.exec_module(found)
    return found


def test_one_address_is_written_everywhere():
    owner = HOME.removeprefix("https://github.com/")
    for url in PROJECT["project"]["urls"].values():
        assert url.startswith(HOME)
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cited["url"], cited["repository-code"]) == (HOME, HOME)
    hook = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for x in hook["substitutions"]:
        assert f"/{owner}/" in x["replacement"]


def test_versions_and_dates_agree():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == VERSION
    release = script("release")
    (first, *_) = release.HEAD.finditer((ROOT / "CHANGELOG.md").read_text())
    assert (first[1], first[2]) == (VERSION, cited["date-released"].isoformat())
    assert (ROOT / "tests/versions" / VERSION).is_dir()


def test_links_of_the_readme_become_absolute():
    text = (ROOT / "README.md").read_text()
    hook = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for x in hook["substitutions"]:
        text = re.sub(x["pattern"], x["replacement"].replace("$HFPR_VERSION", VERSION), text)
    targets = re.findall(r"\]\(([^)]*)\)", text)
    assert len(targets) > 5
    assert all(x.startswith("https://") for x in targets)
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", text)
    start = f"https://raw.githubusercontent.com/{HOME[19:]}/v{VERSION}/"
    assert len(pictures) >= 3
    for url in pictures:
        assert url.startswith(start)
        assert (ROOT / url.removeprefix(start)).is_file()


def test_the_notes_of_a_version_are_the_changelogs():
    release = script("release")
    heads = ("## Unreleased", "## 0.3.0 - 2027-01-01", "New.", "## 0.2.0 - 2026-11-30", "Old.")
    text = "\n\n".join(heads) + "\n"
    assert release.notes("0.3.0", text) == "# grokscope 0.3.0\n\nNew.\n"
    assert release.notes("0.2.0", text) == "# grokscope 0.2.0\n\nOld.\n"


def test_a_version_that_is_told_nowhere_is_not_released():
    found = script("release").problems("9.9.9")
    for what in ("CHANGELOG.md has", "CITATION.cff is not", "tests/versions/9.9.9 is missing"):
        assert any(what in line for line in found)


@pytest.mark.parametrize(
    ("bound", "pin"),
    [("torch>=2.6", "torch==2.6.0"), ("rich>=14.0.1", "rich==14.0.1"), ("x>=1.0", "x==1.0.0")],
)
def test_the_lowest_version_is_that_of_the_bound(bound, pin):
    assert script("try_wheel").lowest(bound) == pin


def test_the_lowest_versions_are_of_all_that_is_needed():
    found = script("try_wheel").constraints("lowest", ["torch==2.13.0"])
    assert len(found) == len(PROJECT["project"]["dependencies"])
    assert "torch==2.13.0" in found
    assert not any(x.startswith("torch==2.6") for x in found)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda x: x.stem)
def test_a_workflow_calls_what_is_here(file):
    jobs = yaml.safe_load(file.read_text())["jobs"]
    makefile = (ROOT / "Makefile").read_text()
    for job in jobs.values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            for name in re.findall(r"(?:^|python )((?:scripts|\.ci)/\w+)", step.get("run", "")):
                assert (ROOT / name).is_file()
            for target in re.findall(r"^make ([\w-]+)", step.get("run", "")):
                assert f"\n{target}:" in makefile


def test_every_supported_python_is_tried_and_told():
    jobs = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"]
    tried = jobs["wheel"]["strategy"]["matrix"]["python"]
    told = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert tried == told
    assert PROJECT["project"]["requires-python"] == f">={told[0]}"


def test_the_host_of_the_docs_builds_what_is_built_here():
    asked = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text())
    assert (ROOT / asked["sphinx"]["configuration"]).is_file()
    assert asked["sphinx"]["fail_on_warning"]


@pytest.mark.skipif(importlib.util.find_spec("build") is None, reason="needs: pip install build")
@pytest.mark.long
def test_what_is_built_has_its_networks_and_its_pictures_and_nothing_of_ci(tmp_path):
    asked = [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(asked, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    (wheel,) = tmp_path.glob("*.whl")
    with tarfile.open(sdist) as file:
        names = {Path(*Path(x).parts[1:]).as_posix() for x in file.getnames()}
    assert "scripts/check" in names
    assert not [x for x in names if x.startswith((".github", ".ci", ".readthedocs", "runs"))]
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (metadata,) = (x for x in names if x.endswith("/METADATA"))
        told = message_from_bytes(file.read(metadata))
    assert {"grokscope/py.typed", "grokscope/zoo/zoo.json"} <= names
    assert "grokscope/zoo/networks/s5-cosets/spec.json" in names
    assert f"v{VERSION}/docs/images/story.png" in str(told.get_payload())
    assert f"Repository, {HOME}" in told.get_all("Project-URL", [])
