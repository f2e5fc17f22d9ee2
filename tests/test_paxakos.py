"""``docs/paxakos.md`` says which protocol takes which of paxakos' options: each cell is tried."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.matrix.cells import Line, served
from harness.simulated import play
from harness.trial import Trial
from protocols import PROTOCOLS

PAGE = Path(__file__).parent.parent / "docs" / "paxakos.md"

TRIAL = Trial(
    protocol="none yet",
    nodes=5,
    threads=10,
    time_ms=1_500,
    rate=200,
    keys=2,
    rtt_ms=5,
    interval_ms=200,
    client_timeout_ms=200,
    seed="paxakos",
)

GIVEN = {
    "rejoin": {"rejoin": "passive"},
    "members": {"members": "4"},
    "master leases": {"read": "leader"},
    "verify": {"verify": "5"},
    "voter": {"voter": "lax"},
    "heartbeat": {"heartbeat": "4"},
    "leader": {"leader": "n3"},
    "retry": {"retry": "backoff"},
    "window": {"window": "adaptive"},
    "reserve": {"reserve": "2"},
}
"""How the option of a column is given."""

WITHOUT_A_LOG = {"abd", "dynamo"}


def table():
    """By protocol and column what the page says."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines()]
    head = next(i for i, row in enumerate(rows) if row[0] == "protocol")
    columns = [column.strip("`").replace("clients' leases", "leases") for column in rows[head]]
    said = {}
    for row in rows[head + 2 :]:
        if len(row) != len(columns):
            return said
        said |= {(row[0].strip("`"), c): cell for c, cell in zip(columns, row, strict=True)}
    raise AssertionError("the table has no end")


CELLS = {(p, c): cell for (p, c), cell in table().items() if c != "protocol"}


def test_every_protocol_with_a_log_and_every_reason_is_there():
    assert {protocol for protocol, _ in CELLS} == set(PROTOCOLS) - WITHOUT_A_LOG
    assert {column for _, column in CELLS} == {*GIVEN, "leases"}
    told = set(re.findall(r"^- \*\*(\w)\*\*:", PAGE.read_text(), re.MULTILINE))
    assert set(CELLS.values()) == {"yes", *told}


def trial(protocol, column, options):
    """Disks are lost where that is what the option is for."""
    nemesis = "wipe,partition" if column == "rejoin" else "partition,kill"
    return replace(TRIAL, protocol=protocol, nemesis=nemesis, options=options)


@cache
def digest(protocol, column, *options):
    return play(trial(protocol, column, dict(options))).run.digest


@pytest.mark.parametrize(("protocol", "column"), CELLS, ids="-".join)
def test_a_cell_says_what_is(protocol, column):
    """Goal: an option that is taken changes what happens; one that would not is refused."""
    yes = CELLS[protocol, column] == "yes"
    if column == "leases":
        assert served(Line(protocol), "lease") is served(Line(protocol), "lock") is yes
        return
    given = dict(GIVEN[column])
    if protocol == "raft" and column == "master leases":
        given = {"read": "lease"}
    if not yes:
        with pytest.raises(UsageError, match=next(iter(given))):
            trial(protocol, column, given).replica()
        return
    unlike = digest(protocol, column, *given.items())
    assert unlike != digest(protocol, "rejoin" if column == "rejoin" else "")
