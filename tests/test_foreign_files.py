"""Other people's files: nothing in them runs, and nothing that they declare is taken on trust."""

import errno
import io
import json
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch

from grokscope.errors import BadInput
from grokscope.foreign.files import Reader, read_file
from tests.layouts import imported, small, weights, write

NET = weights(small("mlp", d_embed=8, d_mlp=10))


class Attack:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *args: Any):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


@pytest.mark.parametrize("container", ["zip", "legacy", "bare"])
@pytest.mark.parametrize("function", [os.system, exec])
def test_a_pickle_that_would_run_code_is_refused_and_does_not(function, container, tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "evil.pt"
    text = f"touch {marker}" if function is os.system else f"open({str(marker)!r}, 'w')"
    attack = Attack(function, text)
    if container == "bare":
        path.write_bytes(pickle.dumps(attack))
    else:
        content = {"model": attack, "W_x": torch.ones(2)}
        torch.save(content, path, _use_new_zipfile_serialization=container == "zip")
    with pytest.raises(
        BadInput, match=r"calls `(posix|nt|builtins|__builtin__)\.(system|exec)`.*run code"
    ):
        imported(path, tmp_path / "out")
    assert not marker.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("name", ["net.pt", "net.safetensors", "legacy", "W.npy", "net.npz"])
def test_a_file_that_was_cut_off_is_refused(share, name, tmp_path):
    arrays: dict[str, Any] = {k: v.numpy() for k, v in NET.items()}
    if name == "legacy":
        path = tmp_path / "net.pt"
        torch.save(NET, path, _use_new_zipfile_serialization=False)
    else:
        path = write(tmp_path, {name: {".npy": arrays["W"], ".npz": arrays}.get(name[-4:], NET)})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput, match=r"is refused: .*(damaged|cut off|are there)"):
        imported(path, tmp_path / "out")


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def legacy_with_more_numbers_than_it_has() -> bytes:
    content = saved({"W": torch.arange(16.0)}, _use_new_zipfile_serialization=False)
    assert content.count(b"K\x10") >= 1
    return content.replace(b"K\x10", b"J\xff\xff\xff\x7f")  # 2^31 of them


def safetensors_of_4_gigabytes() -> bytes:
    header = json.dumps({"W": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}})
    return len(header).to_bytes(8, "little") + header.encode()


def array_of_8_terabytes() -> bytes:
    buffer = io.BytesIO()
    head = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)}
    np.lib.format.write_array_header_1_0(buffer, head)
    return buffer.getvalue() + b"\0" * 64


