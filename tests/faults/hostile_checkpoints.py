"""Hostile and odd checkpoints, each made by a few lines: what attacks, lies, bombs and damage look
like in a file of weights. The ideas are those of public scanners of pickles (fickling, picklescan)
and of zip and JSON bombs; every file is made here.

A case builds its files in an empty folder and returns what is to be imported; a payload would write
the file `canary` there.
"""

import io
import json
import os
import pickle
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save as as_safetensors
from torch import Tensor

from tests.layouts import lookup, table_of

Build = Callable[[Path], Path]
Content = Callable[[str], bytes]  # of a payload: Python that writes the canary

NET: dict[str, Tensor] = lookup(table_of("a+b", p=7))  # quick to import: what it answers is known
ARRAYS = {name: w.numpy() for name, w in NET.items()}


@dataclass(frozen=True, eq=False)
class Case:
    """What is built, why it is refused (a pattern), or what else may come of it."""

    build: Build
    reason: str = ""
    is_harmless: bool = False  # it is imported
    may_be_same: bool = False  # or it is imported, and is then the same network as `NET`


def every() -> dict[str, Case]:
    """All of them, by name."""
    kinds = (
        calls(), tricks(), harmless(), bombs(), zips(), cuts(), safetensors(), arrays(),
        legacy(), jsons(), parquets(), shapes(), special(), names(),
    )  # fmt: skip
    return {name: case for kind in kinds for name, case in kind}


# ---- files ---------------------------------------------------------------------------------------


def file(name: str, content: bytes | Content, **others: bytes) -> Build:
    def build(folder: Path) -> Path:
        payload = f"open({str(folder / 'canary')!r}, 'w')"
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content(payload))
        for other, its_content in others.items():
            (folder / other.replace("__", ".")).write_bytes(its_content)
        return path

    return build


def saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return buffer.getvalue()


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def zipped(pickled: bytes, numbers: bytes = bytes(64)) -> bytes:
    """A file of torch with this pickle."""
    return archive({"x/data.pkl": pickled, "x/version": b"3\n", "x/data/0": numbers})


def old(pickled: bytes) -> bytes:
    """A file of torch before 1.6 with this pickle."""
    magic, protocol, system = (pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {}))
    return magic + protocol + system + pickled + pickle.dumps([], 2)


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {"zip": zipped, "legacy": old, "bare": bytes}
ZIP, LEGACY = saved(NET), saved(NET, _use_new_zipfile_serialization=False)
SAFE = as_safetensors(NET)


def npy(x: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, x, allow_pickle=True)
    return buffer.getvalue()


def npz(arrays: dict[str, Any], compressed: bool = False) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


# ---- pickles that would run code -----------------------------------------------------------------


def text(x: str) -> bytes:
    raw = x.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(module: str, function: str) -> bytes:
    return f"c{module}\n{function}\n".encode()


def on_stack(module: str, function: str) -> bytes:
    return text(module) + text(function) + b"\x93"


FUNCTIONS = (
    "os.system", "posix.system", "nt.system", "builtins.eval", "builtins.exec",
    "__builtin__.eval", "builtins.compile", "builtins.__import__", "builtins.getattr",
    "builtins.open", "builtins.breakpoint", "subprocess.Popen", "subprocess.check_output",
    "runpy.run_path", "runpy._run_code", "importlib.import_module", "shutil.rmtree",
    "pty.spawn", "pickle.loads", "_pickle.loads", "marshal.loads", "socket.create_connection",
    "webbrowser.open", "functools.partial", "operator.attrgetter", "operator.methodcaller",
    "types.FunctionType", "types.CodeType", "code.InteractiveInterpreter", "timeit.timeit",
    "cProfile.run", "pdb.run", "ctypes.CDLL", "pydoc.pipepager", "asyncio.run",
    "multiprocessing.Process", "http.client.get", "torch.load", "torch.hub.load",
    "torch.jit.load", "torch.ops.load_library", "torch.storage._load_from_bytes",
    "torch._dynamo.guards.GuardBuilder.get", "torch.utils.cpp_extension.load", "numpy.load",
    "numpy.f2py.crackfortran.myeval", "numpy.testing._private.utils.runstring", "pip.main",
    "pathlib.Path.write_text", "logging.config.dictConfig", "idlelib.run.main", "sys.exit",
    "site.main", "venv.create", "zipimport.zipimporter", "ensurepip._run_pip", "lib2to3.main",
)  # fmt: skip


def calls() -> Iterator[tuple[str, Case]]:
    for i, function in enumerate(FUNCTIONS):
        module, _, last = function.rpartition(".")

        def content(payload: str, module: str = module, last: str = last, i: int = i) -> bytes:
            called = b"\x80\x02" + name(module, last) + text(payload) + b"\x85R."
            return CONTAINERS["zip" if i % 3 else "legacy"](called)

        yield f"call of {function}", Case(file("net.pt", content), r"calls `")


