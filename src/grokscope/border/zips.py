"""Zip files: torch's since 1.6 (one pickle, and a record for each storage), and numpy's .npz.

A record is read to its end, so that its checksum (CRC-32) is compared.
"""

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from grokscope.border.arrays import array
from grokscope.border.budget import (
    AGAIN,
    LARGEST,
    LARGEST_PICKLE,
    MOST_ENTRIES,
    MOST_UNPACKED,
    within,
)
from grokscope.border.held import BLOCK, Held, check_sizes
from grokscope.border.machine import loads
from grokscope.border.tree import Tree
from grokscope.errors import BadInput

Records = dict[str, zipfile.ZipInfo]
UNCHECKED = (
    "its numbers do not match their checksum: it is damaged, or was written without checksums "
    f"(torch.serialization.set_crc32_options). {AGAIN} Or save it again with them."
)


def torch_zip(file: BinaryIO, size: int) -> Held:
    """A file of torch."""
    archive, records = _opened(file)
    names = [name for name in records if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(names) != 1:
        raise BadInput("it is a zip file, but not one that torch wrote.")
    if any(info.compress_type != zipfile.ZIP_STORED for info in records.values()):
        raise BadInput("it is compressed, which torch's files are not.")
    if any(name.endswith("constants.pkl") for name in records):
        raise BadInput(
            "it holds a program (TorchScript). Save the weights: torch.save(state_dict)."
        )
    folder = names[0].removesuffix("data.pkl")
    is_big = _is_big_endian(archive, records.get(f"{folder}byteorder"))
    content = Tree(loads(_whole(archive, records[names[0]], LARGEST_PICKLE)), is_big)
    held = {key: records.get(f"{folder}data/{key}") for key in content.storages}
    missing = [key for key, info in held.items() if info is None]
    if missing:
        raise BadInput(f"the numbers of its tensor {missing[0]} are missing. {AGAIN}")
    check_sizes(content.tensors, {k: info.file_size for k, info in held.items() if info}, size)
    return Held(content, lambda storage: _blocks(archive, held[storage.key], storage.size))


def _is_big_endian(archive: zipfile.ZipFile, info: zipfile.ZipInfo | None) -> bool:
    return info is not None and _whole(archive, info, 100).strip() == b"big"


def npz(file: BinaryIO, size: int) -> Held:
    """A file of numpy's arrays."""
    archive, records = _opened(file)
    arrays = {name: info for name, info in records.items() if name.endswith(".npy")}
    if any(
        x.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for x in arrays.values()
    ):
        raise BadInput("it is compressed in a way that numpy does not use.")
    unpacked = sum(info.file_size for info in arrays.values())
    within(unpacked, min(LARGEST, max(5 * 10**7, MOST_UNPACKED * size)), "unpacked it has")
    starts, content = {}, {}
    for name, info in arrays.items():
        with archive.open(info) as inner:
            tensor, starts[name] = array(inner, info.file_size, name)
        content[PurePosixPath(name).stem] = tensor
    return Held(
        Tree(content),
        lambda storage: _blocks(archive, arrays[storage.key], storage.size, starts[storage.key]),
    )


def _opened(file: BinaryIO) -> tuple[zipfile.ZipFile, Records]:
    archive = zipfile.ZipFile(file)
    infos = archive.infolist()
    if len(infos) > MOST_ENTRIES:
        raise BadInput(f"it has more than {MOST_ENTRIES:,} records.")
    records = {info.filename: info for info in infos}
    if len(records) < len(infos):
        raise BadInput("it has two records of one name. Torch and numpy write no such file.")
    if any(info.flag_bits & 1 for info in infos):
        raise BadInput("it is encrypted. Decrypt it, or save the weights without a password.")
    return archive, records


def _whole(archive: zipfile.ZipFile, info: zipfile.ZipInfo, largest: int) -> bytes:
    within(info.file_size, largest, f"its record {info.filename[:80]} has")
    return b"".join(_blocks(archive, info, info.file_size))


def _blocks(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, size: int, start: int = 0
) -> Iterator[bytes]:
    """So many bytes of a record from `start` on; the rest is read too, for its checksum."""
    assert info is not None
    with archive.open(info) as record:
        left, total = size, 0
        record.read(start)
        try:
            while block := record.read(BLOCK):
                total += len(block)
                yield block[:left]
                left -= min(left, len(block))
        except zipfile.BadZipFile as error:
            raise BadInput(UNCHECKED if "CRC" in str(error) else str(error)) from None
    if left or total + start != info.file_size:
        raise BadInput(f"its record {info.filename[:80]} has another size than is said. {AGAIN}")
