"""What the literature claims of latency and load, measured in the simulator; coarsely, for CI."""

from __future__ import annotations

import pytest

from harness.cli import main
from harness.wan import load, shapes, zones_of
from harness.wan.rows import Maker
from harness.wan.shapes import Scene, Shape, near

SCENE = Scene(maker=Maker("wan5", zones_of("wan5", 5), rounds=6), seed="5", steps=2, bench_ms=4_000)


@pytest.mark.parametrize("measure", shapes.ALL, ids=lambda measure: measure.__name__)
def test_the_claims_hold(measure) -> None:
    shape = measure(SCENE)
    assert shape.claims
    assert [claim for claim, holds in shape.claims.items() if not holds] == []
    assert shape.picture.startswith("<svg")
    assert "predicted" in shape.picture


def test_what_is_not_near_is_seen() -> None:
    assert near([105, 8.2], [100, 8], 0.10)
    assert not near([112, 8], [100, 8], 0.10)
    assert not near([100, 8.9], [100, 8], 0.10)


def test_a_protocol_that_asks_more_than_it_says_is_seen() -> None:
    """Red: thrifty in name only."""
    (thrifty,) = (kind for kind in load.kinds() if kind.name == "Multi-Paxos, thrifty")
    told = load.Shared(
        name="", protocol="multipaxos", leaders=1, asked=thrifty.asked, options={"leader": "n1"}
    )
    counted = load.count(told)
    assert not near([counted.votes], [counted.predicted], 0.10)


def test_a_claim_that_does_not_hold_is_said(capsys, monkeypatch, tmp_path) -> None:
    def odd(_: Scene) -> Shape:
        return Shape(name="odd", picture="<svg/>", claims={"1 is 1": True, "1 is 2": False})

    monkeypatch.setattr(shapes, "ALL", [odd])
    with pytest.raises(SystemExit) as ended:
        main(["wan", "--plots", str(tmp_path)])
    assert ended.value.code == 1
    assert "DOES NOT  1 is 2" in capsys.readouterr().out
    assert (tmp_path / "odd.svg").read_text() == "<svg/>\n"