def _exec(payload: str) -> dict[str, bytes]:
    """Ways to have `exec(payload)` done, as pickles without their ends."""
    p, g = text(payload), name("builtins", "exec")
    spelt = payload.encode("unicode_escape")
    return {
        "GLOBAL REDUCE": g + p + b"\x85R",
        "protocol 0": b"cbuiltins\nexec\n(V" + spelt + b"\ntR",
        "STACK_GLOBAL": b"\x80\x04" + on_stack("builtins", "exec") + p + b"\x85R",
        "STACK_GLOBAL in a frame": b"\x80\x04\x95\xff\0\0\0\0\0\0\0"
        + on_stack("builtins", "exec") + p + b"\x85R",
        "STACK_GLOBAL by the memo": text("exec") + b"q\x05" + text("builtins") + b"q\x06"
        + b"00h\x06h\x05\x93" + p + b"\x85R",
        "a dotted name": b"\x80\x04" + on_stack("os", "path.os.system") + p + b"\x85R",
        "INST": b"(" + p + b"ibuiltins\nexec\n",
        "OBJ": b"(" + g + p + b"o",
        "NEWOBJ": b"\x80\x02" + name("builtins", "map") + g + p + b"\x85\x86\x81R",
        "NEWOBJ of a call": g + p + b"\x85R" + b")\x81",
        "NEWOBJ_EX": b"\x80\x04" + name("functools", "partial") + g + p + b"\x86}\x92)R",
        "a call of an instance": name("x", "Y") + b")\x81" + p + b"\x85R",
        "a call of a text": p + p + b"\x85R",
        "a call of a call": name("builtins", "getattr") + name("os", "path") + text("system")
        + b"\x86R" + p + b"\x85R",
        "BUILD with __setstate__": name("x", "Y") + b")\x81}" + text("__setstate__") + g + b"sb"
        + p + b"b" + g + p + b"\x85R",
        "BUILD with __reduce__": name("x", "Y") + b")\x81}" + text("__reduce__") + g + b"sb"
        + name("copyreg", "_reconstructor") + g + name("builtins", "object") + b"N\x87R" + p
        + b"\x85R",
        "a call behind a tensor": b"}" + text("W") + g + p + b"\x85Rs",
        "a call as a key": b"}" + g + p + b"\x85RNs",
        "a call that is thrown away": g + p + b"\x85R0N",
        "a call below a mark": b"(" + g + p + b"\x85R1N",
        "a call in a storage": b"(" + text("storage") + g + p + b"\x85R" + text("0") + text("cpu")
        + b"K\x04tQ",
        "a call as a device": name("torch", "device") + g + p + b"\x85R\x85R",
        "a call in an ordered dictionary": name("collections", "OrderedDict") + b"]]("
        + text("W") + g + p + b"\x85Ree\x85R",
        "a factory": name("collections", "defaultdict") + g + b"\x85R" + g + p + b"\x85R",
        "a subclass of dict": name("x", "D") + b")\x81" + text("W") + g + p + b"\x85Rs",
        "numpy's reconstruct": name("numpy.core.multiarray", "_reconstruct") + g
        + b"K\x00\x85C\x01b\x87R" + g + p + b"\x85Rb",
        "a pickle in a pickle": name("pickle", "loads") + b"B" + struct.pack("<I", 8)
        + b"cos\nabc.\x85R",
        "a hook of a parameter": name("torch._utils", "_rebuild_parameter") + b"N\x88" + g + p
        + b"\x85R\x87R",
        "a tensor of another kind": name("torch._utils", "_rebuild_sparse_tensor") + p + b"\x85R",
        "a tensor by a function": name("torch._tensor", "_rebuild_from_type_v2") + g + b"NNN(\x94"
        + p + b"\x85tR",
    }  # fmt: skip


def tricks() -> Iterator[tuple[str, Case]]:
    for trick in _exec(""):
        for container, wrapped in CONTAINERS.items():

            def made(payload: str, trick: str = trick, wrapped: Any = wrapped) -> bytes:
                pickled = _exec(payload)[trick]
                head = b"" if pickled[:1] == b"\x80" else b"\x80\x02"
                return wrapped(head + pickled + b".")

            yield f"{trick}, {container}", Case(file("net.pt", made), r"is refused: ")
    for code, size in ((b"\x82", 1), (b"\x83", 2), (b"\x84", 4)):
        pickled = b"\x80\x02" + code + (1).to_bytes(size, "little") + text("x") + b"\x85R."
        yield f"EXT{size}", Case(file("net.pt", zipped(pickled)), rf"a step EXT{size}")
    for step, opcode in (
        ("PERSID", b"P0\n"),
        ("NEXT_BUFFER", b"\x97"),
        ("READONLY_BUFFER", b"N\x98"),
    ):
        content = zipped(b"\x80\x05" + opcode + b".")
        yield f"step {step}", Case(file("net.pt", content), f"a step {step}")


class Config:
    """A class that no reader has."""


def harmless() -> Iterator[tuple[str, Case]]:
    config = Config()
    config.__dict__ |= {"p": 7, "path": Path("a/b"), "device": torch.device("cuda:1")}
    more: dict[str, Any] = {
        "a configuration": config,
        "numpy": {"a": np.arange(6.0).reshape(2, 3, order="F"), "x": np.float64(1.5)},
        "big endian": np.arange(3, dtype=">i4"),
        "a set": {1, 2},
        "kinds": [torch.float32, torch.strided, torch.Size([1, 2]), slice(3), range(9)],
        "a long number": 10**3000,
        "surrogates": "\ud800\udfff",
        "not a number": [float("nan"), float("inf")],
        "bytes": [b"abc", bytearray(b"abc"), 1j],
        "odd keys": {(1, 2): 3, None: 4, 2.5: 5, b"x": 6},
        "empty": {"a": torch.empty(0), "b": torch.empty(3, 0), "c": {}},
        "a scalar": torch.tensor(3),
    }
    for what, x in more.items():
        content = saved({"model": NET, "more": x}, pickle_protocol=4)
        yield f"harmless: {what}", Case(file("net.pt", content), is_harmless=True)
    for protocol in (1, 2, 3, 4, 5):
        content = saved({"model": NET}, pickle_protocol=protocol)
        yield f"harmless: protocol {protocol}", Case(file("net.pt", content), is_harmless=True)


