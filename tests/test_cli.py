"""The command line: exit codes, sentences for what cannot be meant, and simulated trials end to end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run ``harness WORDS``: exit code, stdout, stderr."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("lst", "did you mean list?"),
        ("sim --protocol epaxso", "did you mean epaxos"),
        ("test --protocol epaxso", "did you mean epaxos"),
        ("sim", "Missing option '--protocol'"),
        ("sim -p abd --nemesis partitoin", "did you mean partition"),
        ("sim -p abd --workload registre", "did you mean register?"),
        ("sim -p abd --time 0", "it must be more than 0"),
        ("sim -p abd --nemesis kill --time 2 --calm 2", "--calm 2 leaves no time for faults"),
        ("sim -p abd --time soon", "write 300, 300s, 5m or 500ms"),
        ("sim -p abd --concurrency 0", "neither a number of clients"),
        ("sim -p abd --nodes 0", "not in the range"),
        ("sim -p abd --option pace", "write NAME=VALUE"),
        ("sim -p abd --plan [1]", "window 0: a window is an object"),
        ("sim -p abd --plan @/no/such", "No such file"),
        ("sim -p no.such:Thing", "cannot be imported"),
        ("sim -p harness.trial:Trial", "is neither a Replica nor a Product"),
        ("test -p abd --on sim", "`harness sim`"),
        ("test -p abd --on nowhere", "no inventory nowhere"),
        ("test -p abd --nodes 0", "a number from 1 to 60"),
        ("test -p abd --leave-running", "end with the command"),
        ("test -p abd --transport unix --nemesis partition", "partitions and packet faults cannot"),
        ("test -p abd --transport unix --on wan5", "machines of their own: use tcp or udp"),
        ("test -p abd --transport unix --wan wan5", "so --wan wan5 delays none"),
        ("sim -p etcd", "runs on hosts, by `harness test`"),
        ("up -p etcd", "runs on hosts, by `harness test`"),
        ("test --system etdc", "did you mean etcd?"),
        ("test --system etcd --nemesis clock", "etcd cannot be given faults of clock"),
        ("test --system etcd --option reads=dirty", "etcd takes linearizable, serializable"),
        ("test --system etcd -w lock", "etcd does not offer acquire, release"),
        ("test --system etcd --transport udp", "--transport is for protocols of ours"),
        ("up -p epaxso", "did you mean epaxos"),
        ("up -p abd --name a/b", "letters, digits"),
        ("up -p abd -n 0", "a number from 1 to 60"),
        ("down --all a", "not both"),
        ("check no-such-run", "no run or file"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: str,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *words.split())

    assert code == 254
    assert sentence in re.sub(r"\s+", " ", err)
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_help_with_examples(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    code, out, _ = run(capsys, verb, "--help")

    assert code == 0
    assert "Example" in out
    assert f"harness {verb}" in out


def test_a_simulated_trial_is_stored_reported_and_checked_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "sim",
        "-p",
        "abd",
        "--nodes",
        "3",
        "--nemesis",
        "partition",
        "--time",
        "3",
        "--seed",
        "7",
    ]
    code, out, _ = run(capsys, *words)

    assert code == 0, out
    assert out.splitlines()[-1] == (
        "reproduce:  harness sim --protocol abd --nemesis partition --time 3 --nodes 3 "
        "--concurrency 6 --seed 7"
    )
    latest = tmp_path / "store" / "latest"
    assert json.loads((latest / "results.json").read_text())["outcome"] == "valid"
    assert {p.name for p in latest.iterdir()} >= {"trial.json", "plan.json", "history.jsonl"}

    code, out, _ = run(capsys, "check", "latest", "--json")
    assert code == 0
    assert json.loads(out)["checks"]["linearizable"]["outcome"] == "valid"

    code, out, _ = run(capsys, "runs")
    assert "abd-register" in out


def test_the_same_seed_gives_the_same_bytes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    histories = []
    for seed in ("7", "7", "8"):
        run(capsys, *f"sim -p abd --nodes 3 --nemesis kill --time 2 --seed {seed}".split())
        histories.append((tmp_path / "store/latest/history.jsonl").read_bytes())

    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_the_printed_plan_reproduces_the_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "sim",
        "-p",
        "abd",
        "--nodes",
        "3",
        "--nemesis",
        "partition,kill",
        "--time",
        "2",
        "--seed",
        "3",
    ]
    run(capsys, *words)
    first = (tmp_path / "store/latest/history.jsonl").read_bytes()
    run(capsys, *words, "--plan", f"@{(tmp_path / 'store/latest').resolve()}/plan.json")

    assert (tmp_path / "store/latest/history.jsonl").read_bytes() == first


def test_a_mutant_makes_the_command_fail_with_evidence_and_its_reproduction(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    mutant = "tests.mutants.multipaxos:ReadsLocally"
    words = f"sim -p {mutant} --nemesis partition --time 10 --seed 1 --seeds 5 --jobs 1".split()
    code, out, _ = run(capsys, *words)

    assert code == 1
    assert "not linearizable: key" in out
    assert "before the read of" in out
    assert out.splitlines()[-1].startswith(f"reproduce:  harness sim --protocol {mutant}")


def test_determinism_is_checked_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys,
        *["sim", "-p", "abd", "--nodes", "3", "--time", "1", "--seed", "1", "--check-determinism"],
    )

    assert code == 0
    assert re.match(r"deterministic: \d+ events, twice the same", out)


def test_a_broken_history_names_file_and_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(
        '{"index":0,"time":1,"process":0,"type":"invoke","f":"read","key":"x","value":null}\n'
        "{not json}\n"
        '{"index":2,"time":3,"process":0,"type":"ok","f":"read","key":"x","value":null}\n'
    )
    code, _, err = run(capsys, "check", str(broken))

    assert code == 254
    assert "broken.jsonl:2: not JSON" in err


def test_a_reader_that_goes_away_is_no_verdict(tmp_path: Path) -> None:
    """`| head -1`: click and rich would end with 1, which means *invalid*."""
    for words in (["list"], ["sim", "-p", "abd", "--nodes", "3", "--time", "1", "--seed", "1"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (255, "")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("batchh=3", "multipaxos has no option 'batchh': did you mean batch?"),
        ("zzz=3", "multipaxos has no option 'zzz': there are alpha, batch, "),
        ("keep=-1", "keep=-1: it is a whole number of at least 0"),
        ("read=sometimes", "multipaxos: read=sometimes"),
    ],
)
def test_an_option_that_there_is_not_or_that_makes_no_sense(
    capsys: pytest.CaptureFixture[str], option: str, words: str
) -> None:
    code, _, err = run(capsys, "sim", "-p", "multipaxos", "--option", option)

    assert code == 254
    assert words in err


def test_a_workload_of_several_keys_for_a_protocol_of_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "sim", "-p", "kpaxos", "-w", "bank")

    assert code == 254
    assert "kpaxos runs commands of one key each" in err


def test_a_workload_that_the_protocol_does_not_serve(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "sim", "-p", "abd", "-w", "cas")

    assert code == 254
    assert "abd does not offer cas" in err
