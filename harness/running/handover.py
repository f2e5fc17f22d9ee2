"""Looking until a node says that it leads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

HANDOVER_S = 5.0
"""As long as an election may take."""
PACE_S = 0.02


def await_leader(
    ask: Callable[..., dict[str, Any]],
    node: int,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> float | None:
    """How many seconds it took until the node said of itself that it leads; None if it did not in time."""
    began = clock()
    while ask("status")["nodes"][node].get("leader") != node:
        if clock() > began + HANDOVER_S:
            return None
        wait(PACE_S)
    return clock() - began