# ---- small files that would take the machine -----------------------------------------------------


def _pairs(depth: int, last: bytes) -> bytes:
    """(x, x) of (x, x) of ...: 2^depth values in 2 bytes a level."""
    return b"\x80\x02" + text("x") + b"q\0" + b"h\0h\0\x86q\0" * depth + last + b"."


def _nested(depth: int, opened: bytes = b"]") -> bytes:
    return b"\x80\x02" + opened * depth + b"a" * (depth - 1) + b"."


def bombs() -> Iterator[tuple[str, Case]]:
    device = name("torch", "device") + b"h\0\x85R"
    a_set, a_range = name("builtins", "set"), name("builtins", "range")
    million = b"J" + struct.pack("<i", 10**7)
    eight = struct.pack("<Q", 2**40)
    rows: dict[str, tuple[bytes, str]] = {
        "pairs under a device": (_pairs(40, device), "something else than text"),
        "pairs": (_pairs(60, b""), "nested more than|over 1,000,000 values"),
        "pairs, 19 levels": (_pairs(30, b""), "nested more than|over 1,000,000 values"),
        "pairs as a key": (_pairs(60, b"}h\0Ns"), ""),
        "pairs in a set": (_pairs(60, b"\x8f(h\0\x90"), ""),
        "pairs as a name": (_pairs(40, b"h\0h\0\x93"), "no text"),
        "pairs as a path": (
            _pairs(40, name("pathlib", "PosixPath") + b"h\0\x85R"),
            "else than text",
        ),
        "pairs as a shape": (_pairs(40, name("torch", "Size") + b"h\0\x85R"), ""),
        "a memo of 60 million": (
            b"\x80\x02Nr" + struct.pack("<I", 60_000_000) + b".",
            "no weights",
        ),
        "a memo of 4 billion": (b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b".", "no weights"),
        "a memo in text": (b"Np99999999999\n.", "no weights|not a file of weights|not one that"),
        "what was not put": (b"\x80\x02j" + struct.pack("<I", 7) + b".", "damaged"),
        "a set of a range": (
            b"\x80\x02" + a_set + a_range + million + b"\x85R\x85R.",
            "a range of",
        ),
        "a range of ranges": (
            b"\x80\x02" + a_range + b"\x8a\x08" + struct.pack("<q", 2**60) + b"\x85R.",
            "a range of",
        ),
        "a number of 2^31 bytes": (
            b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"1.",
            "damaged",
        ),
        "a number of a million digits": (b"L" + b"9" * 10**6 + b"L\n.", "damaged"),
        "a number of 8 MB": (
            b"\x80\x02\x8b" + struct.pack("<i", 8 * 10**6) + b"\x7f" * 8 * 10**6 + b".",
            "no weights",
        ),
        "a frame of a terabyte": (b"\x80\x04\x95" + eight + b"N.", "no weights|damaged"),
        "bytes of a terabyte": (b"\x80\x04\x8e" + eight + b"x.", "damaged"),
        "text of a terabyte": (b"\x80\x04\x8d" + eight + b"x.", "damaged"),
        "a byte array of a terabyte": (b"\x80\x05\x96" + eight + b"x.", "damaged"),
        "bytes of 2 GB": (b"\x80\x03B" + struct.pack("<I", 2**31 - 1) + b"x.", "damaged"),
        "a hundred thousand lists": (_nested(10**5), "nested more than"),
        "a million lists": (_nested(10**6), "nested more than|seconds of a proc"),
        "a hundred thousand tuples": (b"\x80\x02N" + b"\x85" * 10**5 + b".", "nested more than"),
        "a hundred thousand marks": (b"\x80\x02" + b"(" * 10**5 + b"N.", "no weights|damaged"),
        "ten million empty lists": (b"\x80\x02(" + b"]" * 10**7 + b"l.", "steps|values|MB|seconds"),
        "ten million memoized": (
            b"\x80\x04(" + b"N\x94" * 10**7 + b"l.",
            "steps|values|MB|seconds",
        ),
        "a list that holds itself": (b"\x80\x02]q\0h\0a.", "nested more than"),
        "a dictionary that holds itself": (b"\x80\x02}q\0" + text("x") + b"h\0s.", "nested"),
        "keys of one hash": (
            b"\x80\x02}(" + b"".join(_long(i * (2**61 - 1)) + b"N" for i in range(20_000)) + b"u.",
            "",
        ),
        "no end": (b"\x80\x02N", "damaged"),
        "nothing": (b"\x80\x02.", "damaged"),
        "no stack": (b"\x80\x02R.", "damaged"),
        "no mark": (b"\x80\x02Nt.", "damaged"),
        "no pickle": (b"\x80\x02\xff\xfe.", "damaged"),
        "protocol 99": (b"\x80\x63N.", "no weights|damaged"),
    }
    for what, (pickled, reason) in rows.items():
        yield f"bomb: {what}", Case(file("net.pt", zipped(pickled)), reason)
    zeros = np.zeros(4 * 10**8, np.uint8)
    yield "bomb: npz", Case(lambda f: _bomb(f, zeros), "unpacked it has")
    yield (
        "bomb: a file of 4 GB",
        Case(lambda f: _sparse(f / "net.pt", b"PK\3\4"), "at most 1,000 MB"),
    )
    yield (
        "bomb: safetensors of 4 GB",
        Case(lambda f: _sparse(f / "net.safetensors", b"\xff"), "at most 1,000 MB"),
    )
    yield (
        "bomb: a header of 900 MB",
        Case(
            lambda f: _sparse(f / "n.safetensors", _length(9 * 10**8 - 8), 9 * 10**8), "its header"
        ),
    )
    yield "bomb: zeros of 900 MB", Case(lambda f: _sparse(f / "n.pt", b"", 9 * 10**8), "not a file")


