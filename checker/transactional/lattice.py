"""Which anomalies rule out which consistency models, and which models imply which.

The names and the relations are Elle's (its ``consistency_model`` and ``txn`` sources), which are
those of Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions", ICDE 2000; Cerone,
Bernardi, Gotsman, "A Framework for Transactional Consistency Models", CONCUR 2015; Bailis et al.,
"Highly Available Transactions", VLDB 2014. Only ``misanswered`` is ours: no model lets a client be told of another
transaction than its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SUFFIXES = ("", "-process", "-realtime")

# An instance of the first is an instance of the others too; the same with each suffix.
_CYCLES: dict[str, tuple[str, ...]] = {
    "G0": ("G1c",),
    "G1c": ("G1",),
    "G-single-item": ("G-single", "G-nonadjacent-item"),
    "G-single": ("G-nonadjacent",),
    "G-nonadjacent-item": ("G-nonadjacent", "G2-item"),
    "G-nonadjacent": ("G2",),
    "G2-item": ("G2",),
    "G1": (),
    "G2": (),
}
_OTHERS: dict[str, tuple[str, ...]] = {
    "G1a": ("G1",),
    "G1b": ("G1",),
    "incompatible-order": ("G1a",),
    "dirty-update": ("G1a",),
    "future-read": ("G1c",),
    "lost-update": ("write-skew", "G2-item"),
    "write-skew": ("G2",),
}


def _implied() -> dict[str, tuple[str, ...]]:
    table = {
        name + suffix: tuple(other + suffix for other in others)
        for name, others in _CYCLES.items()
        for suffix in SUFFIXES
    }
    for name in _CYCLES:
        table[name] += (name + "-process",)
        table[name + "-process"] += (name + "-realtime",)
    return table | _OTHERS


IMPLIED_ANOMALIES: Mapping[str, tuple[str, ...]] = _implied()

PROSCRIBED: Mapping[str, tuple[str, ...]] = {
    "read-uncommitted": ("G0", "duplicate-elements", "cyclic-versions", "misanswered"),
    "read-committed": ("G1",),
    "cursor-stability": ("G1", "lost-update"),
    "consistent-view": ("G1", "G-single"),
    "repeatable-read": ("G1", "G2-item", "lost-update"),
    "snapshot-isolation": ("internal", "G1", "G-nonadjacent"),
    "serializable": ("internal", "G1", "G2"),
    "strict-serializable": ("G1", "G1c-realtime", "G2-realtime"),
    "strong-session-serializable": ("G1-process", "G2-process"),
    "strong-session-snapshot-isolation": ("internal", "G1-process", "G-nonadjacent-process"),
    "strong-snapshot-isolation": ("internal", "G1-realtime", "G-nonadjacent-realtime"),
    "read-atomic": ("internal", "G1a", "future-read"),
    "update-atomic": ("lost-update",),
    "causal-cerone": ("internal", "G1a"),
    "parallel-snapshot-isolation": ("internal", "G1a"),
    "prefix": ("internal", "G1a"),
    "strong-session-read-uncommitted": ("G0-process",),
    "strong-session-read-committed": ("G1c-process",),
    "strong-read-uncommitted": ("G0-realtime",),
    "strong-read-committed": ("G1c-realtime",),
}

# A model and those that it implies.
WEAKER: Mapping[str, tuple[str, ...]] = {
    "strict-serializable": (
        "serializable",
        "snapshot-isolation",
        "strong-snapshot-isolation",
        "strong-session-serializable",
    ),
    "strong-session-serializable": ("serializable", "strong-session-snapshot-isolation"),
    "serializable": ("repeatable-read", "snapshot-isolation", "update-serializable"),
    "update-serializable": ("forward-consistent-view",),
    "forward-consistent-view": ("consistent-view",),
    "consistent-view": ("cursor-stability", "monotonic-view"),
    "repeatable-read": ("cursor-stability", "monotonic-atomic-view"),
    "cursor-stability": ("read-committed",),
    "monotonic-view": ("read-committed",),
    "monotonic-snapshot-read": ("read-committed",),
    "strong-snapshot-isolation": ("strong-session-snapshot-isolation", "strong-read-committed"),
    "strong-session-snapshot-isolation": ("snapshot-isolation", "strong-session-read-committed"),
    "snapshot-isolation": (
        "forward-consistent-view",
        "monotonic-atomic-view",
        "monotonic-snapshot-read",
        "parallel-snapshot-isolation",
        "prefix",
    ),
    "parallel-snapshot-isolation": ("causal-cerone", "update-atomic"),
    "prefix": ("causal-cerone",),
    "causal-cerone": ("read-atomic",),
    "update-atomic": ("read-atomic",),
    "read-atomic": ("monotonic-atomic-view",),
    "monotonic-atomic-view": ("read-committed",),
    "strong-read-committed": ("strong-session-read-committed", "strong-read-uncommitted"),
    "strong-session-read-committed": ("read-committed", "strong-session-read-uncommitted"),
    "strong-read-uncommitted": ("strong-session-read-uncommitted",),
    "strong-session-read-uncommitted": ("read-uncommitted",),
    "read-committed": ("read-uncommitted",),
    "read-uncommitted": (),
}


def closure(names: Iterable[str], table: Mapping[str, tuple[str, ...]]) -> dict[str, None]:
    """These and all that follows from them, as an ordered set.

    >>> list(closure(["G-single"], IMPLIED_ANOMALIES))[:3]
    ['G-single', 'G-nonadjacent', 'G-single-process']
    """
    found: dict[str, None] = {}
    work = list(names)
    for name in work:
        if name not in found:
            found[name] = None
            work.extend(table.get(name, ()))
    return found


def refuted(anomalies: Iterable[str]) -> list[str]:
    """The models that these anomalies rule out: those that proscribe one, and all that imply those.

    >>> "read-committed" in refuted(["G2-item"]), "serializable" in refuted(["G2-item"])
    (False, True)
    """
    present = closure(anomalies, IMPLIED_ANOMALIES)
    direct = {name for name, some in PROSCRIBED.items() if any(a in present for a in some)}
    return [model for model in WEAKER if any(weak in direct for weak in closure([model], WEAKER))]


def strongest(anomalies: Iterable[str]) -> list[str]:
    """The models that these anomalies leave standing and that no other such model implies.

    >>> strongest([]), strongest(["G1a"])
    (['strict-serializable'], ['strong-read-uncommitted'])
    """
    out = set(refuted(anomalies))
    standing = [model for model in WEAKER if model not in out]
    implied = {weak for model in standing for weak in closure(WEAKER[model], WEAKER)}
    return [model for model in standing if model not in implied]
