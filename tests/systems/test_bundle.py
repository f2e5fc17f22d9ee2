"""The zipapp: the same bytes for the same sources, and nothing but python3 to run it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.systems import bundle


def names(zipapp: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(zipapp)).namelist()


def test_it_carries_protocols_and_the_node_and_nothing_else() -> None:
    tops = {name.rpartition("/")[0].split("/")[0] or name for name in names(bundle.build())}
    assert tops == {"__main__.py", "harness", "protocols"}
    harness = {name for name in names(bundle.build()) if name.startswith("harness/")}
    assert {n for n in harness if not n.startswith("harness/node/")} == {"harness/__init__.py"}


def test_the_same_sources_give_the_same_bytes_at_any_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = bundle.build(["tests.node.replicas"])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    script = (
        "from harness.systems.bundle import build, digest;"
        "print(digest(build(['tests.node.replicas'])), end='')"
    )
    second = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    assert second.stdout.decode() == bundle.digest(first)
    assert bundle.digest(first) != bundle.digest(bundle.build())


def test_it_runs_without_anything_installed(tmp_path: Path) -> None:
    """-I and -S: no site-packages, no PYTHONPATH, no current directory."""
    (tmp_path / "node.pyz").write_bytes(bundle.build())
    shown = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "node.pyz"), "run", "--help"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert b"--protocol" in shown.stdout


def test_it_will_not_run_without_asserts(tmp_path: Path) -> None:
    (tmp_path / "node.pyz").write_bytes(bundle.build())
    refused = subprocess.run(
        [sys.executable, "-O", str(tmp_path / "node.pyz"), "run"], capture_output=True, check=False
    )
    assert refused.returncode == 1
    assert b"asserts are part of the node" in refused.stderr


@pytest.mark.parametrize("module", ["no.such.module", "zlib", "math", ""])
def test_what_cannot_be_shipped_is_named(module: str) -> None:
    with pytest.raises(UsageError, match=f"module {module} "):
        bundle.build([module])


def test_what_a_protocol_imports_of_its_own_package_comes_along() -> None:
    extra = {*names(bundle.build(["tests.mutants.kpaxos"]))} - {*names(bundle.build())}
    assert extra >= {"tests/mutants/kpaxos.py", "tests/mutants/groups.py", "tests/__init__.py"}
    assert not any("zoo" in name or "trials" in name for name in extra)
