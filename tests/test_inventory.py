"""Inventories: what they say is what is read, and each mistake is told with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import inventory
from harness.errors import InventoryError, UsageError
from harness.remote.seam import Host

ROOT = Path(__file__).parents[1]


def parse(text: str, folder: Path = Path()) -> inventory.Inventory:
    return inventory.parse(text, folder / "lab.toml")


def test_defaults_apply_where_a_host_says_nothing(tmp_path):
    (tmp_path / "id").touch()
    lab = parse(
        """
        tunnel = true
        [defaults]
        user = "admin"
        key = "id"
        sudo = true
        jump = "me@gate:2222"
        [[hosts]]
        address = "a.example"
        zone = "eu"
        [[hosts]]
        name = "second"
        address = "10.0.0.2"
        port = 2200
        user = "root"
        inner = "192.168.0.2"
        zone = "us"
        [[rtt]]
        between = ["eu", "us"]
        ms = 90
        """,
        tmp_path,
    )
    common: Any = {"key": str(tmp_path / "id"), "sudo": True, "jump": "me@gate:2222"}
    assert lab == inventory.Inventory(
        name="lab",
        tunnel=True,
        hosts=(
            Host(name="n1", address="a.example", user="admin", zone="eu", **common),
            Host(
                name="second", address="10.0.0.2", port=2200, user="root",
                inner="192.168.0.2", zone="us", **common,
            ),
        ),
        rtt_ms={("eu", "us"): 90, ("us", "eu"): 90},
    )  # fmt: skip


A_HOST = '[[hosts]]\naddress = "10.0.0.1"\n'


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", None, "names no host"),
        ("[[hosts]]\naddress = \n", 2, "invalid value"),
        ("[[hosts]]\naddress = 'x'\n[[hosts", 3, "expected"),
        (f"{A_HOST}adress = 'x'\n", 3, "unknown field adress (did you mean address?)"),
        (f"{A_HOST}\n[[hosts]]\nname = 'b'\nwhat = 1\n", 6, "unknown field what (known: "),
        (f"colour = 1\n{A_HOST}", 1, "unknown field colour"),
        (f"[defaults]\nusr = 'x'\n{A_HOST}", 2, "unknown field usr (did you mean user?)"),
        (f"[defaults]\nport = '22'\n{A_HOST}", 2, "port must be a whole number"),
        (f"{A_HOST}sudo = 'yes'\n", 3, "sudo must be true or false"),
        (f"{A_HOST}port = true\n", 3, "port must be a whole number"),
        (f"{A_HOST}port = 70000\n", 3, "port 70000 is not between"),
        (f"[defaults]\nport = 0\n{A_HOST}", 2, "port 0 is not between"),
        (f"{A_HOST}\n[[hosts]]\nname = 'b'\n", 4, "host b has no address"),
        (f"{A_HOST}[[hosts]]\naddress = 'x'\nname = 'n1'\n", 5, "name n1 is that of host n1, too"),
        (f"{A_HOST}[[hosts]]\naddress = '10.0.0.1'\n", 4, "address 10.0.0.1 is that of host n1"),
        (f"{A_HOST}key = '/no/such/key'\n", 3, "there is no key file /no/such/key"),
        (f"{A_HOST}host_key = 'abc'\n", 3, "host_key is not of the form"),
        (f"{A_HOST}jump = 'a b'\n", 3, "jump 'a b' is not of the form"),
        (f"{A_HOST}inner = 'n1'\n", 3, "inner 'n1' is not an IPv4 address"),
        (f"{A_HOST}name = 'a b'\n", 3, "name 'a b' is not a name"),
        (
            f"{A_HOST}zone = 'eu'\n[[rtt]]\nbetween = ['eu', 'ue']\nms = 3\n",
            5,
            "no host is in zone ue",
        ),
        (f"{A_HOST}[[rtt]]\nms = 3\n", 3, "needs between"),
        ("hosts = [{address = 'a', addres = 'b'}]\n", 1, "unknown field addres"),
        ("hosts = 3\n", 1, "hosts must be an array"),
        ("hosts = [3]\n", 1, "hosts must be a table"),
    ],
)
def test_a_mistake_is_told_with_its_line(text, line, problem):
    with pytest.raises(InventoryError) as caught:
        parse(text)
    assert (caught.value.path, caught.value.line) == ("lab.toml", line)
    assert problem in caught.value.problem
    assert caught.value.exit_code == 254


def test_headers_are_not_taken_for_arrays():
    text = f'{A_HOST}zone = "eu"\n[[rtt]]\nbetween = [\n  "eu",\n  "eu"\n]\nmss = 3\n'
    with pytest.raises(InventoryError, match=r"lab\.toml:9: unknown field mss"):
        parse(text)


def test_two_hosts_behind_different_jump_hosts_may_share_an_address():
    lab = parse("[[hosts]]\naddress='a'\njump='x'\n[[hosts]]\naddress='a'\njump='y'\n")
    assert len(lab.hosts) == 2


def test_what_is_written_is_read_again(tmp_path):
    key = tmp_path / "key"
    key.touch()
    hosts = (
        Host(name="n1", address="10.77.0.1", key=str(key), host_key="ssh-ed25519 AAAAC3Nz", zone="é"),
        Host(name="n2", address="10.77.0.2", port=2222, user="me", sudo=True, python="/opt/py",
             jump="a@b:3", inner="10.0.0.2"),
    )  # fmt: skip
    path = tmp_path / "made.toml"
    path.write_text(inventory.write_inventory(hosts, name="made", tunnel=True))
    read = inventory.load(path)
    assert read == inventory.Inventory(name="made", hosts=hosts, tunnel=True)


def test_a_name_is_looked_up_in_the_inventories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("inventories").mkdir()
    Path("inventories/mine.toml").write_text(A_HOST)
    assert inventory.load("mine").name == "mine"
    assert inventory.load("lab.example").name == "lab"  # the project's own
    with pytest.raises(UsageError, match=r"there is no inventory mime \(did you mean mine\?\)"):
        inventory.load("mime")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "inventories").glob("*.toml")), ids=lambda p: p.name
)
def test_the_project_s_own_inventories_are_right(path):
    assert inventory.load(path).hosts


def test_a_file_that_is_no_text_is_told(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InventoryError, match="cannot be read"):
        inventory.load(path)
