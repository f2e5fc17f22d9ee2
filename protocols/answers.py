"""What a state machine says to a command that it ran."""

from __future__ import annotations

from protocols.kernel import Json, record


@record
class Answer:
    """``ok`` False: the command certainly had no effect."""

    value: Json
    ok: bool = True
