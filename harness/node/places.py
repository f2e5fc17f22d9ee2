"""Where a named command was decided, for the headers of its answer, as the replica's notes say.

Only commands that are waited for are looked for: a node that nobody asks so has no work with it.
"""

from __future__ import annotations

from protocols.kernel import Command, Json
from protocols.statemachine import name_of
from protocols.wire import dumps, loads


class Places:
    """Hears the notes; knows the slots of the named commands that are waited for."""

    def __init__(self) -> None:
        self._slots: dict[Json, Json] = {}
        """By the command's name; None until it is decided."""
        self._last = ""
        self._ballot: Json = None

    def wait_for(self, command: Command) -> None:
        self._slots[name_of(command)] = None

    def forget(self, command: Command) -> None:
        self._slots.pop(name_of(command), None)

    def note(self, kind: str, value: str) -> None:
        """``value`` is JSON text."""
        if kind == "decided":
            self._last = value
            if self._slots:
                slot, what = loads(value)
                for name in self._slots:
                    if _is_of(what, name):
                        self._slots[name] = slot
        elif kind == "leader":
            self._ballot = loads(value)[0]

    def headers(self, command: Command, *, leads: bool) -> bytes:
        """``Id`` and ``Cid`` as they were given; ``Slot``, where the command was decided; ``Execute``, what
        this node decided last; ``Ballot``, if it leads. Each where the protocol knows it.
        """
        lines = [f"Id: {command.session}", f"Cid: {command.serial}"]
        slot = self._slots.pop(name_of(command), None)
        if slot is not None:
            lines.append(f"Slot: {_shown(slot)}")
        if self._last:
            lines.append(f"Execute: {_shown(loads(self._last)[0])}")
        if leads and self._ballot is not None:
            lines.append(f"Ballot: {_shown(self._ballot)}")
        return "".join(f"{line}\r\n" for line in lines).encode()


def _is_of(what: Json, name: Json) -> bool:
    """Whether a decision is of this command: it is its name, has it in a batch, or begins with it."""
    if isinstance(what, list):
        return name in what
    return what == name or (isinstance(what, str) and what.startswith(f"{name} "))


def _shown(value: Json) -> str:
    """A slot or ballot in a header: numbers by points, as in Paxi.

    >>> _shown([7, 1]), _shown("n1.3")
    ('7.1', 'n1.3')
    """
    if isinstance(value, list):
        return ".".join(map(_shown, value))
    return value if isinstance(value, str) and value.isascii() else dumps(value)
