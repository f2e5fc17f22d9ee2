"""What Dynamo's nodes tell each other."""

from __future__ import annotations

from typing import TypeAlias

from protocols.dynamo.versions import Dot, State
from protocols.kernel import NodeId, RequestId, record

NOBODY: NodeId = -1


@record
class Get:
    """What have you of this key? (Section 5: ``get`` asks for all versions.)"""

    request: RequestId
    key: str


@record
class Got:
    request: RequestId
    state: State


@record
class Put:
    """Keep this; where ``hint`` is a node, on its behalf, until it can be told (section 4.6)."""

    request: RequestId
    key: str
    state: State
    hint: NodeId


@record
class Stored:
    request: RequestId


@record
class Handoff:
    """This was kept for you while you were away. Asks for ``HandedOff``."""

    key: str
    state: State


@record
class HandedOff:
    """I have all that this clock knows of."""

    key: str
    clock: tuple[Dot, ...]


@record
class Sync:
    """Take this in (read repair, anti-entropy); ``answer``: and tell me what you have beyond it."""

    key: str
    state: State
    answer: bool


@record
class Compare:
    """My tree of what we have in common has these digests (index, digest) at this level."""

    level: int
    nodes: tuple[tuple[int, int], ...]


@record
class Leaves:
    """These leaves of ours differ; here are mine: (key, digest of what I have of it)."""

    leaves: tuple[int, ...]
    entries: tuple[tuple[str, int], ...]


Message: TypeAlias = Get | Got | Put | Stored | Handoff | HandedOff | Sync | Compare | Leaves
MESSAGES = (Get, Got, Put, Stored, Handoff, HandedOff, Sync, Compare, Leaves)
