"""The README says of each protocol and workload what the matrix demands."""

from __future__ import annotations

from pathlib import Path

from harness.matrix.cells import Line, lines, served
from workloads import CLAIMS

README = Path(__file__).parents[2] / "README.md"


def verdict(line: Line, workload: str) -> str:
    if not served(line, workload):
        return ""
    return "**invalid**" if workload in line.breaks else "valid"


def test_each_protocol_has_its_row() -> None:
    rows = [row.strip("|").split("|") for row in README.read_text().splitlines() if row[:1] == "|"]
    cells = [tuple(cell.strip() for cell in row) for row in rows]
    head = ("", *(f"`{workload}`" for workload in CLAIMS))
    assert head in cells
    for line in lines():
        if not line.options and not line.nemeses:
            assert (f"`{line.protocol}`", *(verdict(line, w) for w in CLAIMS)) in cells
