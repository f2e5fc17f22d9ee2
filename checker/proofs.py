"""Whether each fault proved that it bit, and that it was healed (ARCHITECTURE 2.2).

On real hosts the nemesis probes what it has done and writes what it saw into its rows:
``{"phase": ..., "proof": [{"bit": true, ...}, ...]}``. A probe that did not see the effect, or its
end, makes the run *invalid-harness*: whatever it shows, it is not what was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from checker.history import History
from checker.phrases import plural, seconds, show
from checker.values import Json
from checker.verdict import Outcome, Verdict
from checker.windows import nemesis_rows, value_of

STANDING = "standing"
"""The phase of a row that says what stands from the beginning, faults or no: the distances of a WAN."""

_MOST_SHOWN = 6


def stands(history: History) -> bool:
    """Whether something was to stand, and so is to be proved though there are no faults."""
    return any(value.get("phase") == STANDING for _, value in nemesis_rows(history))


def check(history: History) -> Verdict:
    """*Invalid-harness* where any probe failed; valid where none did, or none was needed."""
    failed: list[tuple[int, Mapping[str, Json]]] = []
    probes: Counter[str] = Counter()
    later = 0
    for row, value in nemesis_rows(history):
        proof = value.get("proof")
        for probe in proof if isinstance(proof, (list, tuple)) else ():
            probes[history.f[row]] += 1
            if not isinstance(probe, Mapping):
                failed.append((row, {"probe": probe}))
            elif "bit" in probe and probe["bit"] is None:
                later += 1
            elif probe.get("bit") is not True:
                failed.append((row, probe))
    total = probes.total()
    details: dict[str, Json] = {
        "probes": total,
        "failed": len(failed),
        "later": later,
        "by fault": dict(sorted(probes.items())),
    }
    if failed:
        return Verdict(
            outcome=Outcome.INVALID_HARNESS,
            summary=f"{len(failed)} of {plural(total, 'probe')} of faults failed: "
            f"{_name(history, failed[0][0])}",
            evidence=tuple(dict.fromkeys(row for row, _ in failed)),
            explanation=tuple(_sentence(history, *one) for one in failed[:_MOST_SHOWN]),
            details=details,
        )
    seen = f"{plural(total - later, 'probe')} saw every fault bite and heal"
    summary = f"{seen}; {later} saw no change yet, of members or leader" if later else seen
    if not total:
        summary = "no fault needed a proof"
    return Verdict(outcome=Outcome.VALID, summary=summary, details=details)


def _name(history: History, row: int) -> str:
    phase = value_of(history, row).get("phase")
    problems = {"end": "did not heal", "heal": "did not heal", STANDING: "is not there"}
    return f"{history.f[row]} {problems.get(str(phase), 'did not bite')}"


def _sentence(history: History, row: int, probe: Mapping[str, Json]) -> str:
    seen = ", ".join(f"{k} {show(v)}" for k, v in probe.items() if k != "bit")
    at = seconds(int(history.time_ns[row]))
    return f"{_name(history, row)} at {at} (row {row})" + (f": {seen}" if seen else "")
