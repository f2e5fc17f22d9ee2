"""Faults that a node is told to imitate at its own door: Paxi's, for those who have no other way.

What the node sends or hears is dropped or held back; nothing is done to the network or the process, so that
the harness' own faults (``nemesis``) are to be preferred: they prove that they bite.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from protocols.kernel import NodeId

FOR_EVER = float("inf")


@dataclass(frozen=True)
class _On:
    """A fault that is on until then (``now_s``)."""

    until_s: float
    amount: int = 0


class Injected:
    """The faults of one node. ``now_s`` is a clock that never jumps."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._crashed = _On(0)
        self._drops: dict[NodeId, _On] = {}
        self._deaf: dict[NodeId, _On] = {}
        self._slow: dict[NodeId, _On] = {}
        self._flaky: dict[NodeId, _On] = {}

    # --- what is told -----------------------------------------------------------------------------

    def crash(self, for_s: float) -> None:
        """Send nothing, hear nothing, serve nobody; forget nothing."""
        self._crashed = self._on(for_s)

    def drop(self, dst: NodeId, for_s: float) -> None:
        self._drops[dst] = self._on(for_s)

    def slow(self, dst: NodeId, ms: int, for_s: float) -> None:
        self._slow[dst] = self._on(for_s, ms)

    def flaky(self, dst: NodeId, permille: int, for_s: float) -> None:
        self._flaky[dst] = self._on(for_s, permille)

    def cut(self, others: list[NodeId], for_s: float) -> None:
        """Neither send to these nor hear them."""
        for other in others:
            self._drops[other] = self._deaf[other] = self._on(for_s)

    def heal(self) -> None:
        self._crashed = _On(0)
        for faults in (self._drops, self._deaf, self._slow, self._flaky):
            faults.clear()

    def _on(self, for_s: float, amount: int = 0) -> _On:
        """``for_s`` 0 or less: until it is healed, as in Paxi."""
        return _On(self._now_s() + for_s if for_s > 0 else FOR_EVER, amount)

    # --- what follows -----------------------------------------------------------------------------

    def crashed_for_s(self) -> float:
        """How long it will seem dead; 0 if it does not."""
        return max(0.0, self._crashed.until_s - self._now_s())

    def hold_back_ms(self, dst: NodeId) -> int | None:
        """How long a message to ``dst`` is to be held back, or None if it is lost."""
        if self.crashed_for_s() or self._amount(self._drops, dst) is not None:
            return None
        permille = self._amount(self._flaky, dst)
        if permille is not None and random.randrange(1000) < permille:
            return None
        return self._amount(self._slow, dst) or 0

    def hears(self, src: NodeId) -> bool:
        return not self.crashed_for_s() and self._amount(self._deaf, src) is None

    def _amount(self, faults: dict[NodeId, _On], node: NodeId) -> int | None:
        fault = faults.get(node)
        if fault is None:
            return None
        if fault.until_s <= self._now_s():
            del faults[node]
            return None
        return fault.amount

    def to_json(self) -> dict[str, object]:
        """What is on: seconds that are left (null: until healed), by node."""

        def left(fault: _On) -> float | None:
            rest = fault.until_s - self._now_s()
            return None if rest == FOR_EVER else round(rest, 3)

        shown: dict[str, object] = {"crash": left(self._crashed)} if self.crashed_for_s() else {}
        for name, faults in (
            ("drop", self._drops), ("deaf", self._deaf), ("slow", self._slow), ("flaky", self._flaky),
        ):  # fmt: skip
            on = {n: f for n, f in sorted(faults.items()) if f.until_s > self._now_s()}
            if on:
                shown[name] = {
                    f"n{n + 1}": {"for_s": left(f), "amount": f.amount} for n, f in on.items()
                }
        return shown
