"""Histories of other projects, with the verdicts that those projects state.

They are not ours to copy: the tests use them where they lie beside the checkout.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.verdict import combine
from harness.claims import claims, guess, observing_failed_cas
from harness.formats.load import load

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no samples of others in {DATA}")


def outcome(path: str, model: str, *, observe: bool = False) -> str:
    history = load(str(DATA / path)).history
    checks = claims(model)
    checks = observing_failed_cas(checks) if observe else checks
    return combine(check(history).outcome for check in checks.values()).value


@pytest.mark.parametrize("observe", [False, True])
@pytest.mark.parametrize(
    ("number", "stated"),
    [("000", "invalid"), ("001", "invalid"), ("002", "valid"), ("005", "valid"),
     ("010", "invalid"), ("020", "invalid")],
)  # fmt: skip
def test_porcupines_etcd_logs(number: str, stated: str, observe: bool) -> None:
    path = f"porcupine/jepsen/etcd_{number}.log"
    assert outcome(path, "cas-register", observe=observe) == stated


@pytest.mark.parametrize(("name", "stated"), [("ok", "valid"), ("bad", "invalid")])
def test_porcupines_key_value_stores(name: str, stated: str) -> None:
    assert outcome(f"porcupine/kv/c10-{name}.txt", "kv") == stated


@pytest.mark.parametrize(("name", "stated"), [("good", "valid"), ("bad", "invalid")])
def test_knossos_cas_registers(name: str, stated: str) -> None:
    paths = sorted((DATA / "knossos" / name).glob("*.edn"))
    assert paths
    assert {path.name: outcome(str(path), "cas-register") for path in paths} == {
        path.name: stated for path in paths
    }


def test_knossos_mutex() -> None:
    assert outcome("knossos/mutex-bad/etcd.edn", "mutex") == "invalid"


@pytest.mark.parametrize(
    ("name", "model", "stated"),
    [
        ("paper-example.edn", "list-append", "invalid"),
        ("paper-example.json", "list-append", "invalid"),
        ("bank.edn", "bank", "valid"),
        ("counter.edn", "counter", "vacuous"),
        ("set_full.edn", "set-full", "invalid"),
    ],
)
def test_those_of_elle_cli(name: str, model: str, stated: str) -> None:
    """The counter is never read. The set's reads are without the key that its adds have."""
    assert outcome(f"elle-cli/{name}", model) == stated


def test_models_are_guessed() -> None:
    guessed = {str(p.relative_to(DATA)): guess(load(str(p)).history) for p in DATA.rglob("*.*n")}
    assert guessed["elle-cli/bank.edn"] == "bank"
    assert guessed["elle-cli/paper-example.json"] == "list-append"
    assert guessed["knossos/mutex-bad/etcd.edn"] == "mutex"
    assert guessed["knossos/good/memstress3-0.edn"] == "register"
