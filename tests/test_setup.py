"""``scripts/setup`` where it may not install anything, and pip without ensurepip."""

from __future__ import annotations

import hashlib
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = (
    "cat",
    "cksum",
    "dirname",
    "flock",
    "mkdir",
    "readlink",
    "rm",
    "sed",
    "sh",
    "tail",
    "tr",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose packages are installed, on a machine that has no ssh-keygen, apt-get or sudo."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        if found := shutil.which(name):
            (tmp_path / "bin" / name).symlink_to(found)
    python = Path(sys.executable).resolve()
    (tmp_path / "bin/python3").symlink_to(python)
    program(tmp_path, "id", "echo 1000")
    sums = subprocess.check_output(["cksum"], input=(ROOT / "pyproject.toml").read_bytes()).decode()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(python)
    stamp = f"{sums.strip().replace(' ', '-')} {python} {tmp_path} \n"
    (tmp_path / ".venv/installed").write_text(stamp)
    return tmp_path


def program(checkout: Path, name: str, script: str) -> None:
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def setup(checkout: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", str(checkout / "scripts/setup"), *words],
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_without_apt_it_says_what_is_missing_and_what_works(checkout):
    code, said = setup(checkout)
    assert code == 0
    assert "openssh-client" in said
    assert "there is no apt-get" in said
    assert "simulation and hosts reached by SSH work without" in said


def test_without_sudo_it_says_so(checkout):
    program(checkout, "apt-get", "exit 1")
    code, said = setup(checkout)
    assert code == 0
    assert "this needs root, and sudo is not to be had" in said


def test_what_could_not_be_installed_is_not_tried_again_by_each_command(checkout):
    setup(checkout)
    assert setup(checkout, "--once") == (0, "")
    assert "could not install" not in setup(checkout, "--once")[1]
    assert "openssh-client" in setup(checkout)[1]


def test_an_environment_of_another_place_is_made_anew(checkout):
    """A moved checkout: the old one's commands name a python that is not there."""
    (checkout / ".venv/made").write_text("/usr/bin/python3 /somewhere/else\n")
    (checkout / ".venv/installed").write_text("0 /usr/bin/python3 /somewhere/else \n")
    (checkout / "bin/python3").unlink()
    program(
        checkout,
        "python3",
        'case "$*" in *version*) exit 0 ;; *) exit 3 ;; esac',
    )  # a python that can do nothing
    code, said = setup(checkout)
    assert code == 255
    assert "making .venv" in said
    assert not (checkout / ".venv/installed").exists()


def test_an_unknown_option(checkout):
    assert setup(checkout, "--fast")[0] == 254


# Without ensurepip


def without_ensurepip(folder: Path, address: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/venv_without_ensurepip"), str(folder / "venv")],
        env={**os.environ, "PIP_INDEX_URL": address, "PIP_CERT": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_the_newest_wheel_that_this_python_can_run():
    newest = runpy.run_path(str(ROOT / "scripts/venv_without_ensurepip"))["newest"]
    page = """
    <a href="a/pip-9.0.3-py2.py3-none-any.whl#sha256=1">old</a>
    <a href="a/pip-24.2-py3-none-any.whl#sha256=2" data-requires-python="&gt;=3.8">good</a>
    <a href="a/pip-26.0-py3-none-any.whl#sha256=3" data-yanked="">withdrawn</a>
    <a href="a/pip-30.0-py3-none-any.whl#sha256=4" data-requires-python="&gt;=3.99">too new</a>
    <a href="a/pip-27.0.tar.gz#sha256=5">no wheel</a>
    <a href="a/pip-9.0-py3-none-any.whl#sha256=6">9 is less than 24</a>
    """
    assert newest(page) == "a/pip-24.2-py3-none-any.whl#sha256=2"
    with pytest.raises(ValueError, match="no pip"):
        newest("<a href='pip-27.0.tar.gz'>")


def test_no_index_is_a_sentence_that_says_what_to_ask_for(tmp_path):
    code, said = without_ensurepip(tmp_path, (tmp_path / "nothing").as_uri())
    assert code == 1
    assert "Traceback" not in said
    assert f"ask an administrator for: apt-get install python3.{sys.version_info[1]}-venv" in said


def test_a_wheel_that_is_not_what_the_index_says_is_refused(tmp_path, monkeypatch):
    script = runpy.run_path(str(ROOT / "scripts/venv_without_ensurepip"))
    wheel = "https://index/pip-99.0-py3-none-any.whl"
    pages = {"https://index/pip/": f'<a href="{wheel}#sha256=0">'.encode(), wheel: b"something"}
    monkeypatch.setitem(script["fetch_pip"].__globals__, "fetch", pages.__getitem__)
    with pytest.raises(ValueError, match="not what its checksum says"):
        script["fetch_pip"]("https://index")
    pages["https://index/pip/"] = (
        f'<a href="{wheel}#sha256={hashlib.sha256(b"something").hexdigest()}">'.encode()
    )
    assert script["fetch_pip"]("https://index") == ("pip-99.0-py3-none-any.whl", b"something")
