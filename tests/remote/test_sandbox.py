"""The sandbox seen from outside. What it does is tested for real in tests/real/test_sandbox.py."""

from __future__ import annotations

import subprocess

from harness.remote import sandbox


def test_a_mark_alone_does_not_make_one_inside(monkeypatch, tmp_path):
    """A user may have the variable in the environment for whatever reason."""
    monkeypatch.setenv(sandbox.MARK, "root")
    monkeypatch.setattr(sandbox, "RUNTIME", tmp_path / "none")
    assert not sandbox.inside()
    monkeypatch.setattr(sandbox, "RUNTIME", tmp_path)
    assert sandbox.mode() == "root"


def test_python_finds_this_project_from_anywhere(tmp_path):
    line = sandbox.python("from harness.remote import sandbox as s; print(s.RUNTIME)", "-I")
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "/.harness\n"


def test_the_launcher_needs_the_standard_library_only(tmp_path):
    """-S: without site-packages; it stays in memory as long as a run."""
    line = sandbox.python(
        "import harness.remote.sandbox_launcher, harness.remote.cluster_maker", "-I", "-S"
    )
    subprocess.run(line, cwd=tmp_path, check=True)
