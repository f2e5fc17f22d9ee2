"""Distances that stand: how much is added, and that a matrix which is not there is seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from harness.errors import CapabilityError
from harness.remote import distances
from harness.remote.faults_proof import Round

MATRIX = {(0, 1): 72, (1, 0): 72, (0, 2): 0, (2, 0): 0}


def test_what_lies_between_hosts_already_is_not_added_again() -> None:
    base = {(0, 1): 20_000, (1, 0): 19_000, (0, 2): 300, (2, 0): 300}
    assert distances.apart_us(MATRIX, base) == {
        (0, 1): 26_500, (1, 0): 26_500, (0, 2): 0, (2, 0): 0,
    }  # fmt: skip


def test_hosts_that_are_too_far_apart_are_named() -> None:
    base = {(0, 1): 90_000, (1, 0): 89_000, (0, 2): 300, (2, 0): 300}
    with pytest.raises(CapabilityError, match=r"nodes 0 and 1 are 89.0 ms apart.*should be 72 ms"):
        distances.apart_us(MATRIX, base)


@dataclass
class Measured:
    """A prober whose rounds are given, the last one for ever."""

    rounds: list[dict]
    gaps: list[int] = field(default_factory=list)
    asked: list[list] = field(default_factory=list)

    def round(self, links, *, count, need, gap_us) -> Round:
        self.gaps.append(gap_us)
        self.asked.append(sorted(links))
        rtts = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
        return Round(
            sent=count, heard={}, rtt_us={k: rtts[k] for k in links if k in rtts}, errors={}
        )


def there(**other: list[int]) -> dict:
    """Round trips of the matrix, but for those named ``a_b``."""
    whole = {
        link: [ms * 1000 + 200, ms * 1000 + 900, ms * 1000 + 4000] for link, ms in MATRIX.items()
    }
    return whole | {(int(k[1]), int(k[3])): us for k, us in other.items()}


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(distances, "PATIENCE_S", 0.05)


def test_a_matrix_that_is_there_is_proved() -> None:
    proof = distances.prove(Measured([there()]), MATRIX)
    assert proof["bit"] is True
    assert proof["saw"]["links"]["0>1"] == {"matrix_ms": 72, "min_ms": 72.2, "median_ms": 72.9}
    assert distances.words([proof]) == [
        "4 round trips of up to 72 ms stand; their medians are within 0.9 ms"
    ]


def test_a_moment_in_which_the_machine_was_busy_is_measured_again() -> None:
    prober = Measured([there(_0_1=[190_000] * 3), there()])
    assert distances.prove(prober, MATRIX)["bit"] is True
    assert prober.gaps[0] < prober.gaps[1]
    assert prober.asked == [sorted(MATRIX), [(0, 1)]], "what was right is not measured again"


def test_links_need_not_all_be_right_in_the_same_moment() -> None:
    late = [190_000] * 3
    prober = Measured([there(_0_1=late), there(_1_0=late)])
    proof = distances.prove(prober, MATRIX)
    assert proof["bit"] is True
    assert proof["saw"]["tries"] == 2
    assert proof["saw"]["links"]["1>0"]["min_ms"] == 72.2


@pytest.mark.parametrize(
    ("came", "problem"),
    [
        ([200] * 3, "the quickest round trip took 0.2 ms, and should take 72"),
        ([36_200] * 3, "the quickest round trip took 36.2 ms, and should take 72"),
        ([80_000] * 3, "the quickest round trip took 80.0 ms, and should take 72"),
        ([72_000, 99_000, 99_000, 99_000], "three quarters took 99.0 ms or more"),
        ([], "no datagram came back"),
    ],
)  # fmt: skip
def test_a_matrix_that_is_not_there_is_seen(came, problem) -> None:
    """Red: no delay at all, one of one way only, too much of it, an unsteady one, silence."""
    proof = distances.prove(Measured([there(_1_0=came)]), MATRIX)
    assert proof["bit"] is False
    assert list(proof["saw"]["problems"]) == ["1>0"]
    (said,) = distances.words([proof])
    assert said.startswith(f"link 1>0: {problem}")
