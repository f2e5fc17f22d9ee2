"""Every command of our store upon a key-value store that can only read, and write if nothing was touched.

Lists, sets, counters and transactions of several keys are computed by the client, from what it read, and
written unless another was faster, else done again: what users of such stores write, and it tests exactly
what they rely on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from protocols.kernel import Command, Json
from protocols.statemachine import ONE_KEY
from protocols.transactions import MULTI, keys_of
from workloads.kernel import Refused

COMMANDS = (*ONE_KEY, *MULTI)
"""What such a store offers, then."""
READS = frozenset({"read", "balances"})
"""Of these what changes nothing: an error is *fail*, whatever it was."""

T = TypeVar("T")


class Store(Protocol[T]):
    """Any exception but Refused means that nobody knows what was done."""

    def look(self, keys: Sequence[str]) -> tuple[dict[str, Json], T]:
        """The keys' values, None where there is none, all of one moment; and what tells that moment."""
        ...

    def change(self, seen: T, changed: Mapping[str, Json]) -> bool:
        """Write these, unless one of the keys looked at was written to since; whether it did."""
        ...

    def leave(self, seen: T) -> None:
        """Nothing will be written on the strength of that look."""
        ...


def run(store: Store[T], command: Command, timeout_s: float) -> Json:
    """The command's answer. Raises Refused where it certainly changed nothing."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        values, seen = store.look(keys_of(command))
        before = dict(values)
        if command.f in MULTI:
            answer = MULTI[command.f](values, command)
        else:
            values[command.key], answer = ONE_KEY[command.f](values[command.key], command.value)
        changed = {key: value for key, value in values.items() if value != before[key]}
        if not answer.ok or not changed:
            store.leave(seen)
            if not answer.ok:
                raise Refused(str(answer.value))
            return answer.value
        if store.change(seen, changed):
            return answer.value
    raise Refused("others were always faster")
