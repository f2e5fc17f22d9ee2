"""The zoo's page: what was found, how soon, by whom, and the command that shows each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from harness.shrink.size import MOST_OPS, MOST_WINDOWS, counted
from harness.trial import Trial
from harness.zoo.mutant import Mutant
from harness.zoo.record import Record

COLUMNS = (
    "mutant",
    "found",
    "trials",
    "CPU s",
    "seen by",
    "shrunk to",
    "configuration",
    "the bug, and its source",
)


def page(
    records: Sequence[Record],
    *,
    about: str,
    others: Sequence[str] = (),
    elusive: Mapping[str, str] | None = None,
) -> str:
    """The whole page. ``about``: what was asked for, and of which commit; ``others``: the zoo's mutants that
    were not; ``elusive``: those that no hunt finds, with why, and where each is played instead.

    A hunt's cost is the median over its hunts, the greater of the middle two. Tables are of mutants whose
    hunts are over; the others are named at the end.
    """
    known = [record for record in records if record.complete]
    lacking = _lacking([r for r in records if not r.complete], others, elusive or {})
    return "\n".join([*_head(known, about), *_tables(known), *_configurations(known), *lacking])


def _head(records: Sequence[Record], about: str) -> Iterator[str]:
    good = sum(record.good for record in records)
    yield "# The zoo: the track record of the tester"
    yield ""
    yield "Made by `harness zoo --markdown docs/zoo.md`; do not edit."
    yield ""
    yield f"{about} {good} of {len(records)} mutants were found, and their twins passed."
    yield ""
    yield (
        "Each mutant is a protocol with one bug, a few lines in `tests/mutants/`. A hunt plays trials, "
        "seed after seed, until the check that is expected to see it says *invalid*. Trials and CPU "
        "seconds, checking included, are those to the finding, at the median. The protocol without "
        "the bug played every one of the same trials, and each had to be valid; in one of a hundred at most too "
        "little may happen for that (*vacuous*)."
    )
    yield ""
    yield (
        "With a hyphen, P-9 is a bug that Paxi has, G-2 one of GoPaxos, K-6 a hazard of paxakos, E-1 one of "
        "published EPaxos; without, B1 is the breach of a rule of the protocol's paper."
    )
    yield ""
    sizes = [record.size for record in records if record.size is not None]
    if sizes:
        small = sum(size.small() for size in sizes)
        yield (
            f"{small} of {len(sizes)} first findings were shrunk to at most {MOST_WINDOWS} windows and "
            f"{MOST_OPS} ops; the others are **bold**, and below their table it is said why. "
            "A window is a fault from its begin to its end, whatever number of nodes and links it hits; "
            "one that does two things at once, to different ones, is a fault of its own."
        )
        yield ""


def _configurations(records: Sequence[Record]) -> Iterator[str]:
    yield "## Configurations"
    yield ""
    for number, options in enumerate(dict.fromkeys(_options(r.mutant) for r in records), 1):
        yield f"{number}. `{options}`"
    yield ""


def _lacking(
    unfinished: Sequence[Record], others: Sequence[str], elusive: Mapping[str, str]
) -> Iterator[str]:
    if not (unfinished or others or elusive):
        return
    yield "## What this page does not have"
    yield ""
    if unfinished:
        yield (
            f"The hunts of {len(unfinished)} mutants, or their twins' trials, are not over (of those that are, so many "
            "found it): "
            + ", ".join(f"`{r.mutant.name}` ({r.found} of {len(r.hunts)})" for r in unfinished)
            + ". The same command with `--resume` goes on."
        )
        yield ""
    if others:
        yield f"{len(others)} were not asked for: {', '.join(f'`{name}`' for name in others)}."
        yield ""
    if elusive:
        yield f"{len(elusive)} are not hunted, since no configuration finds them within reason:"
        yield ""
        yield from (f"- `{name}`: {why}." for name, why in elusive.items())
        yield ""


def _tables(records: Sequence[Record]) -> Iterator[str]:
    numbers = {o: n for n, o in enumerate(dict.fromkeys(_options(r.mutant) for r in records), 1)}
    for twin in dict.fromkeys(record.mutant.twin for record in records):
        own = [record for record in records if record.mutant.twin == twin]
        yield f"## {twin}"
        yield ""
        yield f"| {' | '.join(COLUMNS)} |"
        yield f"|{'---|' * len(COLUMNS)}"
        for record in own:
            yield f"| {' | '.join(_cells(record, numbers[_options(record.mutant)]))} |"
        yield ""
        notes = [f"- **{r.mutant.name}**: {r.problem}" for r in own if r.problem]
        notes += [f"- {r.mutant.name} stays large: {why}" for r in own if (why := _large(r))]
        yield from [*notes, ""] if notes else ()
        yield "To see one:"
        yield ""
        yield "```"
        yield from (
            record.smallest.command if record.smallest and record.size else record.example.command
            for record in own
            if record.example is not None
        )
        yield "```"
        yield ""


def _cells(record: Record, configuration: int) -> list[str]:
    return [
        record.mutant.name,
        f"{record.found} of {len(record.hunts)}",
        trials_text(record.median_trials),
        seconds_text(record.median_s),
        seen_text(record),
        size_text(record)
        if record.size is None or record.size.small()
        else f"**{size_text(record)}**",
        str(configuration),
        record.mutant.source.replace("|", "\\|"),
    ]


def _large(record: Record) -> str:
    """Why what was found is larger than a person can take in; nothing where it is not."""
    if record.size is None or record.size.small():
        return ""
    return record.mutant.large or "its time was over first."


def _options(mutant: Mutant) -> str:
    """The configuration without who plays it, and with which seed."""
    words = mutant.trial.command("sim").split(" ")
    return " ".join(words[4 : words.index("--seed")])


def trials_text(trials: float) -> str:
    """How many trials, or that there were not enough."""
    return "not found" if trials == inf else f"{trials:.0f}"


def seconds_text(seconds: float) -> str:
    """CPU seconds with the digits that matter.

    >>> seconds_text(0.044), seconds_text(12.34)
    ('0.04', '12.3')
    """
    if seconds == inf:
        return "-"
    return f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}"


def seen_text(record: Record) -> str:
    """The checks that objected, with how often where that was not every time."""
    return ", ".join(
        name if count == record.found else f"{name} ({count} of {record.found})"
        for name, count in record.seen_by.most_common()
    )


def size_text(record: Record) -> str:
    """Faults, clients and ops of the shrunk trial."""
    size = record.size
    if size is None:
        return "-"
    return f"{counted(size.windows, 'window')}, {counted(size.ops, 'op')}"


def configuration_text(trial: Trial) -> str:
    """The nodes, the time and the faults in a few words.

    >>> configuration_text(Trial(protocol="abd", nodes=3, time_ms=2000, nemesis="kill"))
    '3 nodes, 2 s, kill'
    """
    return f"{trial.nodes} nodes, {trial.time_ms / 1000:g} s, {trial.nemesis}"
