"""How a message travels: as an object that nobody can change, or as its text and a copy for each.

Nodes must not share what one of them could change, and what they say must survive the wire. A message
that is *frozen* (``frozen``) keeps both promises as it is, and is delivered as it is, to all. That it
would be read as it was sent is shown for the first of each class and for one in ``SAMPLE`` from then
on: these are written, read and compared, it is what was read that is delivered, and a while later
neither the sender nor a receiver may have changed them.

All others become text, as on a real wire, and each receiver is given a copy of what was read.
Where the run is watched all messages go that way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.sim.frozen import FIRST, Look, frozen, looker
from harness.sim.trace import Trace
from protocols.shapes import copier
from protocols.wire import Codec


class Parcel:
    """A message with its text: ``copy`` gives each receiver an object of its own."""

    __slots__ = ("_copy", "_msg", "sent_ns", "text")

    def __init__(self, text: str, msg: object, copy: Callable[[Any], Any], sent_ns: int) -> None:
        self.text, self.sent_ns = text, sent_ns
        self._msg, self._copy = msg, copy

    def open(self) -> object:
        return self._copy(self._msg)


def _never(_msg: object) -> None:
    """All messages of this class are to be packed."""


class Post:
    """The messages of one run, made ready to be sent. ``watched``: all have a text.

    ``looks`` is for the hot path: what a class' function there gives the content of may be sent as it
    is. Once in ``SAMPLE`` of a node's messages that path must have them packed all the same.
    """

    def __init__(
        self, codec: Codec, classes: tuple[type, ...], trace: Trace, *, watched: bool
    ) -> None:
        self._codec, self._trace, self._watched = codec, trace, watched
        self.looks: dict[type, Look] = dict.fromkeys(classes, _never)
        self._left = dict.fromkeys(classes, FIRST)
        self._sent: list[tuple[str, object]] = []

    def pack(self, msg: object, now_ns: int) -> object:
        """What is to be delivered: another message that is the same, or a Parcel.

        Raises KeyError for what is no message of this protocol, WireError and TypeError for what
        cannot travel.
        """
        cls: Any = type(msg)
        self._left[cls] -= 1
        text = self._codec.encode(msg)
        read = self._codec.decode(text)
        content = looker(cls)(msg) if frozen(cls)(msg) else None
        self._trace.content.append(text if content is None else content)
        if content is None:
            self._left[cls] = FIRST
            self.looks[cls] = _never
        elif self._left[cls] <= 0 and not self._watched:
            self.looks[cls] = looker(cls)
        if content is None or self._watched:
            return Parcel(text, read, copier(cls), now_ns)
        assert read == msg, f"{msg} is read as {read}: it does not survive the wire"
        self._sent += ((text, msg), (text, read))
        return read

    def check(self) -> None:
        """Raises AssertionError if a sample was changed since it was sent."""
        for text, msg in self._sent:
            now = self._codec.encode(msg)
            assert now == text, f"{text} was changed to {now} after it was sent: records never are"
        self._sent.clear()
