"""What peers say to each other: frames of a length and a text, and a hello as the first of them.

A connection carries messages one way, from the node that dialled it. Its hello names the cluster
and both ends, so that a node of another cluster or protocol, or one that dialled the wrong address,
is refused before it can say anything else.
"""

from __future__ import annotations

from struct import Struct

from protocols.kernel import NodeId, record
from protocols.wire import WireError, dumps, loads, read_as

_HEAD = Struct(">I")

FRAME_BYTES_MAX = 64 << 20
"""Longer is garbage, or a protocol that should have cut its message into pieces."""


@record
class Hello:
    cluster: str
    """Digest of what all nodes must agree on: the protocol, who takes part, and the name of the cluster."""
    src: NodeId
    dst: NodeId


def frame(text: str) -> bytes:
    data = text.encode()
    return _HEAD.pack(len(data)) + data


def hello_frame(hello: Hello) -> bytes:
    return frame(dumps(["Hello", hello]))


def read_hello(text: str) -> Hello:
    """Raises WireError if that is no hello."""
    try:
        name, fields = loads(text)
        hello = read_as(Hello, fields)
        if name == "Hello" and [*map(type, (hello.cluster, hello.src, hello.dst))] == [
            str,
            int,
            int,
        ]:
            return hello
    except (ValueError, TypeError) as error:
        raise WireError(f"not a hello: {text[:100]!r}") from error
    raise WireError(f"not a hello: {text[:100]!r}")


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The texts that are whole now. Raises WireError for what can be no frame."""
        buffer = self._buffer
        buffer += data
        texts = []
        position, size = 0, len(buffer)
        while size - position >= _HEAD.size:
            (length,) = _HEAD.unpack_from(buffer, position)
            start = position + _HEAD.size
            if length > FRAME_BYTES_MAX:
                raise WireError(f"a frame of {length} bytes: {bytes(buffer[position:][:50])!r}")
            if start + length > size:
                break
            try:
                texts.append(buffer[start : start + length].decode())
            except UnicodeDecodeError as error:
                raise WireError(f"not UTF-8: {bytes(buffer[position:][:50])!r}") from error
            position = start + length
        del buffer[:position]
        return texts
