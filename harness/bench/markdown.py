"""``docs/bench.md``: the table of a benchmark of many sizes, as the command that made it writes it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.bench.compare import unevenness
from harness.bench.notes import BUSY, MACHINE, of_the_machine
from harness.bench.result import Benched
from harness.bench.table import HEAD, by_clients, markdown, row

_READ = f"""## How to read it

- **ok/s** are the ops that were answered *ok* within the measured time, a second. An op that failed, or of which
  nobody knows, is none of them, and has no latency.
- **p50, p99**: from when an op was due to its answer. In a closed loop (`--closed`) it is due when its client asks.
  In an open one (`--rate`) it has an intended time, whether or not a client was free then, so that a stall is in
  the latency of all ops that it held up: no coordinated omission. *Service times*, from when a client asked, are
  in `bench.json` beside them.
- **client CPU**: the share of a processor that the controller used, which is one Python process with a thread for
  each client. From {BUSY:.0%} on it is marked `!`: then the client is what is measured, and the system may be faster.
- **µs/op**: what an ok op cost all nodes together, in CPU time: it depends far less on who else used the machine.
  What nodes do unasked (heartbeats) is in it, so that it is higher where ops are few.
- Where a throughput has a range, it is the median of several runs, of which these were the least and the most.
- Every history behind a number was checked (`linearizable`, `agreement` ...). Where it was found wrong, the table
  says so instead of a throughput: what is fast may be so for it is wrong.
"""


def page(benched: Sequence[Benched], *, command: str, about: Sequence[str], plots: str) -> str:
    """The text of the page. ``about`` are sentences: when this was run, where, on what; ``plots`` is
    the file of the plots, beside it.
    """
    parts = [
        "# Benchmarks\n\n",
        "Throughput and latency of the protocols, as made by this command, which wrote this page:\n\n",
        f"```sh\n{command}\n```\n\n",
        *(f"- {sentence}\n" for sentence in (*about, *findings(benched))),
    ]
    if len({one.clients for one in benched}) > 1:
        parts.append(by_clients(benched))
    else:
        parts.append("\n" + markdown(HEAD, [row(one) for one in benched]))
    parts.append(f"\n![throughput and latency]({plots})\n")
    notes = [
        f"- `{one.name}`, {one.nodes} nodes, {one.clients} clients: {note}\n"
        for one in benched
        for note in one.notes
        if not of_the_machine(note)
    ]
    parts += ["\n", _READ]
    if notes:
        parts += ["\n## Notes\n\n", *notes]
    return "".join(parts)


def findings(benched: Sequence[Benched]) -> list[str]:
    """What holds of the whole table."""
    found = []
    known = [one for one in benched if one.usage is not None]
    busy = [one for one in known if one.usage is not None and one.usage.client >= BUSY]
    if known:
        found.append(
            f"In {len(busy)} of {len(known)} cells the client was the bottleneck (marked `!`)."
        )
    others = [
        one.usage.others for one in known if one.usage is not None and one.usage.others is not None
    ]
    if others:
        full = sum(any(note.startswith(MACHINE) for note in one.notes) for one in benched)
        found.append(
            f"Others than clients and nodes used {sum(others) / len(others):.2f} processors on average"
            f" while it ran, and {max(others):.2f} at most; in {full} of {len(benched)} cells no processor"
            " was idle. Then throughputs are what was left over, for the client too: compare µs/op first."
        )
    uneven = sorted(unevenness(one) for one in benched)
    runs = max((len(one.repeats) for one in benched), default=0)
    source = f"between {runs} runs of it" if runs else "within its run"
    found.append(
        f"The standard error of a cell's throughput, as it varies {source}, is"
        f" {uneven[len(uneven) // 2]:.0%} in half of the cells, and up to {uneven[-1]:.0%}: differences"
        " of less than some three times that are noise."
    )
    return found
