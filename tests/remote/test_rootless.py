"""Which modes are worth trying for whom, and what is typed where none works."""

from __future__ import annotations

import pytest

from harness.remote import rootless
from harness.remote.rootless import Mode


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "subuid"
    path.write_text("# a comment\nother:100:5\nbroken:x:y\n4242:200000:65536\n4242:9:9\n")
    return str(path)


def test_the_first_range_of_the_user_counts(table):
    assert rootless._subordinate(table, 4242) == (200000, 65536)


@pytest.mark.parametrize(("name", "uid"), [("subuid", 4243), ("none", 4242)])
def test_no_line_and_no_table_are_no_range(table, name, uid):
    assert rootless._subordinate(table.replace("subuid", name), uid) is None


def modes(monkeypatch, uid, ranges, programs):
    monkeypatch.setattr(rootless.os, "geteuid", lambda: uid)
    monkeypatch.setattr(rootless.os, "getuid", lambda: uid)
    monkeypatch.setattr(rootless, "_subordinate", lambda *_: ranges)
    monkeypatch.setattr(rootless, "program", lambda name: name if name in programs else None)
    return [mode.name for mode in rootless.modes()]


TOOLS = {"newuidmap", "newgidmap"}


@pytest.mark.parametrize(
    ("uid", "ranges", "programs", "expected"),
    [
        (0, None, set(), ["root"]),
        (0, (100000, 65536), TOOLS, ["root", "auto"]),  # a container's root may lack the capability
        (1000, (100000, 65536), TOOLS, ["auto", "keep"]),
        (1000, (100000, 65536), set(), ["keep"]),
        (1000, None, TOOLS, ["keep"]),
    ],
)
def test_modes(monkeypatch, uid, ranges, programs, expected):
    assert modes(monkeypatch, uid, ranges, programs) == expected


def barred(monkeypatch, sysctls, programs=TOOLS, container=False):
    monkeypatch.setattr(rootless.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(rootless, "_sysctl", sysctls.get)
    monkeypatch.setattr(rootless, "_in_container", lambda: container)
    monkeypatch.setattr(rootless, "program", lambda name: name if name in programs else None)
    return str(rootless.barred([(Mode("keep"), "mount(bind None on /): Operation not permitted")]))


def test_ubuntu_24_04_is_told_its_sysctl(monkeypatch):
    said = barred(monkeypatch, {"kernel/apparmor_restrict_unprivileged_userns": "1"})
    assert "tried mode keep: mount(bind None on /): Operation not permitted" in said
    assert "type: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in said
    assert "or run the same command as root (sudo)" in said


def test_other_switches_and_packages(monkeypatch):
    off = {"kernel/unprivileged_userns_clone": "0", "user/max_user_namespaces": "0"}
    said = barred(monkeypatch, off, programs=set())
    assert "type: sudo sysctl -w kernel.unprivileged_userns_clone=1" in said
    assert "type: sudo sysctl -w user.max_user_namespaces=65536" in said
    assert "uidmap" in said


def test_a_machine_that_allows_it_is_told_no_switch(monkeypatch):
    on = {"kernel/apparmor_restrict_unprivileged_userns": "0", "user/max_user_namespaces": "9"}
    assert "sysctl" not in barred(monkeypatch, on)


def test_a_container_is_told_its_options(monkeypatch):
    assert "--privileged" in barred(monkeypatch, {}, container=True)


def test_a_root_that_lacks_capabilities_is_told_which(monkeypatch, tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nCapEff:\t00000000a80425fb\n")  # a container's default
    assert rootless.missing_capabilities(status) == ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]
    monkeypatch.setattr(rootless.os, "geteuid", lambda: 0)
    monkeypatch.setattr(rootless, "missing_capabilities", lambda: ["CAP_SYS_ADMIN"])
    monkeypatch.setattr(rootless, "_in_container", lambda: False)
    assert rootless._remedies() == ["root lacks CAP_SYS_ADMIN here: run where it has it"]


def test_a_root_that_is_alone_in_its_user_namespace_cannot_serve_ssh(tmp_path):
    setgroups = tmp_path / "setgroups"
    setgroups.write_text("deny\n")
    assert "sshd needs others" in rootless.unfit(Mode("root"), setgroups)
    assert rootless.unfit(Mode("keep"), setgroups) is None
    setgroups.write_text("allow\n")
    assert rootless.unfit(Mode("root"), setgroups) is None
