"""Whether the rare things happened that a campaign ought to see: what never did was never tested.

A replica notes them (kind ``sometimes``) and its class names them. They are Antithesis' *sometimes*
assertions: "always" says what must hold, "sometimes" that the trials went where it could fail. One
trial need not show any; a whole campaign that never shows one says little about what follows on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from checker.history import NEMESIS, Row

KIND = "sometimes"


def happened(rows: Iterable[Row]) -> dict[str, int]:
    """How often each was noted, by name.

    >>> from checker.history import INFO, node_process
    >>> happened([Row(5, node_process(0), INFO, "sometimes", None, "a ballot was contested")])
    {'a ballot was contested': 1}
    """
    return dict(
        Counter([str(row.value) for row in rows if row.f == KIND and row.process < NEMESIS])
    )


def never(promised: Sequence[str], trials: Iterable[Mapping[str, int]]) -> tuple[str, ...]:
    """Those of ``promised`` that happened in none of the trials, in their order.

    >>> never(("rare", "rarer"), [{"rare": 2}, {}])
    ('rarer',)
    """
    seen = {name for trial in trials for name in trial}
    return tuple(name for name in promised if name not in seen)
