"""A key's group is a function of the key and the options alone."""

import subprocess
import sys

import pytest

from protocols.keymap import KeyMap, number_of


def test_the_map_is_the_same_in_every_process():
    """Goal: Python salts its own hash in each process. Method: two processes, two salts."""
    program = "from protocols.keymap import KeyMap; print(KeyMap(7).group_of('käse'))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": salt, "PYTHONPATH": "."},
            capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for salt in ("1", "2")
    ]  # fmt: skip
    assert printed[0] == printed[1] == f"{KeyMap(7).group_of('käse')}\n"


@pytest.mark.parametrize("keymap", [KeyMap(1), KeyMap(5), KeyMap(5, 10), KeyMap(3, 1)])
def test_every_key_has_a_group(keymap):
    for key in ("", "x", "r0", "r99", "0", "é", "\ud800", "k²", "٣"):
        assert 0 <= keymap.group_of(key) < keymap.groups


def test_only_plain_digits_make_a_number():
    assert [number_of(key) for key in ("r12", "12", "r1x", "k²", "")] == [12, 12, None, None, None]
