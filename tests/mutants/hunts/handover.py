"""Leaders that hand over wrongly: what chance does not find is played by hand."""

from __future__ import annotations

from harness.zoo.mutant import Mutant
from tests.mutants.handover import MUTANTS

ZOO: tuple[Mutant, ...] = ()

ELUSIVE = {
    "handover/leads-on": "a leader must be asked within its lease, and not yet have heard of the next one, which has"
    " written by then; tests/protocols/test_handover.py plays it step by step",
}

__all__ = ["ELUSIVE", "MUTANTS", "ZOO"]
