"""Reading the golden histories, in the format of ARCHITECTURE 2.4."""

import json
from pathlib import Path

from checker.history import NEMESIS, TYPES, History, Row

GOLDEN = Path(__file__).parents[1] / "golden" / "histories"
NUMBERS = {name: number for number, name in enumerate(TYPES)}


def read(path: Path) -> History:
    return History.of(map(_row, path.read_text().splitlines()))


def pairs(check: str) -> list[str]:
    """The names of a check's goldens, each of which has an ok and a bad side."""
    oks = {path.name.removesuffix(".ok.jsonl") for path in (GOLDEN / check).glob("*.ok.jsonl")}
    bads = {path.name.removesuffix(".bad.jsonl") for path in (GOLDEN / check).glob("*.bad.jsonl")}
    assert oks, f"no goldens of {check}"
    assert oks == bads, f"goldens of {check} that have only one side: {oks ^ bads}"
    return sorted(oks)


def golden(check: str, name: str, side: str) -> History:
    return read(GOLDEN / check / f"{name}.{side}.jsonl")


def _row(line: str) -> Row:
    row = json.loads(line)
    process = NEMESIS if row["process"] == "nemesis" else row["process"]
    return Row(
        row["time"],
        process,
        NUMBERS[row["type"]],
        row["f"],
        row.get("key"),
        row["value"],
        row.get("error"),
        row.get("node"),
        row.get("intended"),
    )
