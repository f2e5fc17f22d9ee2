"""How a message travels: as an object that nobody can change, or as its text and a copy for each.

Nodes must not share what one of them could change, and what they say must survive the wire. A message
that is *frozen* (``frozen``) keeps both promises as it is, and is delivered as it is, to all. That it
would be read as it was sent is shown for the first of each class and for one in ``SAMPLE`` from then
on: these are written, read and compared, it is what was read that is delivered, and a while later
neither the sender nor a receiver may have changed them.

All others are copied, and each receiver is given a copy of its own: the first of each class and one in
``SAMPLE`` by way of their text, the rest by what their annotations say (``content``). Where the run is
watched all messages have a text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.sim.content import Content, contents
from harness.sim.frozen import FIRST, SAMPLE, Look, frozen, looker
from harness.sim.trace import Trace
from protocols.shapes import copier, writer
from protocols.wire import Codec

NOT_AS_ANNOTATED = (LookupError, ValueError, TypeError, AttributeError)
"""What reading the fields of a record may raise where it does not hold what it is annotated with."""


class Parcel:
    """A message: ``copy`` gives each receiver an object of its own. ``text`` is empty where nobody needed it."""

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
        self._contents: dict[type, Content] = {}
        self._untold = dict.fromkeys(classes, FIRST)
        """How many more of a class go by way of their text before any goes without it."""
        self._turns = SAMPLE
        self._sent: list[tuple[object, object, object]] = []
        """Samples, and what was read of them, with copies that nobody else has."""

    def pack(self, msg: object, now_ns: int) -> object:
        """What is to be delivered: another message that is the same, or a Parcel.

        Raises KeyError for what is no message of this protocol, WireError and TypeError for what
        cannot travel.
        """
        cls: Any = type(msg)
        if cls in self._contents:
            packed = self._without_text(self._contents[cls], msg, now_ns)
            if packed is not None:
                return packed
        self._left[cls] -= 1
        text = self._codec.encode(msg)
        read = self._codec.decode(text)
        content = looker(cls)(msg) if frozen(cls)(msg) else None
        if content is None:
            self._left[cls] = FIRST
            self.looks[cls] = _never
            self._trace.content.append(self._changeable(cls, msg, text, read))
            return Parcel(text, read, copier(cls), now_ns)
        self._trace.content.append(content)
        if self._left[cls] <= 0 and not self._watched:
            self.looks[cls] = looker(cls)
        if self._watched:
            return Parcel(text, read, copier(cls), now_ns)
        assert read == msg, f"{msg} is read as {read}: it does not survive the wire"
        self._sent.append((copier(cls)(msg), msg, read))
        return read

    def _without_text(self, made: Content, msg: object, now_ns: int) -> Parcel | None:
        """A message that is copied as its class says; None where its text is due, or it is not like that."""
        if not self._turns:
            self._turns = SAMPLE
            return None
        try:
            held = made.read(msg)
            content = made.held(held)
        except NOT_AS_ANNOTATED:
            return None
        self._turns -= 1
        self._trace.content.append(content)
        return Parcel("", held, made.copy, now_ns)

    def _changeable(self, cls: Any, msg: object, text: str, read: object) -> object:
        """What the trace has of a message that can be changed: the same with its text as without."""
        made = contents(cls)
        try:
            if made is None or writer(cls, cls.__name__)(msg) != text:
                return text
            held = made.read(msg)
            content = made.held(held)
        except NOT_AS_ANNOTATED:  # it travels by its text all the same
            self._contents.pop(cls, None)
            self._untold[cls] = FIRST
            return text
        assert held == read, f"{msg} is read as {read}, and copied as {held}"
        self._untold[cls] -= 1
        if self._untold[cls] <= 0 and not self._watched:
            self._contents[cls] = made
        return content

    def check(self) -> None:
        """Raises AssertionError if a sample was changed since it was sent."""
        for copy, sent, read in self._sent:
            for msg in (sent, read):
                assert msg == copy, (
                    f"{copy} was changed to {msg} after it was sent: records never are"
                )
        self._sent.clear()
