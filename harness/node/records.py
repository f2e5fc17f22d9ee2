"""The records of a journal: a payload with its length and a checksum, so that one which is torn is seen.

A record is ``length, crc32(length, payload)`` (little-endian, 4 bytes each) and the payload, a JSON object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from zlib import crc32

from protocols.wire import dumps

_HEAD = Struct("<II")
_LENGTH = Struct("<I")


def record(texts: Mapping[str, str]) -> bytes:
    """Of these keys, whose values are JSON text."""
    payload = ("{" + ",".join([f"{dumps(k)}:{v}" for k, v in texts.items()]) + "}").encode()
    return _HEAD.pack(len(payload), _check(payload)) + payload


def _check(payload: bytes) -> int:
    """Over the length too: a run of zeros must not look like an empty record."""
    return crc32(payload, crc32(_LENGTH.pack(len(payload))))


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(where it ends, payload) of each good record from the start, up to the first bad one."""
    position = 0
    while (payload := _record_at(data, position)) is not None:
        position += _HEAD.size + len(payload)
        yield position, payload


def _record_at(data: bytes, position: int) -> bytes | None:
    if position + _HEAD.size > len(data):
        return None
    length, check = _HEAD.unpack_from(data, position)
    start = position + _HEAD.size
    if start + length > len(data):
        return None
    payload = data[start : start + length]
    return payload if _check(payload) == check else None


def ends(data: bytes) -> list[int]:
    """Where each good record from the start ends, up to the first bad one."""
    return [end for end, _ in records(data)]


def find_record(data: bytes, start: int) -> int | None:
    """Where the first good record at or after ``start`` begins, at whatever byte that is."""
    for position in range(start, len(data) - _HEAD.size + 1):
        if _record_at(data, position) is not None:
            return position
    return None
