"""Leaders that hand over wrongly: no plan asks for it, so that they are not hunted."""

from __future__ import annotations

from harness.zoo.mutant import Mutant
from tests.mutants.handover import MUTANTS

ZOO: tuple[Mutant, ...] = ()

ELUSIVE = {
    "handover/leads-on": "no fault asks a leader to hand over; tests/protocols/test_handover.py plays it"
    " step by step",
}

__all__ = ["ELUSIVE", "MUTANTS", "ZOO"]
