"""How far from strong the reads of registers were, as measurements: they judge nothing.

Registers are the keys that were only read and written; other keys of the same history, and what
:mod:`checker.eventual` reads of copies, are left out.
"""

from __future__ import annotations

from dataclasses import replace

from checker import graded, sessions
from checker.eventual import COPY
from checker.history import History
from checker.values import identity
from checker.verdict import Json, Outcome, Verdict

_REGISTER = ("read", "write")


def registers(history: History) -> History:
    """The clients' reads and writes of keys that nothing else was asked of; no other rows."""
    others = {identity(op.key) for op in history.ops() if op.f not in _REGISTER and op.f != COPY}
    rows = (row for row in history.rows if row.process >= 0 and row.f in _REGISTER)
    return History.of(row for row in rows if identity(row.key) not in others)


def staleness(history: History) -> Verdict:
    """:func:`checker.graded.check` of the registers. Never invalid."""
    return graded.check(registers(history))


def session_guarantees(history: History) -> Verdict:
    """Which session guarantees were kept (:mod:`checker.sessions`). Never invalid.

    ``details["guarantees"]``: each is "kept" or "broken".
    """
    found = sessions.check(registers(history))
    told = found.details.get("guarantees")
    if found.outcome not in (Outcome.VALID, Outcome.INVALID) or not isinstance(told, dict):
        return replace(found, evidence=())
    if not told:  # wrong whatever the order: not a matter of sessions
        return replace(found, evidence=())
    return Verdict(outcome=Outcome.VALID, summary=_summary(told), details=found.details)


def _summary(told: dict[str, Json]) -> str:
    """``kept: monotonic-reads; broken: read-your-writes``."""
    groups = {
        word: [name for name, fate in told.items() if fate == word] for word in ("kept", "broken")
    }
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in groups.items() if names)
