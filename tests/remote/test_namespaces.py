"""System calls by ctypes: a refusal says which call, on what, and why."""

from __future__ import annotations

import errno

import pytest

from harness.remote import namespaces as ns


def test_a_refused_mount_says_on_what():
    with pytest.raises(OSError, match=r"mount\(bind /no/such on /nowhere\): ") as caught:
        ns.mount("/no/such", "/nowhere", None, ns.BIND)
    assert caught.value.errno in {errno.ENOENT, errno.EPERM}


def test_a_refused_unshare_says_which():
    impossible = 0x1
    with pytest.raises(OSError, match=r"unshare\(0x1\): Invalid argument"):
        ns.unshare(impossible)


def test_a_refused_unmount():
    with pytest.raises(OSError, match=r"umount\(/no/such\)"):
        ns.unmount("/no/such")