def array_of_objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
BYTES: list[tuple[str, bytes, str]] = [
    ("model.pt", POINTER, "Git-LFS pointer.*git lfs pull"),
    ("model.pt", b"<!DOCTYPE html><html>not found</html>", "web page"),
    ("model.pt", b"hello, this is a letter to you", "not a file of weights"),
    ("net.pt", archive({"notes.txt": b"hello"}), "not one that torch wrote"),
    (
        "net.pt",
        archive(members(saved({"W": torch.zeros(1000)})), zipfile.ZIP_DEFLATED),
        "compressed",
    ),
    ("objects.npy", array_of_objects(), "only numbers"),
    # sizes that are declared and not there, before memory is taken for them
    ("net.pt", saved({"W": torch.ones(1).expand(10**6, 10**6)}), "written out"),
    ("net.pt", legacy_with_more_numbers_than_it_has(), "of a tensor have"),
    ("net.safetensors", safetensors_of_4_gigabytes(), "damaged"),
    ("net.npy", array_of_8_terabytes(), "are there"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BYTES, ids=[row[2] for row in BYTES])
def test_a_file_is_refused_with_the_reason(name, content, reason, tmp_path):
    path = write(tmp_path, {name: content})
    with pytest.raises(BadInput, match=reason):
        read_file(path)
    with pytest.raises(BadInput, match=rf"{name} is refused: .*{reason}"):
        imported(path, tmp_path / "out")


@dataclass(frozen=True)
class Config:
    """A configuration of a class that the reader does not have."""

    p: int = 7


@pytest.mark.parametrize("more", [{}, {"config": Config()}], ids=["bare", "with a configuration"])
def test_tensors_of_a_gpu_land_on_the_cpu(more, tmp_path):
    parts = members(saved({"model": {"W": torch.arange(4.0)}, **more}))
    moved = {
        name: content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
        for name, content in parts.items()
    }
    assert moved != parts
    W = read_file(write(tmp_path, {"net.pt": archive(moved)}))["model"]["W"]
    assert W.device.type == "cpu"
    assert W.tolist() == [0, 1, 2, 3]


def test_eight_changed_bytes_are_noticed_by_the_checksum(tmp_path):
    content = saved(NET)
    at = content.index(NET["W_x"].numpy().tobytes()) + 16
    changed = content[:at] + bytes(x ^ 0x20 for x in content[at : at + 8]) + content[at + 8 :]
    with pytest.raises(BadInput, match="its numbers do not match their checksum"):
        read_file(write(tmp_path, {"net.pt": changed}))


def test_what_is_read_is_what_torch_reads(tmp_path):
    base = torch.arange(24.0)
    tree = {
        "views": [base.view(4, 6).T, base[3:], base[::2], base.view(2, 3, 4).permute(2, 0, 1)],
        "expanded": base[:1].expand(3, 4),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(2.5, dtype=torch.float64),
        "kinds": [base.to(kind) for kind in (torch.bfloat16, torch.half, torch.int8, torch.bool)],
        "parameter": torch.nn.Parameter(base),
        "plain": [1, -(2**70), 2.5, "é", None, True, {3: "x"}],
    }
    for name, is_zip in (("new.pt", True), ("old.pt", False)):
        path = tmp_path / name
        torch.save(tree, path, _use_new_zipfile_serialization=is_zip)
        content = read_file(path)
        assert list(content) == list(tree)
        assert content["plain"] == tree["plain"]
        for key in ("views", "kinds"):
            for x, y in zip(content[key], tree[key], strict=True):
                assert x.dtype == y.dtype
                assert torch.equal(x, y)
        for key in ("expanded", "empty", "scalar", "parameter"):
            assert torch.equal(content[key], tree[key])
            assert content[key].dtype == tree[key].dtype


def test_numbers_of_the_other_byte_order_are_turned(tmp_path):
    path = write(tmp_path, {"W.npy": np.arange(6, dtype=">f4").reshape(2, 3, order="F")})
    assert read_file(path)["W"].tolist() == np.arange(6).reshape(2, 3, order="F").tolist()
    parts = members(saved({"W": torch.arange(3.0)}))
    turned = np.arange(3, dtype=">f4").tobytes()
    big = {"archive/byteorder": b"big", "archive/data/0": turned}
    assert read_file(write(tmp_path, {"net.pt": archive(parts | big)}))["W"].tolist() == [0, 1, 2]


def test_one_process_reads_all_files_of_a_source(tmp_path, monkeypatch):
    started = []
    begin = subprocess.Popen

    def counted(*args, **options):
        started.append(args)
        return begin(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", counted)
    files = {f"one/{step}.pth": NET for step in (0, 100, 200)} | {"one/cfg.json": {"p": 7}}
    assert imported(write(tmp_path, files).parent, tmp_path / "out").steps == [0, 100, 200]
    assert len(started) == 1


def test_a_process_that_dies_refuses_its_file_and_another_reads_the_next(tmp_path, monkeypatch):
    path = write(tmp_path, {"net.pt": NET})
    with Reader() as reader:
        assert set(reader.read(path)) == set(NET)
        assert reader._process is not None
        reader._process.kill()
        with pytest.raises(BadInput, match=r"net.pt is refused: reading it takes more than 5 sec"):
            reader.read(path)
        assert set(reader.read(path)) == set(NET)


def test_a_folder_with_more_files_than_are_looked_at_is_refused(tmp_path, monkeypatch):
    places = import_module("grokscope.foreign.sources")
    monkeypatch.setattr(places, "MOST_FILES", 20)
    for i in range(30):
        (tmp_path / f"{i}.txt").touch()
    with pytest.raises(BadInput, match="more than 20 files and folders"):
        places.sources(tmp_path)


def test_a_disk_that_refuses_is_no_bad_input(tmp_path, monkeypatch, call):
    path = write(tmp_path, {"net.pt": NET})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = call("import", path, "--out", tmp_path / "out")
    assert said.code == 1
    assert "No space left on device" in said.err
