"""Where a hunt through seeds is known to succeed: there it begins, and costs one trial instead of hundreds.

A hint, and no claim: what is not found there any more is looked for from the first seed on, as if
nothing were known, and costs what it costs. ``UPDATE_GOLDEN=1`` hunts from the first seed on, and
writes down where that ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

from tests.transcript import GOLDEN


class Known:
    """The seeds in ``tests/golden/found/NAME.json``, by what is hunted."""

    def __init__(self, name: str) -> None:
        self.path = GOLDEN / "found" / f"{name}.json"
        self.seeds: dict[str, int] = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.anew = os.environ.get("UPDATE_GOLDEN") == "1"

    def hunt(self, name: str, seeds: Sequence[int], finds: Callable[[int], object]) -> int:
        """The first of these seeds that finds it, the known one before all others. Fails if none does."""
        first = self.seeds.get(name)
        order = seeds if self.anew or first not in seeds else [first, *seeds]
        found = next((seed for seed in order if finds(seed)), None)
        assert found is not None, f"{name} is found with none of {len(seeds)} seeds"
        if self.anew:
            self._keep(name, None if found == seeds[0] else found)
        return found

    def _keep(self, name: str, seed: int | None) -> None:
        self.seeds.pop(name, None)
        if seed is not None:
            self.seeds[name] = seed
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(dict(sorted(self.seeds.items())), indent=1) + "\n")