def _long(x: int) -> bytes:
    raw = x.to_bytes(11, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def _length(x: int) -> bytes:
    return x.to_bytes(8, "little") + b"{"


def _bomb(folder: Path, zeros: np.ndarray) -> Path:
    """Zeros that unpack to 400 times their size."""
    path = folder / "net.npz"
    np.savez_compressed(path, W_input=zeros)
    assert path.stat().st_size < 10**6
    return path


def _sparse(path: Path, start: bytes, size: int = 4 * 10**9) -> Path:
    """A file of holes."""
    with path.open("wb") as opened:
        opened.write(start)
        opened.truncate(size)
    return path


# ---- zips ----------------------------------------------------------------------------------------


def _with(content: bytes, find: bytes, put: bytes, count: int = -1) -> bytes:
    assert find in content
    return content.replace(find, put, count)


def _record(content: bytes, name: str) -> tuple[int, int]:
    """Where the numbers of a record begin and end."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        info = opened.getinfo(name)
    at = info.header_offset
    start = at + 30 + sum(struct.unpack("<HH", content[at + 26 : at + 30]))
    return start, start + info.file_size


def _directory(content: bytes, name: str, offset: int, kind: str, value: int) -> bytes:
    """The file with a field of a record's entry in the central directory changed."""
    at = content.rindex(name.encode()) - 46 + offset
    return content[:at] + struct.pack(kind, value) + content[at + struct.calcsize(kind) :]


def _eight_bytes(content: bytes) -> bytes:
    start, end = _record(content, "archive/data/2")
    changed = bytes(x ^ 0x20 for x in content[start + 16 : start + 24])
    assert end - start > 24
    return content[: start + 16] + changed + content[start + 24 :]


def _twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for key, content in [*members(ZIP).items(), ("archive/data/0", bytes(196))]:
                opened.writestr(key, content)
    return buffer.getvalue()


def _moved(**changes: bytes) -> dict[str, bytes]:
    return members(ZIP) | changes


def zips() -> Iterator[tuple[str, Case]]:
    parts = members(ZIP)
    torch.serialization.set_crc32_options(False)
    unchecked = saved(NET)
    torch.serialization.set_crc32_options(True)
    key = "archive/data/0"
    huge = 2**32 - 2
    rows: dict[str, tuple[bytes, str]] = {
        "no pickle": (archive({"a": b"b"}), "not one that torch wrote"),
        "two pickles": (archive(parts | {"b/data.pkl": b"N."}), "not one that torch wrote"),
        "empty": (b"PK\x05\x06" + bytes(18), "not one that torch wrote"),
        "a program": (archive(parts | {"archive/constants.pkl": b"N."}), "TorchScript"),
        "compressed": (archive(parts, zipfile.ZIP_DEFLATED), "compressed"),
        "bzip2": (archive(parts, zipfile.ZIP_BZIP2), "compressed"),
        "lzma": (archive(parts, zipfile.ZIP_LZMA), "compressed"),
        "a record twice": (_twice(), "two records of one name"),
        "numbers missing": (archive({k: v for k, v in parts.items() if k != key}), "missing"),
        "fewer numbers": (archive(parts | {key: parts[key][:-4]}), "are there"),
        "no numbers": (archive(parts | {key: b""}), "are there"),
        "encrypted": (_directory(ZIP, key, 8, "<H", 1), "encrypted"),
        "a larger size": (_directory(ZIP, key, 24, "<I", huge), ""),
        "both sizes larger": (
            _directory(_directory(ZIP, key, 24, "<I", huge), key, 20, "<I", huge), "",
        ),
        "another place": (_directory(ZIP, key, 42, "<I", 10**9), ""),
        "the place of another": (_directory(ZIP, key, 42, "<I", 0), ""),
        "another checksum": (_directory(ZIP, key, 16, "<I", 1), "checksum"),
        "without checksums": (unchecked, "without checksums"),
        "eight changed bytes": (_eight_bytes(ZIP), "checksum"),
        "a version of 99": (_directory(ZIP, key, 6, "<H", 99), ""),
        "a method of 99": (_directory(ZIP, key, 10, "<H", 99), "compressed"),
        "a comment behind": (ZIP + b"\0" * 70_000, "damaged"),
        "a directory of 4 GB": (_with(ZIP, ZIP[-10:-6], b"\xff\xff\xff\xff"), ""),
        "another zip64": (ZIP[:-22] + b"PK\x06\x07" + bytes(16) + ZIP[-22:], ""),
    }  # fmt: skip
    for what, (content, reason) in rows.items():
        yield f"zip: {what}", Case(file("net.pt", content), reason)
    for what, member in (
        ("traversal", "../../canary"), ("absolute", "/tmp/canary"), ("NUL", "a\0b"),
        ("a device", "CON"), ("a backslash", "..\\canary"), ("an escape", "\x1b[2J"),
    ):  # fmt: skip
        content = archive(parts | {member: b"x"})
        yield f"zip: a record called by {what}", Case(file("net.pt", content), is_harmless=True)
    traversing = {k.replace("archive/", "../../archive/"): v for k, v in parts.items()}
    yield "zip: all above", Case(file("net.pt", archive(traversing)), is_harmless=True)

    def many(_: str) -> bytes:
        return archive({f"x/{i}": b"" for i in range(100_001)} | {"x/data.pkl": b"N."})

    yield "zip: a hundred thousand records", Case(file("net.pt", many), "records")
    yield "zip: behind a script", Case(file("net.pt", b"#!/bin/sh\n" * 9 + ZIP), "not a file of")


def flips() -> Iterator[tuple[str, bytes]]:
    """Files of `NET` with one bit changed, where a change of the numbers would be noticed."""
    for kind, content, end in (
        ("zip", ZIP, len(ZIP)),
        ("legacy", LEGACY, 700),
        ("safe", SAFE, 200),
    ):
        generator = torch.Generator().manual_seed(1)
        for at in torch.randint(end, (30,), generator=generator).tolist():
            yield f"{kind}, {at}", content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def cuts() -> Iterator[tuple[str, Case]]:
    every: dict[str, tuple[str, bytes]] = {
        "zip": ("net.pt", ZIP),
        "legacy": ("net.pt", LEGACY),
        "safetensors": ("net.safetensors", SAFE),
        "npz": ("net.npz", npz({"W_input": ARRAYS["W_x"], "W_output": ARRAYS["W_y"]})),
        "compressed npz": ("net.npz", npz({"W_input": ARRAYS["W_x"]}, compressed=True)),
        "npy": ("W_input.npy", npy(ARRAYS["W_x"])),
    }
    for what, (called, content) in every.items():
        for share in (0, 9, 50, 300, 600, 900, 990, 999):
            cut = content[: len(content) * share // 1000]
            yield f"{what}, cut off at {share / 10} %", Case(file(called, cut), "is refused: ")


# ---- safetensors, arrays, legacy, JSON -----------------------------------------------------------


def _safe(header: Any, numbers: bytes = bytes(16)) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + numbers


def _w(**changes: Any) -> dict[str, Any]:
    return {"W": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | changes}


def safetensors() -> Iterator[tuple[str, Case]]:
    two = _w(data_offsets=[0, 16]) | {"V": _w()["W"]}
    rows: dict[str, tuple[bytes, str]] = {
        "overlapping": (_safe(two), "overlap"),
        "a gap": (_safe(_w(data_offsets=[4, 20]), bytes(20)), "gaps"),
        "more behind": (_safe(_w(), bytes(20)), "are there"),
        "reversed": (_safe(_w(data_offsets=[16, 0])), "damaged"),
        "negative": (_safe(_w(data_offsets=[-16, 0])), "damaged"),
        "2^63": (_safe(_w(shape=[2**61], data_offsets=[0, 2**63])), "damaged"),
        "2^64 twice": (_safe(_w(shape=[2**40, 2**40])), "damaged"),
        "a negative axis": (_safe(_w(shape=[-4])), "damaged"),
        "a half": (_safe(_w(shape=[4.0])), "damaged"),
        "true": (_safe(_w(shape=[True, 4])), "damaged"),
        "an axis of nothing": (_safe(_w(shape=[0, 10**12], data_offsets=[0, 0]), b""), "of shape"),
        "another kind": (_safe(_w(dtype="F8_E4M3")), "F8_E4M3"),
        "complex": (_safe(_w(dtype="C64", shape=[2])), "complex64"),
        "no kind": (_safe(_w(dtype=7)), "damaged"),
        "null": (_safe(b"null"), "no JSON object"),
        "a list": (_safe(b"[]" + b" " * 9), "no JSON object"),
        "no dictionary": (_safe({"W": 3}), "damaged"),
        "not UTF-8": (_safe(b'{"\xff": 1}'), "no JSON object"),
        "deep": (_safe(b'{"W":' * 50_000), "no JSON object"),
        "a number of a million digits": (_safe(b'{"W":' + b"9" * 10**6 + b"}"), "no JSON object"),
        "no end": (_safe(b'{"W": {'), "no JSON object"),
        "a long header": ((2**63).to_bytes(8, "little") + b"{" * 99, "header"),
        "a hundred axes": (_safe(_w(shape=[4] + [1] * 99)), "axes"),
        "no tensors": (_safe({}, b""), ""),
        "notes alone": (_safe({"__metadata__": {"a": "b"}}, b""), ""),
    }  # fmt: skip
    for what, (content, reason) in rows.items():
        yield f"safetensors: {what}", Case(file("net.safetensors", content), reason)
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    yield (
        "safetensors: a hundred thousand tensors",
        Case(
            file("net.safetensors", lambda _: _safe({f"W{i}": empty for i in range(10**5)}, b"")),
            "more than 60,000 tensors",
        ),
    )


def _npy(header: str, numbers: bytes = b"", version: bytes = b"\1\0") -> bytes:
    raw = header.encode()
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(raw))
    return b"\x93NUMPY" + version + length + raw + numbers


def _head(descr: Any = "<f4", shape: Any = (4,), fortran: Any = False) -> str:
    return repr({"descr": descr, "fortran_order": fortran, "shape": shape})


def arrays() -> Iterator[tuple[str, Case]]:
    objects = npy(np.array([Config()], dtype=object))
    rows: dict[str, tuple[bytes, str]] = {
        "true as an axis": (_npy(_head(shape=(True,)), bytes(4)), "which is none"),
        "a negative axis": (_npy(_head(shape=(-1,))), "which is none"),
        "a half": (_npy(_head(shape=(4.0,)), bytes(16)), "which is none"),
        "no tuple": (_npy(_head(shape=4), bytes(16)), "which is none"),
        "10^18": (_npy(_head(shape=(10**18,)), bytes(16)), "are there"),
        "an axis of nothing": (_npy(_head(shape=(0, 10**12))), "of shape"),
        "objects": (objects, "only numbers"),
        "long double": (npy(np.zeros(3, np.longdouble)), "only numbers"),
        "complex": (npy(np.zeros(3, complex)), "only numbers"),
        "text": (npy(np.array(["abc"])), "only numbers"),
        "dates": (npy(np.zeros(3, "M8[s]")), "only numbers"),
        "records": (npy(np.zeros(3, [("a", "f4")])), "only numbers"),
        "code in the header": (_npy("__import__('os').system('touch canary')"), "no header"),
        "a call in the header": (_npy("{'descr': open('canary', 'w')}"), "no header"),
        "deep": (_npy("(" * 9_000), "no header"),
        "deep lists": (_npy("[" * 4_000 + "]" * 4_000), "no header"),
        "a sum of 9,000 terms": (_npy("+1" * 4_500), "no header"),
        "no header": (_npy(""), "no header"),
        "no shape": (_npy("{'descr': '<f4'}"), "no header"),
        "a long header": (_npy(_head() + " " * 20_000, bytes(16), b"\2\0"), "at most 10,000"),
        "a header of 4 GB": (b"\x93NUMPY\2\0" + b"\xff" * 64, "at most 10,000"),
        "version 9": (_npy(_head(), bytes(16), b"\x09\0"), "no header"),
        "a hundred axes": (_npy(_head(shape=(1,) * 99), bytes(4)), "axes"),
        "a name of no kind": (_npy(_head(descr="<f4,<f4"), bytes(16)), "only numbers"),
    }
    for what, (content, reason) in rows.items():
        yield f"npy: {what}", Case(file("W_input.npy", content), reason)
        packed = archive({"W_input.npy": content})
        yield f"npz: {what}", Case(file("net.npz", packed), reason)
    for version in (b"\2\0", b"\3\0"):
        content = _npy(_head(shape=(7, 7)), bytes(196), version)
        outside = {"W_output__npy": npy(ARRAYS["W_y"])}
        yield (
            f"npy: version {version[0]}",
            Case(file("W_input.npy", content, **outside), is_harmless=True),
        )
    lies = npz({"W_input": ARRAYS["W_x"]}, compressed=True)
    for what, content, reason in (
        ("npz: a larger size", _directory(lies, "W_input.npy", 24, "<I", 10**6), ""),
        ("npz: a smaller size", _directory(lies, "W_input.npy", 24, "<I", 200), ""),
        ("npz: another checksum", _directory(lies, "W_input.npy", 16, "<I", 7), "CRC-32"),
        ("npz: a pickle in it", archive({"W.npy": b"\x80\x02N."}), "no header"),
        ("npz: no arrays", archive({"a.txt": b"b"}), ""),
    ):
        yield what, Case(file("net.npz", content), reason)


def legacy() -> Iterator[tuple[str, Case]]:
    text_16 = b"K\x10"
    numbers = saved({"W": torch.arange(16.0)}, _use_new_zipfile_serialization=False)
    magic = LEGACY[:15]
    rows: dict[str, tuple[bytes, str]] = {
        "more numbers": (_with(numbers, text_16, b"J\xff\xff\xff\x7f"), "of a tensor have"),
        "other numbers": (_with(numbers, text_16, b"K\x0f", 1), ""),
        "the magic number alone": (magic, "cut off"),
        "nothing behind": (magic + b"N.N.", "damaged"),
        "no keys": (old(pickle.dumps({"a": 1}, 2))[:-6], ""),
        "keys of nothing": (old(b"\x80\x02N.")[:-6] + b"\x80\x02K\x07.", "where its numbers"),
        "a readline without end": (magic + b"N.N.c" + b"x" * 10**6, "damaged"),
        "only losses": (old(pickle.dumps({"loss": [1.0]}, 2)), "no weights"),
        "big endian": (_with(LEGACY, b"little_endian", b"little_endiam"), "-"),
    }
    for what, (content, reason) in rows.items():
        is_odd = reason == "-"
        case = Case(file("net.pt", content), "" if is_odd else reason, is_harmless=is_odd)
        yield f"legacy: {what}", case


def jsons() -> Iterator[tuple[str, Case]]:
    beside: dict[str, tuple[bytes, str]] = {
        "deep": (b"[" * 100_000, "not readable JSON"),
        "deep objects": (b'{"a":' * 100_000, "not readable JSON"),
        "100 deep": (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "nested"),
        "no object": (b"[1]", "JSON object"),
        "no JSON": (b"{'p': 7}", "not readable JSON"),
        "not UTF-8": (b'{"\xff": 7}', "not readable JSON"),
        "a long number": (b'{"p": ' + b"9" * 10**5 + b"}", "not readable JSON"),
        "11 MB": (b" " * 11 * 10**6 + b"{}", "at most 10 MB"),
        "two million values": (b'{"a": [' + b"1," * 2_000_000 + b"1]}", "values"),
        "a group of another kind": (b'{"group": "S5"}', "no group of Chughtai"),
        "a group of 10^30": (
            json.dumps({"group": "CyclicGroup", "group_parameter": 10**30}).encode(),
            "",
        ),
        "a group of 10^9": (
            json.dumps({"group": "SymmetricGroup", "group_parameter": 10**9}).encode(),
            "",
        ),
        "a group of nothing": (b'{"group": "CyclicGroup", "group_parameter": null}', ""),
        "a group by a list": (b'{"group": "DihedralGroup", "group_parameter": [1]}', ""),
        "an activation of another": (b'{"act_fn": "\\u001b[2J"}', "its activation is"),
    }
    for what, (content, reason) in beside.items():
        yield f"JSON: {what}", Case(file("net.pt", ZIP, net__json=content), reason)
    group = {"group": "CyclicGroup", "group_parameter": 7, "seed": 1, "frac_train": 0.5}
    odd: dict[str, tuple[dict[str, Any], str]] = {
        "frac_train of 1e-9": ({"frac_train": 1e-9}, ""),
        "frac_train of 1": ({"frac_train": 1}, ""),
        "frac_train of nan": ({"frac_train": float("nan")}, ""),
        "a seed of 2^63": ({"seed": 2**63}, ""),
        "a seed of 10^40": ({"seed": 10**40}, ""),
        "a seed of -1": ({"seed": -1}, ""),
        "a seed of text": ({"seed": "1"}, ""),
        "a step of 10^30": ({"num_epochs": 10**30}, ""),
        "a rate of infinity": ({"lr": float("inf")}, ""),
        "a decay of -1": ({"weight_decay": -1}, ""),
        "betas of 7": ({"betas": [7, 7]}, ""),
        "betas of text": ({"betas": ["a", "b"]}, ""),
    }
    for what, (config, _) in odd.items():
        content = json.dumps(group | config).encode()
        yield (
            f"configuration: {what}",
            Case(file("net.pt", ZIP, net__json=content), may_be_same=True),
        )


def parquets() -> Iterator[tuple[str, Case]]:
    """The table of pairs beside a network of Stander et al."""
    net = saved(
        {
            "lembed.weight": NET["W_x"],
            "rembed.weight": NET["W_y"],
            "linear.weight": NET["W"].T.contiguous(),
            "unembed.weight": NET["W_U"].T.contiguous(),
            "unembed.bias": torch.zeros(7),
        }
    )
    a, b = torch.cartesian_prod(torch.arange(7), torch.arange(7)).T.tolist()
    good = {"index_left": a, "index_right": b, "in_train": [i % 2 == 0 for i in range(49)]}
    rows: dict[str, tuple[bytes, str]] = {
        "no pairs": (parquet({key: x[:0] for key, x in good.items()}), "has 0 rows"),
        "ten million rows": (parquet({"index_left": np.zeros(10**7, np.int8)}), "10,000,000 rows"),
        "another element": (parquet(good | {"index_left": [9, *a[1:]]}), "does not have the 49"),
        "a negative one": (parquet(good | {"index_left": [-9, *a[1:]]}), "does not have the 49"),
        "nothing in it": (parquet(good | {"index_left": [None, *a[1:]]}), "cannot be read"),
        "text": (parquet(good | {"index_left": ["a"] * 49}), "cannot be read"),
        "another column": (parquet({"x": a}), "cannot be read"),
        "no parquet": (b"PAR1" + b"x" * 99 + b"PAR1", "cannot be read"),
        "a footer of 4 GB": (b"PAR1" + b"\xff" * 99 + b"PAR1", "cannot be read"),
        "2 MB": (bytes(2 * 10**6), "no regular file of at most"),
        "cut off": (parquet(good)[:-40], "cannot be read"),
    }
    for what, (content, reason) in rows.items():
        yield f"parquet: {what}", Case(file("net.pt", net, data__parquet=content), reason)
    whole = Case(file("net.pt", net, data__parquet=parquet(good)), is_harmless=True)
    yield "parquet: as it should be", whole


def parquet(columns: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


# ---- shapes, special files, names ----------------------------------------------------------------


def shapes() -> Iterator[tuple[str, Case]]:
    ones = torch.ones
    rows: dict[str, tuple[dict[str, Tensor], str]] = {
        "expanded": (NET | {"W": ones(1).expand(10**6, 10**6)}, "written out"),
        "a width of 10^9": (NET | {"W_x": torch.empty(7, 0), "W": torch.empty(0, 10**9)}, ""),
        "10^8 symbols": (NET | {"W_x": torch.empty(10**8, 0)}, ""),
        "30,000 symbols": ({"W_x": ones(30_000, 1), "W_y": ones(30_000, 1), "W": ones(2, 1),
                            "W_U": ones(1, 30_000)}, "symbols"),
        "no symbols": (NET | {"W_x": torch.empty(0, 8)}, "symbols"),
        "no width": (NET | {"W_x": torch.empty(7, 0), "W_y": torch.empty(7, 0)}, ""),
        "nine axes": (NET | {"W": ones([1] * 9)}, "axes"),
        "no axes": (NET | {"W_x": torch.tensor(1.0)}, "axes"),
        "complex": (NET | {"W": torch.ones(14, 49, dtype=torch.complex64)}, "complex64"),
        "true and false": (NET | {"W": ones(14, 49, dtype=torch.bool)}, "are not weights"),
        "large whole numbers": (NET | {"W": torch.full((14, 49), 2**40)}, "are not weights"),
        "not finite": (NET | {"W": torch.full((14, 49), torch.nan)}, "not finite"),
        "sparse": (NET | {"W": torch.eye(4).to_sparse()}, "a kind of tensor|is not read"),
        "of no place": (NET | {"W": torch.empty(3, device="meta")}, "a kind of tensor|not read"),
        "of a name with an escape": ({"\x1b[2J": ones(2)}, "unknown layout"),
        "of a name with half a character": ({"\ud800": ones(2)}, "unknown layout"),
        "of a million letters": ({"x" * 10**6: ones(2)}, "unknown layout"),
        "of ten thousand names": ({f"W{i}": ones(1) for i in range(10_000)}, "unknown layout"),
        "Wu, a width of 10^6": ({"embedding_left": ones(1, 1, 1), "embedding_right": ones(1, 1, 1),
                                 "unembedding": ones(1, 10**6, 1)}, ""),
    }  # fmt: skip
    for what, (state, reason) in rows.items():
        yield f"tensors: {what}", Case(file("net.pt", lambda _, state=state: saved(state)), reason)
    vast = {
        "blocks.0.attn.W_O": ones(1, 1),
        "blocks.0.mlp.W_in": ones(1, 1),
        "embed.W_E": ones(1, 30_005),
        "unembed.W_U": ones(1, 1),
        "blocks.0.attn.W_Q": ones(1, 1, 1),
    }
    called = "add_transformer_1L_128D_30000P_0.3F_x_seed_0.pt"
    yield "tensors: Furuta, 30,000 symbols", Case(file(called, saved(vast)), "symbols")


def special() -> Iterator[tuple[str, Case]]:
    def pipe(folder: Path) -> Path:
        os.mkfifo(folder / "net.pt")
        return folder / "net.pt"

    def listening(folder: Path) -> Path:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket is short
        try:
            with socket.socket(socket.AF_UNIX) as opened:
                opened.bind("net.pt")
        finally:
            os.chdir(here)
        return folder / "net.pt"

    def link(to: str) -> Build:
        def build(folder: Path) -> Path:
            (folder / "net.pt").symlink_to(to)
            return folder / "net.pt"

        return build

    def beside(what: str) -> Build:
        def build(folder: Path) -> Path:
            (folder / "net.pt").write_bytes(ZIP)
            os.mkfifo(folder / what)
            return folder / "net.pt"

        return build

    def circle(folder: Path) -> Path:
        (folder / "a").mkdir()
        for i in range(30):
            (folder / f"a/{i}").symlink_to(folder / "a")
        return folder

    def in_a_circle(folder: Path) -> Path:
        circle(folder)
        (folder / "a/net.pt").write_bytes(ZIP)
        return folder

    def in_steps(folder: Path) -> Path:
        os.mkfifo(folder / "100.pth")
        (folder / "200.pth").symlink_to("/dev/zero")
        return folder

    yield "a pipe", Case(pipe, "neither a regular file")
    yield "a socket", Case(listening, "neither a regular file")
    yield "a device", Case(lambda _: Path("/dev/zero"), "neither a regular file")
    yield "a link to a device", Case(link("/dev/zero"), "neither a regular file")
    yield "a link to itself", Case(link("net.pt"), "cannot be looked at")
    yield "a link to nothing", Case(link("nothing"), "no such file")
    yield "a link to a folder", Case(link("."), "no file of weights|no such file")
    yield "a link to its files", Case(link("/proc/self/mem"), "is refused: |cannot be")
    yield "a pipe as a configuration", Case(beside("net.json"), "not a regular file")
    yield "a pipe as pairs", Case(beside("train_data.pth"), is_harmless=True)
    yield "folders in a circle", Case(circle, "no file of weights")
    yield "a network in a circle", Case(in_a_circle, is_harmless=True)
    yield "pipes and devices as steps", Case(in_steps, "no file of weights")
    yield "a folder of that name", Case(lambda f: (f / "net.pt").mkdir() or f / "net.pt", "no file")
    yield "nothing", Case(lambda f: f / "nothing.pt", "no such file")
    yield "256 letters", Case(lambda f: f / ("x" * 256), "too long")
    yield "5,000 letters", Case(lambda f: f / ("x" * 5000), "too long")
    yield "a path of 5,000 letters", Case(lambda f: f / ("x/" * 2500), "too long|no such")
    yield "a NUL", Case(lambda f: f / "a\0b", "cannot be looked at")


NAMES = (
    "...pt", "..pt", ".pt", "....pt", "a\nb.pt", "a\x1b[2Jb.pt", "x" * 252 + ".pt",
    "é" * 126 + ".pt", "\udcff\udcfe.pt", "a\u202eb.pt", " .pt", "a .pt", "-.pt", "--out.pt",
    "a\\b.pt", "C:x.pt", "*.pt",
    "$(touch canary).pt", "`touch canary`.pt", "%s%n.pt", "model.pt",
    "\t.pt", "\x07.pt", "\u2028.pt", "\u200b.pt",
    "999999999999999999999.pt", "٣.pt", "٣٤٥.pt", "007.pt", "²³.pt",
    "step-999999999999999999999.pt", "init.pt", "final.pt", "full_run.pt", "spec.json.pt", "_.pt",
)  # fmt: skip


def names() -> Iterator[tuple[str, Case]]:
    for i, called in enumerate(NAMES):

        def build(folder: Path, called: str = called) -> Path:
            (folder / called).write_bytes(ZIP)
            return folder / called

        yield f"called {called[:40]!a}", Case(build, is_harmless=True)
        if i % 3 == 0:
            in_folder = Case(lambda folder, build=build: build(folder).parent, is_harmless=True)
            yield f"in a folder, called {called[:40]!a}", in_folder
