"""What is installed and shipped: pinned, hashed, named, and its licence told."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PIN = re.compile(r"^([\w.-]+)==([\w.]+)(.*(?:\n +.*)*)", re.MULTILINE)
FROM = re.compile(r"""\b(?:from|import)\s*\(?\s*["']([^"']+)["']""")
FILES = ["requirements.txt", "requirements-dev.txt", "requirements-extras.txt"]


def pins(name: str) -> dict[str, str]:
    """Version by package, under the index's spelling of its name."""
    return {key(x): version for x, version, _ in PIN.findall((ROOT / name).read_text())}


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", FILES)
def test_every_version_has_its_hashes(name):
    text = (ROOT / name).read_text()
    found = PIN.findall(text)
    assert len(found) > 50
    for package, _, rest in found:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", rest), package
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)  # no option: no index of anyone's


@pytest.mark.parametrize("name", FILES)
def test_hashed_versions_are_the_tested_ones(name):
    tested = pins("constraints.txt")
    assert {x: v for x, v in pins(name).items() if tested.get(x, v) != v} == {}
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_every_tested_version_is_hashed():
    hashed = set(pins("requirements-dev.txt")) | set(pins("requirements-extras.txt"))
    assert set(pins("constraints.txt")) <= hashed
    needed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["watch"]]
    names = {key(x.partition(">")[0]) for x in needed}
    assert names <= set(pins("requirements.txt"))


def test_the_page_is_built_of_our_own_scripts_alone():
    package = json.loads((ROOT / "web/package.json").read_text())
    assert "dependencies" not in package
    scripts = sorted((ROOT / "web/src").rglob("*.js"))
    assert len(scripts) > 20
    found = {x for script in scripts for x in FROM.findall(script.read_text())}
    built = {"playground.wasm"}  # of web/kernel
    assert {x for x in found if not x.startswith(".")} == built


def test_licences_are_told_of_all_that_is_installed_beside_it():
    text = (ROOT / "THIRD_PARTY_LICENSES.md").read_text()
    rows = re.findall(r"^\| ([\w.-]+) \| ([\d.]+) \| (.+) \|$", text, re.MULTILINE)
    assert all(licence != "?" for _, _, licence in rows)
    told = {key(name): version for name, version, _ in rows}
    elsewhere = ("nvidia", "cuda", "triton", "colorama")  # on other platforms
    here = {x: v for x, v in pins("requirements.txt").items() if not x.startswith(elsewhere)}
    assert told == here


def test_the_licences_are_shipped():
    for name in PROJECT["license-files"]:
        assert (ROOT / name).is_file()
    assert set(PROJECT["license-files"]) == {"LICENSE", "THIRD_PARTY_LICENSES.md"}
