"""Each bug of the priority list has a mutant that says so itself, and that a search finds."""

from __future__ import annotations

import re

import pytest

from tests.mutants.labels import PRIORITY
from tests.mutants.zoo import ZOO

BY_NAME = {mutant.name: mutant for mutant in ZOO}


@pytest.mark.parametrize(("label", "name"), PRIORITY.items(), ids=PRIORITY)
def test_it_is_in_the_zoo_under_its_label(label: str, name: str) -> None:
    said = BY_NAME[name].source.split(":")[0]
    assert label in re.split(r"[ ,()]+", said), said


def test_there_are_forty_but_for_the_one_whose_protocol_there_is_not() -> None:
    assert len(PRIORITY) == 39
    assert "V1n" not in PRIORITY
