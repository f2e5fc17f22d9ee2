"""A proof: what was done, how it was looked at, what was seen, and whether that is what it was for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from harness.remote.seam import Completed
from nemesis.actions import Action
from nemesis.encoding import action_to_json

Json: TypeAlias = object
Proof: TypeAlias = dict[str, Json]
"""``action`` (its JSON), ``probe`` (how it was looked at), ``saw`` (what was seen), ``bit``
(whether that is what the action is for; null: that will be seen later), ``ms`` (from the command to the proof)."""


def proof(action: Action, probe: str, saw: Json, bit: bool | None) -> Proof:
    return {"action": action_to_json(action), "probe": probe, "saw": saw, "bit": bit}


def complaints(done: Mapping[int, Completed]) -> dict[str, Json]:
    """What commands said that failed, by node."""
    failed = {
        str(node): f"status {result.status}: {result.stderr.strip()[-300:]}"
        for node, result in done.items()
        if result.status != 0
    }
    return {"commands failed": failed} if failed else {}
