"""What a reader of a benchmark's numbers must know of how they came about, as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from harness.bench.result import ALL, Benched, Times

BUSY = 0.8
"""A Python process does one thing at a time: from this share of a processor on it is the limit."""
LATE_SHARE = 0.1
"""How late ops began is worth a note where it is this share of the latency."""
FULL = 0.95


MACHINE, CLIENT = "the machine was full", "the client was the bottleneck"


def of_the_machine(note: str) -> bool:
    """Whether a note is of the processors alone: of many benchmarks, a sentence says that of all."""
    return note.startswith((MACHINE, CLIENT))


def notes(benched: Benched) -> Iterator[str]:
    """Each thing that makes the numbers say less, or something else, than they seem to."""
    measured = benched.measured
    whole = measured.of(ALL, ALL)
    if benched.outcome != "valid":
        yield f"the history is {benched.outcome}: what is fast may be so for it is wrong"
    if whole.ok < whole.ops:
        yield (
            f"{whole.fail:,} ops failed and {whole.info:,} are unknown, of {whole.ops:,}:"
            " they are in no latency"
        )
    if measured.behind_ms:
        yield (
            f"the load was too much: at the end some node's clients were {measured.behind_ms / 1000:.1f} s"
            f" behind their share of {benched.rate:,} ops/s; what had not begun by then is in no latency"
        )
    elif (late := _late(benched)) is not None:
        yield (
            f"ops began {late.mean:.1f} ms after they were due on average, {late.p99:.0f} ms at p99, which"
            f" is in the latency: {benched.clients} clients are few for {benched.rate:,} ops/s, or there"
            " was no processor free for them"
        )
    yield from _processor(benched)


def _late(benched: Benched) -> Times | None:
    """How late ops began, where that is a good part of the latency."""
    late, latency = benched.measured.late, benched.measured.of(ALL, ALL).latency
    if late is None or latency is None or late.mean <= LATE_SHARE * latency.mean:
        return None
    return late


def _processor(benched: Benched) -> Iterator[str]:
    used = benched.usage
    if used is None:
        return
    if used.client >= BUSY:
        yield (
            f"{CLIENT}: it used {used.client:.0%} of the one processor that it"
            " can use, so the system may be faster than this"
        )
    elif used.nodes and max(used.nodes) >= BUSY:
        yield f"a node used {max(used.nodes):.0%} of the one processor that it can use"
    if used.machine is not None and used.machine >= FULL * used.cores:
        others = used.others or 0.0
        if others > 0.2 * used.cores:
            yield (
                f"{MACHINE}, and {others:.1f} of its {used.cores} processors"
                " were used by others than clients and nodes"
            )
        else:
            yield f"{MACHINE}: {used.cores} processors for clients and nodes together"
