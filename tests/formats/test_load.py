"""Finding the format by content, and reading each of the golden samples, red and green."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given

from checker.history import Row
from harness.errors import StoreError, UsageError
from harness.formats import FORMATS
from harness.formats.load import detect, load
from harness.store.rows import encode
from tests.formats.printing import as_edn, as_json, as_text
from tests.formats.test_jepsen import histories

GOLDEN = Path(__file__).parents[1] / "golden" / "formats"
FORMAT_OF = {
    "register": "edn", "independent": "edn", "tagged": "edn", "kv": "edn", "mutex": "text",
    "crashed": "text", "append": "json", "counter": "json", "ours": "jsonl",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_the_format_is_found_by_content_not_by_name(path: Path, tmp_path: Path) -> None:
    nameless = tmp_path / "h"
    shutil.copy(path, nameless)
    loaded = load(str(nameless))
    assert loaded.format == FORMAT_OF[path.name.partition(".")[0]]
    assert len(loaded.history) > 0


@given(histories(keys=False))
def test_every_format_is_found_by_any_history(rows: list[Row]) -> None:
    written = {
        "edn": as_edn(rows, vector=True),
        "text": as_text(rows),
        "json": as_json(rows, array=True),
        "jsonl": "".join(encode(i, row) for i, row in enumerate(rows)),
    }
    for name, text in written.items():
        if rows or name in ("edn", "jsonl"):
            assert detect("h", text) == name


@pytest.mark.parametrize(
    ("head", "format"),
    [
        ("", "jsonl"),
        ("\n\n", "jsonl"),
        ('{"index":0,"time":12', "jsonl"),
        ('{"time":1,"process":0,"type":"ok","f":"read"}\n', "jsonl"),
        ('{"process":0,"type":"ok","f":"read"}\n', "json"),
        ('[\n {"process":0,\n  "type":"ok"}', "json"),
        ("; c\n\n({:type", "edn"),
        ("[#jepsen.history.Op{:index", "edn"),
        ("[]", "edn"),
        ("2026 INFO jepsen.core - hi\n2026 INFO jepsen.util - 0\t:invoke\t:read\tnil", "text"),
    ],
)
def test_beginnings(head: str, format: str) -> None:
    assert detect("h", head) == format


@pytest.mark.parametrize("head", ["hello", '{"outcome": 1}', "[1 2]", "{1 2}", "\x00\x01", "<a>"])
def test_an_unknown_format_says_what_was_tried(head: str) -> None:
    with pytest.raises(UsageError) as raised:
        detect("h", head)
    assert "h: unknown format: the first line is" in str(raised.value)
    assert all(f"\n  {name} " in str(raised.value) for name in FORMATS)


def read_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes, **options: str) -> Sequence[Row]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    return load("-", **options).history.rows  # type: ignore[arg-type]


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_standard_input_is_read_as_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_stdin(monkeypatch, path.read_bytes()) == load(str(path)).history.rows


def test_windows_lines_and_byte_order_marks_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ours.ok.jsonl", "mutex.ok.txt", "kv.ok.txt"):
        plain = (GOLDEN / name).read_bytes()
        marked = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
        assert read_stdin(monkeypatch, marked) == read_stdin(monkeypatch, plain)


def test_broken_rows_of_ours_on_standard_input_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    content = (GOLDEN / "ours.ok.jsonl").read_bytes() + b"{not json}\n"
    with pytest.raises(UsageError, match="standard input:6: not JSON"):
        read_stdin(monkeypatch, content)
    with pytest.raises(UsageError, match=r"standard input: row 5: process 1 completes"):
        read_stdin(monkeypatch, content.replace(b"{not json}", content.splitlines()[-2]))


def test_what_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_bytes(b"{:process 0, :type :invoke, :f :read}\n{:f \xff}\n")
    with pytest.raises(UsageError, match=r"h:2: not text in UTF-8"):
        load(str(path))


def test_a_run_directory_of_jepsens_is_taken(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "mutex.ok.txt", tmp_path / "history.txt")
    assert load(str(tmp_path)).format == "text"
    shutil.copy(GOLDEN / "register.ok.edn", tmp_path / "history.edn")
    assert load(str(tmp_path)).path == tmp_path / "history.edn"


def test_a_format_can_be_forced(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"kv.ok.txt:1: not JSON"):
        load(str(GOLDEN / "kv.ok.txt"), format="json")
    with pytest.raises(UsageError, match="did you mean edn"):
        load(str(GOLDEN / "kv.ok.txt"), format="end")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run or file"):
        load(str(tmp_path / "none"), root=tmp_path)
    with pytest.raises((StoreError, UsageError)):
        load(str(tmp_path), root=tmp_path)
