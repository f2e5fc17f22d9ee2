"""``harness bench`` on hosts made here: the same numbers as in simulation, and who used the processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bench.result import read
from tests.real.conftest import barred
from tests.real.test_trials import harness

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def test_protocols_are_measured_on_hosts_and_their_histories_are_checked(tmp_path: Path) -> None:
    if reason := barred():
        pytest.skip(f"no hosts can be made here: {reason}")
    words = "bench -p abd,multipaxos --nodes 3 --closed -c 3 --ops 400 --keys 20 --warmup 200ms"
    code, out, err = harness(tmp_path, *words.split())

    assert code == 0, out + err
    benched = read(next((tmp_path / "bench").glob("*.json")))
    assert [(one.protocol, one.outcome) for one in benched] == [
        ("abd", "valid"),
        ("multipaxos", "valid"),
    ]
    for one in benched:
        assert one.measured.of().ops == 400
        assert one.measured.loaded == 20
        assert one.measured.sites == ("n1", "n2", "n3")
        assert one.throughput > 0
        assert one.usage is not None
        assert 0 < one.usage.client <= 1.5
        assert len(one.usage.nodes) == 3
        assert all(share > 0 for share in one.usage.nodes)
        assert one.usage.machine is not None
        assert one.run is not None
        assert (Path(one.run) / "nodes" / "n3" / "notes.jsonl").is_file()
