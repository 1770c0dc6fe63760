"""Other people's files, opened so that nothing in them runs and nothing is taken on trust.

safetensors; torch's files by `torch.load(weights_only=True)`, after what they declare was compared
with what they hold; where that refuses honest old files (a pickled configuration, numpy numbers),
with inert stand-ins (`inert`); numpy's arrays without pickles. Whatever device it was written on, a
tensor lands on the CPU.
"""

import io
import json
import math
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.inert import Declared, Scan, plain, scan

LARGEST = 4 * 10**9  # bytes of a file, and of what it declares
LARGEST_JSON = 10**6
MOST_REPEATED = 4  # times the same numbers may stand for tensors
SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".npy", ".npz")
AGAIN = "Download it again."
POINTER = b"version https://git-lfs"
WEB_PAGE = (b"<!doctype", b"<html")
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number of torch before 1.6


def read_file(path: Path) -> Any:
    """What a file holds, as plain data and tensors on the CPU. Raises `BadInput` with the reason
    and what to do if it is not read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from None
    try:
        if size > LARGEST:
            raise BadInput(f"it has {size / 1e9:.1f} GB; at most {LARGEST / 1e9:g} GB are read.")
        return _reader(path, head)(path)
    except BadInput as error:
        raise BadInput(f"{path} is refused: {error}") from None


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises `BadInput` if it holds none."""
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError("it is larger than 1 MB")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not readable JSON: {error}.") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path} does not hold a JSON object.")
    return content


def _reader(path: Path, head: bytes):
    if head.startswith(POINTER):
        raise BadInput(
            "it is a Git-LFS pointer, not the file itself. Fetch it with `git lfs pull`, or "
            "download it from the repository's page."
        )
    if head.lower().startswith(WEB_PAGE):
        raise BadInput("it is a web page. Download the file itself.")
    if len(head) < 8:
        raise BadInput("it is empty or cut off. Download it again.")
    if head.startswith(b"\x93NUMPY"):
        return _npy
    if head.startswith(b"PK"):
        return _npz if path.suffix == ".npz" else _zipped
    if head.startswith(LEGACY):
        return _legacy
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return _safetensors
    if head[:1] == b"\x80":
        return _bare_pickle
    raise BadInput(
        f"it is not a file of weights, or is damaged: it begins {head[:12]!r}. Files of torch, "
        "safetensors and numpy are read."
    )


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_safetensors(path.read_bytes())
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(error) from None


def _damaged(error: Exception) -> BadInput:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return BadInput(f"it is damaged or cut off ({first}). {AGAIN}")


def _bare_pickle(path: Path) -> Any:
    scan(path.read_bytes())  # one that would run code is refused for that
    raise BadInput("it is a pickle without tensors of its own. Save the weights with torch.save.")


def _zipped(path: Path) -> Any:
    """A file of torch since 1.6: a zip with one pickle, and a record for each storage."""
    try:
        with zipfile.ZipFile(path) as archive:
            records = {info.filename: info for info in archive.infolist()}
            names = [name for name in records if name.endswith("/data.pkl") or name == "data.pkl"]
            if len(names) != 1:
                raise BadInput("it is a zip file, but not one that torch wrote.")
            if any(info.compress_type != zipfile.ZIP_STORED for info in records.values()):
                raise BadInput("it is compressed, which torch's files are not.")
            if any(name.endswith("constants.pkl") for name in records):
                raise BadInput(
                    "it holds a program (TorchScript). Save the weights: torch.save(state_dict)."
                )
            scanned = scan(archive.read(names[0]))
            folder = names[0].removesuffix("data.pkl")
            held = {key: records.get(f"{folder}data/{key}") for key in scanned.storages}
            missing = [key for key, info in held.items() if info is None]
            if missing:
                raise BadInput(f"the numbers of its tensor {missing[0]} are missing. {AGAIN}")
            sizes = {k: info.file_size for k, info in held.items() if info}
            _check_sizes(scanned, sizes, path.stat().st_size)
            try:
                return _load(path)
            except pickle.UnpicklingError:
                return plain(scanned.content, lambda x: _tensor(x, archive, folder))
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise _damaged(error) from None


def _tensor(x: Declared, archive: zipfile.ZipFile, folder: str) -> Tensor:
    """A tensor of the file, from the bytes of its storage."""
    data = bytearray(archive.read(f"{folder}data/{x.storage.key}"))
    if not data or not x.storage.count:
        return torch.empty(x.shape, dtype=x.storage.dtype)
    flat = torch.frombuffer(data, dtype=x.storage.dtype, count=x.storage.count)
    return flat.as_strided(x.shape, x.stride, x.offset).clone()


def _legacy(path: Path) -> Any:
    """A file of torch before 1.6: pickles in a row, then the numbers."""
    with path.open("rb") as file:
        for _ in range(3):  # magic number, protocol, system
            scan(file)
        scanned = scan(file)
    size = path.stat().st_size
    _check_sizes(scanned, dict.fromkeys(scanned.storages, size), size)
    try:
        return _load(path)
    except pickle.UnpicklingError:
        raise BadInput(
            "it is of a form that torch left in 2020, and holds more than weights. Where you trust "
            "it, read it and save its weights alone: torch.save(model.state_dict(), ...)."
        ) from None


def _load(path: Path) -> Any:
    """What torch reads. Raises `pickle.UnpicklingError` where there is more than weights."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # of a damaged file, it can be any
        raise _damaged(error) from None


def _check_sizes(scanned: Scan, held: dict[str, int], whole: int) -> None:
    """Refuse storages that are said to be larger than they are, and tensors that, written out,
    would be larger than is read."""
    for key, storage in scanned.storages.items():
        if storage.size > held[key]:
            raise BadInput(
                f"a tensor is said to have {storage.size:,} bytes, and {held[key]:,} are there."
            )
    if sum(storage.size for storage in scanned.storages.values()) > whole:
        raise BadInput(f"its tensors are said to have more than the {whole:,} bytes there are.")
    written_out = sum(x.size for x in scanned.tensors)
    if written_out > MOST_REPEATED * whole:
        raise BadInput(
            f"its tensors, written out, have {written_out:,} bytes, and the file has {whole:,}."
        )


def _npy(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        return {path.stem: _array(file, path.stat().st_size)}


def _npz(path: Path) -> dict[str, Tensor]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > LARGEST:
                raise BadInput(f"unpacked it has more than {LARGEST / 1e9:g} GB.")
            return {
                Path(info.filename).stem: _array(archive.open(info), info.file_size)  # pyright: ignore
                for info in infos
                if info.filename.endswith(".npy")
            }
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise _damaged(error) from None


def _array(file: io.BufferedIOBase, size: int) -> Tensor:
    """The array of numbers in a .npy, read only if its size is that of its file."""
    start = io.BytesIO(file.read(min(size, 4096)))
    try:
        version = np.lib.format.read_magic(start)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version](start)
    except (ValueError, KeyError, EOFError) as error:
        raise _damaged(error) from None
    shape, is_fortran, dtype = header
    if dtype.hasobject or dtype.kind not in "fiub":
        raise BadInput(f"it holds an array of {dtype}, and only numbers are read.")
    if math.prod(shape) * dtype.itemsize != size - start.tell():
        raise BadInput(
            f"an array of shape {shape} needs {math.prod(shape) * dtype.itemsize:,} bytes, and "
            f"{size - start.tell():,} are there. {AGAIN}"
        )
    data = start.read() + file.read()
    numbers = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if is_fortran else "C")
    return torch.from_numpy(np.ascontiguousarray(numbers.astype(dtype.newbyteorder("="))))
