"""The file system that forgets, without a kernel: what is asked for is packed here. With one: tests/real."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from harness.remote import lossy
from harness.remote.lossy import ROOT, Lossy


class Kernel:
    """Asks as the kernel does."""

    def __init__(self, directory: Path, *kept: str) -> None:
        self.directory = directory
        self.lossy = Lossy(os.open(directory, os.O_RDONLY), kept)

    def ask(self, op: int, number: int = ROOT, data: bytes = b"") -> bytes:
        """The answer's body. Raises OSError."""
        request = lossy._IN.pack(lossy._IN.size + len(data), op, 77, number, 0, 0, 0, 0) + data
        said = lossy.answer(self.lossy, request)
        length, problem, unique = lossy._OUT.unpack_from(said)
        assert (length, unique) == (len(said), 77)
        if problem:
            raise OSError(-problem, os.strerror(-problem))
        return said[lossy._OUT.size :]

    def create(self, name: str) -> tuple[int, int]:
        """The file's number, and its handle."""
        body = self.ask(35, data=struct.pack("<4I", os.O_RDWR, 0o644, 0, 0) + name.encode() + b"\0")
        return struct.unpack_from("<Q", body)[0], struct.unpack_from("<Q", body, 128)[0]

    def write(self, handle: int, offset: int, data: bytes) -> None:
        assert self.written(handle, offset, data) == len(data)

    def written(self, handle: int, offset: int, data: bytes) -> int:
        """How many bytes of it were."""
        head = struct.pack("<QQIIQII", handle, offset, len(data), 0, 0, 0, 0)
        return struct.unpack_from("<I", self.ask(16, data=head + data))[0]

    def sync(self, handle: int) -> None:
        self.ask(20, data=struct.pack("<QII", handle, 0, 0))

    def truncate(self, number: int, size: int) -> None:
        self.ask(4, number, struct.pack("<II6Q8I", 8, 0, 0, size, *[0] * 12))

    def name(self, op: int, name: str) -> bytes:
        return self.ask(op, data=name.encode() + b"\0")

    def text(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()


@pytest.fixture
def kernel(tmp_path) -> Iterator[Kernel]:
    (tmp_path / "files").mkdir()
    made = Kernel(tmp_path / "files", "notes")
    yield made
    os.close(made.lossy.base)


def test_what_was_not_synced_is_forgotten_whatever_was_written(kernel) -> None:
    """Against a model: the bytes at the last sync."""
    random = Random("lossy")
    number, handle = kernel.create("a")
    now, durable = bytearray(), b""
    kernel.sync(handle)
    for _ in range(400):
        match random.randrange(8):
            case 0:
                kernel.sync(handle)
                durable = bytes(now)
            case 1:
                size = random.randint(0, 60)
                kernel.truncate(number, size)
                now = now[:size] + bytes(max(0, size - len(now)))
            case 2:
                kernel.lossy.lose()
                now = bytearray(durable)
            case _:
                offset, data = random.randint(0, 50), random.randbytes(random.randint(1, 9))
                kernel.write(handle, offset, data)
                now += bytes(max(0, offset - len(now)))
                now[offset : offset + len(data)] = data
        assert kernel.text("a") == bytes(now)


def test_a_torn_file_has_half_of_what_was_written_and_half_of_the_next(kernel) -> None:
    _, handle = kernel.create("a")
    kernel.write(handle, 0, b"synced")
    kernel.sync(handle)
    for number in range(4):
        kernel.write(handle, 6 + 4 * number, b"1234")
    assert kernel.lossy.tear() == {"files": 1, "writes": 4, "lost": 2, "left": 0}
    assert kernel.text("a") == b"synced" + b"1234" + b"1234" + b"12"
    kernel.write(handle, 0, b"SYNCED")
    kernel.lossy.tear()
    assert kernel.text("a")[:6] == b"SYNced"


def test_each_file_is_synced_by_itself_and_notes_are_spared(kernel) -> None:
    handles = [kernel.create(name)[1] for name in ("a", "b", "notes")]
    for handle in handles:
        kernel.write(handle, 0, b"x")
    kernel.sync(handles[0])
    assert kernel.lossy.lose()["files"] == 1
    assert [kernel.text(name) for name in ("a", "b", "notes")] == [b"x", b"", b"x"]


def test_without_space_whatever_needs_some_is_refused_and_the_rest_goes_on(kernel) -> None:
    _, handle = kernel.create("a")
    _, notes = kernel.create("notes")
    kernel.write(handle, 0, b"before")
    kernel.lossy.left_bytes = 0
    new = {
        "create": lambda: kernel.create("b"),
        "mkdir": lambda: kernel.ask(9, data=struct.pack("<II", 0o755, 0) + b"d\0"),
        "symlink": lambda: kernel.ask(6, data=b"l\0a\0"),
        "link": lambda: kernel.ask(13, data=struct.pack("<Q", ROOT) + b"l\0"),
        "write": lambda: kernel.write(handle, 6, b"more"),
        "write over": lambda: kernel.write(handle, 0, b"B"),
        "fallocate": lambda: kernel.ask(43, data=struct.pack("<QQQII", handle, 0, 9, 0, 0)),
    }
    for what, ask in new.items():
        with pytest.raises(OSError) as caught:
            ask()
        assert caught.value.errno == errno.ENOSPC, what
    assert kernel.lossy.look()["refused"] == len(new)
    assert struct.unpack_from("<5Q", kernel.ask(17))[1:3] == (0, 0)
    kernel.write(notes, 0, b"spared")
    kernel.sync(handle)
    assert kernel.text("a") == b"before"
    kernel.ask(12, data=struct.pack("<Q", ROOT) + b"a\0c\0")
    kernel.name(10, "c")
    assert kernel.lossy.free()["refused"] == len(new)
    kernel.create("b")
    assert struct.unpack_from("<5Q", kernel.ask(17))[2] > 0
    with pytest.raises(OSError) as caught:
        new["fallocate"]()
    assert caught.value.errno == errno.ENOSYS, "as before: nothing is set aside"


@pytest.mark.parametrize(
    ("left", "room"),
    [(0, 0), (4095, 0), (4096, 96), (8192, 4192), (3 * 4096, 8288), (4 * 4096, 9000)],
)
def test_a_write_that_meets_the_end_is_cut_off_between_two_blocks(kernel, left, room) -> None:
    """It begins in the middle of a block."""
    _, handle = kernel.create("a")
    kernel.lossy.left_bytes = left
    data = bytes(range(1, 251)) * 36
    if room:
        assert kernel.written(handle, 4000, data) == room
    if room < len(data):
        with pytest.raises(OSError, match="No space left"):
            kernel.written(handle, 4000 + room, data)
    assert kernel.text("a") == (bytes(4000) + data[:room] if room else b"")
    kernel.lossy.lose()
    assert kernel.text("a") == b""


def test_each_block_is_taken_once_a_write(kernel) -> None:
    _, handle = kernel.create("a")
    kernel.lossy.left_bytes = 3 * 4096
    assert [kernel.written(handle, at, b"ab") for at in (4095, 0)] == [2, 2]
    with pytest.raises(OSError, match="No space left"):
        kernel.written(handle, 1, b"b")


def test_what_is_read_is_what_was_written(kernel) -> None:
    _, handle = kernel.create("a")
    kernel.write(handle, 0, b"abcdef")
    assert kernel.ask(15, data=struct.pack("<QQI", handle, 2, 3)) == b"cde"


def test_a_name_that_was_given_to_another_file_is_another_number(kernel) -> None:
    first, handle = kernel.create("a")
    kernel.write(handle, 0, b"first")
    kernel.name(10, "a")
    second, _ = kernel.create("a")
    assert second != first
    assert kernel.lossy.lose()["writes"] == 1
    third, _ = kernel.create("b")
    kernel.ask(12, data=struct.pack("<Q", ROOT) + b"b\0a\0")
    (found,) = struct.unpack_from("<Q", kernel.name(1, "a"))
    assert found == third


def test_what_it_does_not_know_is_said(kernel) -> None:
    for op, number, problem in ((46, ROOT, errno.ENOSYS), (14, 999, errno.ESTALE)):
        with pytest.raises(OSError) as caught:
            kernel.ask(op, number, bytes(8))
        assert caught.value.errno == problem
    with pytest.raises(FileNotFoundError):
        kernel.name(1, "nowhere")
    forget = lossy._IN.pack(lossy._IN.size, 2, 1, ROOT, 0, 0, 0, 0)
    assert lossy.answer(kernel.lossy, forget) is None
