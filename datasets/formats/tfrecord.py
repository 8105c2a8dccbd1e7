"""TFRecord files and the `tf.train.Example` messages in them, read without TensorFlow.

Framing: the length as a little-endian 64-bit integer, its masked CRC-32C, the data, the masked
CRC-32C of the data (libraries that read it without TensorFlow do not check the CRC). Message: the
wire format of protocol buffers, of which the part that an Example needs is here:

    Example { Features features = 1; }        Features { map<string, Feature> feature = 1; }
    Feature { BytesList bytes_list = 1; }     BytesList { repeated bytes value = 1; }
"""

import struct
from collections.abc import Callable, Iterator
from typing import IO

import google_crc32c

from datasets.core.dataset import DataError

MASK = 0xA282EAD8
HEADER, FOOTER = struct.Struct("<QI"), struct.Struct("<I")
VARINT, BYTES, FIXED = 0, 2, {1: 8, 5: 4}  # wire types; the fixed ones with their lengths
FEATURES, FEATURE, KEY, VALUE, BYTES_LIST, ITEM = 1, 1, 1, 2, 1, 1  # numbers of fields


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted as TFRecord stores it."""
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


def records(file: str, opened: Callable[[], IO[bytes] | None]) -> Iterator[bytes]:
    """Read the records of the file that a function opens, one at a time; its name is for messages.

    A file that cannot be read or ends within a record, or a CRC that is wrong, raises a DataError.
    """
    try:
        stream = opened()
        assert stream is not None  # tarfile has None for what is not a regular file
        with stream:
            number = 0
            while header := stream.read(HEADER.size):
                where = f"{file} is corrupt (record {number}: "
                if len(header) < HEADER.size:
                    raise DataError(f"{where}the file ends within it)")
                length, crc = HEADER.unpack(header)
                if masked_crc(header[:8]) != crc:
                    raise DataError(f"{where}CRC of its length)")
                data, footer = stream.read(length), stream.read(FOOTER.size)
                if len(data) < length or len(footer) < FOOTER.size:
                    raise DataError(f"{where}the file ends within it)")
                if masked_crc(data) != FOOTER.unpack(footer)[0]:
                    raise DataError(f"{where}CRC of its data)")
                yield data
                number += 1
    except (OSError, OverflowError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{file} cannot be read ({reason})") from error


def byte_features(example: bytes) -> dict[str, memoryview]:
    """Read the features of an Example that hold bytes: name -> first value.

    What is no such message raises a ValueError.
    """
    values = {}
    for entry in _sub(memoryview(example), FEATURES, FEATURE):
        name = b"".join(_sub(entry, KEY)).decode()
        value = next(_sub(entry, VALUE, BYTES_LIST, ITEM), None)
        if value is not None:
            values[name] = value
    return values


def _sub(message: memoryview, field_number: int, *path: int) -> Iterator[memoryview]:
    """Yield the messages that a field holds, or those at a path of fields within them."""
    for number, field in _fields(message):
        if number == field_number and isinstance(field, memoryview):
            if path:
                yield from _sub(field, *path)
            else:
                yield field


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Split a message into (field number, bytes or integer)."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == BYTES:
            length, at = _varint(message, at)
        elif kind in FIXED:
            length = FIXED[kind]
        else:
            raise ValueError(f"wire type {kind}")
        start, at = at, at + length
        if at > len(message):
            raise ValueError("a field reaches beyond the message")
        yield tag >> 3, message[start:at]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("an integer reaches beyond the message")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
