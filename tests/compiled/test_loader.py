"""What is compiled is used only while the sources are those that it was made of, and only where that is asked."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from harness.compiled import loader
from harness.errors import UsageError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as ``build`` leaves it, with no modules in it that could be loaded."""
    monkeypatch.setenv("HARNESS_COMPILED", "auto")
    files = {"protocols.kernel": "protocols/kernel.so", loader.GROUP: "group.so"}
    manifest = {"key": loader.key(), "files": files, "bytes": 2_000_000, "by": "mypyc 1.2"}
    (tmp_path / loader.MANIFEST).write_text(json.dumps(manifest))
    return tmp_path


def test_nothing_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_COMPILED", "auto")
    found = loader.look(tmp_path)
    assert (found.words, found.files, found.odd) == (
        "interpreted; `harness compile` makes it faster", {}, False
    )  # fmt: skip


def test_sources_as_they_were(folder):
    found = loader.look(folder)
    assert found.words == "compiled: 1 modules, 2.0 MB, by mypyc 1.2"
    assert found.files["protocols.kernel"] == str(folder / "protocols/kernel.so")


def test_an_edited_source_is_never_played_as_it_was(folder, tmp_path, monkeypatch):
    edited = tmp_path / "edited.py"
    edited.write_text("x = 1\n")
    monkeypatch.setattr("harness.compiled.scope.sources", lambda: iter([edited]))
    monkeypatch.setattr("harness.compiled.scope.ROOT", tmp_path)
    manifest = json.loads((folder / loader.MANIFEST).read_text())
    (folder / loader.MANIFEST).write_text(json.dumps({**manifest, "key": loader.key()}))
    assert loader.look(folder).files
    edited.write_text("x = 2\n")
    found = loader.look(folder)
    assert not found.files
    assert found.odd
    assert found.words == "interpreted: sources have changed since `harness compile`"


def test_either_way_can_be_forced(folder, monkeypatch):
    monkeypatch.setenv("HARNESS_COMPILED", "no")
    assert loader.look(folder).words == "interpreted, since HARNESS_COMPILED=no"
    monkeypatch.setenv("HARNESS_COMPILED", "yes")
    assert loader.look(folder).files
    with pytest.raises(UsageError, match="but the simulator is interpreted"):
        loader.look(folder / "nothing-here")
    monkeypatch.setenv("HARNESS_COMPILED", "perhaps")
    with pytest.raises(UsageError, match="it is yes, no or auto"):
        loader.look(folder)


def test_a_process_that_has_imported_one_of_them_already_goes_on_interpreted(folder):
    import protocols.kernel  # noqa: F401

    found = loader.install(folder)
    assert (found.files, found.odd) == ({}, True)
    assert found.words == "interpreted: protocols.kernel is imported already"


def test_what_cannot_be_loaded_is_left(folder, monkeypatch):
    files = {"no.such.module": "none.so", loader.GROUP: "group.so"}
    manifest = {"key": loader.key(), "files": files, "bytes": 0, "by": ""}
    (folder / loader.MANIFEST).write_text(json.dumps(manifest))
    before = list(loader.sys.meta_path)
    found = loader.install(folder)
    assert "cannot be loaded" in found.words
    assert loader.sys.meta_path == before


SCRIPT = """
import sys
import protocols.kernel
from harness.crew import LocalCrew

def first():
    order = list(sys.modules)
    return order.index("harness.compiled.__main__") < order.index("protocols.kernel")

if __name__ == "__main__":
    crew = LocalCrew(1)
    print(crew.executor().submit(first).result())
    crew.close()
"""


def test_whoever_plays_for_a_script_takes_them_before_it_imports_the_script(tmp_path):
    """Else all would be interpreted there: modules of ours would be imported already."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    argv = [sys.executable, "-m", "harness.compiled", str(script)]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "True\n"
