"""``harness check`` as a command: formats, models, limits, several histories, and its exit codes."""

from __future__ import annotations

import io
import json
import shlex
import shutil
from pathlib import Path

import pytest

from checker.history import History
from checker.verdict import Verdict
from tests.test_cli import run

GOLDEN = Path(__file__).parent / "golden" / "formats"
OK_EDN, BAD_EDN = str(GOLDEN / "register.ok.edn"), str(GOLDEN / "register.bad.edn")


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_each_format_is_seen_green_and_red(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    code, out, _ = run(capsys, "check", str(path))

    assert code == (0 if ".ok." in path.name else 1)
    assert out.splitlines()[0].startswith(f"{path}: ")
    assert "model " in out
    assert out.splitlines()[-1] == f"reproduce:  harness check {shlex.quote(str(path))}"


def test_several_histories_have_a_block_each_and_a_last_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    broken, unknown = tmp_path / "broken", tmp_path / "unknown"
    broken.write_text("{:process 0, :type :invoke, :f :read}\n{:process 0 :type :what}\n")
    unknown.write_text("{:process 0, :type :invoke, :f :read}\n")

    code, out, err = run(capsys, "check", OK_EDN, str(broken), BAD_EDN, str(unknown))
    assert code == 1
    assert out.count("\nverdict: ") == 3
    assert out.splitlines()[-1] == "4 histories: 1 valid, 1 invalid, 1 vacuous, 1 not readable"
    assert f"{broken}:2: :type is one of" in err

    assert run(capsys, "check", OK_EDN, str(unknown))[0] == 2
    assert run(capsys, "check", OK_EDN, str(unknown), str(broken))[0] == 254
    assert run(capsys, "check", OK_EDN, OK_EDN)[0] == 0


def test_json_of_one_and_of_several(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "check", BAD_EDN, "--json")
    one = json.loads(out)
    assert (code, one["format"], one["outcome"]) == (1, "edn", "invalid")
    assert one["checks"].keys() == {"linearizable"}
    assert one["checks"]["linearizable"]["evidence"]

    code, out, _ = run(capsys, "check", BAD_EDN, OK_EDN, str(tmp_path), "--json")
    several = json.loads(out)
    assert [h["outcome"] for h in several["histories"]] == ["invalid", "valid"]
    assert "is not a run" in several["errors"][0]


def test_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(BAD_EDN).read_bytes())))
    code, out, _ = run(capsys, "check", "-", "-m", "register")
    assert code == 1
    assert out.startswith("standard input: 6 rows of edn, model register\n")
    assert out.splitlines()[-1] == "reproduce:  harness check - --model register"


def test_a_history_that_is_cut_off_is_checked_as_it_stands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.write_text(Path(OK_EDN).read_text()[:-20])
    code, out, err = run(capsys, "check", str(cut))
    assert code == 0
    assert f"warning: {cut}:10: the op is cut off" in err
    assert f"warning: {cut}: 1 op has no completion" in err
    assert "9 rows" in out


def test_one_key_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    bad = str(GOLDEN / "independent.bad.edn")
    code, out, _ = run(capsys, "check", bad, "--key", "0")
    assert code == 1
    assert "8 rows of edn, key 0, model register" in out
    assert out.splitlines()[-1].endswith(" --key 0")
    assert run(capsys, "check", bad, "--key", "1")[0] == 0
    code, _, err = run(capsys, "check", bad, "-k", "5")
    assert code == 254
    assert "no op has the key '5': there are 0, 1" in err


def test_tuples_can_be_refused(capsys: pytest.CaptureFixture[str]) -> None:
    good = str(GOLDEN / "independent.ok.edn")
    code, out, _ = run(capsys, "check", good, "--not-independent")
    assert code != 0
    assert out.splitlines()[-1].endswith("--not-independent")


def test_workloads_and_models(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "check", OK_EDN, "--workload", "cas")[0] == 0
    assert run(capsys, "check", BAD_EDN, "--workload", "register")[0] == 1
    assert run(capsys, "check", BAD_EDN, "-m", "tests.test_claims:always_invalid")[0] == 1
    assert run(capsys, "check", OK_EDN, "-m", "sequential")[0] == 0
    wrong = run(capsys, "check", OK_EDN, "-m", "queue")
    assert wrong[0] == 2
    assert "a queue does not know 'write'" in wrong[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("-m registre", "no model is called 'registre': did you mean register"),
        ("-m register -w cas", "both say what to check"),
        ("--format csv", "'csv' is not one of 'auto', 'jsonl', 'edn', 'text', 'json'"),
        ("--timeout 0", "0.0 is not in the range x>0"),
        ("--memory none", "'none' is not a valid integer"),
        ("--isolation serializable", "is for list-append and rw-register"),
        ("-m queue --observe-failed-cas", "is for register and cas-register"),
        ("--format json", "register.ok.edn:1: not JSON"),
    ],
)
def test_what_cannot_be_meant(
    capsys: pytest.CaptureFixture[str], words: str, sentence: str
) -> None:
    code, _, err = run(capsys, "check", OK_EDN, *words.split())
    assert code == 254
    assert sentence in " ".join(err.split())


def test_ops_of_no_known_object_are_asked_about(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "h"
    path.write_text("{:process 0, :type :invoke, :f :fly}\n")
    code, _, err = run(capsys, "check", str(path))
    assert code == 254
    assert "what are fly ops of? Say it by --model or --workload" in err


def test_an_unknown_format_says_what_was_tried(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "history.edn"
    path.write_text("<html>\n")
    code, _, err = run(capsys, "check", str(path))
    assert code == 254
    assert "unknown format: the first line is '<html>'; tried were" in err


def test_limits_make_a_verdict_unknown_not_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", OK_EDN, "--timeout", "20", "--memory", "100")
    assert code == 0
    assert out.splitlines()[-1].endswith("--timeout 20.0 --memory 100")


def test_a_run_keeps_its_own_checks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_directory = tmp_path / "store" / "abd-register" / "20261121T101500Z"
    run_directory.mkdir(parents=True)
    shutil.copy(GOLDEN / "ours.ok.jsonl", run_directory / "history.jsonl")
    (run_directory / "trial.json").write_text('{"protocol": "abd", "workload": "cas"}')
    monkeypatch.chdir(tmp_path)

    code, out, _ = run(capsys, "check", "abd-register/20261121T101500Z")
    assert code == 0
    assert "5 rows of jsonl, workload cas" in out
    assert "agreement" in out


def test_what_is_wrong_is_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "anomaly.svg"
    code, out, err = run(capsys, "check", BAD_EDN, "--svg", str(file))
    assert code == 1
    assert f"drawn: {file}: the only key: the write of 2 was lost: 1 was read after it" in err
    assert file.read_text().startswith("<svg")
    assert "--svg" not in out

    code, _, err = run(capsys, "check", OK_EDN, "--svg", str(tmp_path / "none.svg"))
    assert (code, "nothing was drawn" in err) == (0, True)
    assert not (tmp_path / "none.svg").exists()
    assert run(capsys, "check", OK_EDN, BAD_EDN, "--svg", str(file))[0] == 254
    assert run(capsys, "check", BAD_EDN, "--svg", str(tmp_path / "no" / "such"))[0] == 255


def test_ops_under_way_at_the_end_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cut = tmp_path / "cut.jsonl"
    rows = [{"time": 1, "process": 0, "type": "invoke", "f": "write", "key": "x", "value": 1}]
    cut.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"time":2,"proc')
    _, out, err = run(capsys, "check", str(cut))
    assert "1 rows of jsonl" in out
    assert f"{cut}:2: the last line is torn and was left out" in err
    assert f"{cut}: 1 op under way at the end, of unknown fate" in err


def interrupted(history: History) -> Verdict:
    """A check during which somebody presses Ctrl-C."""
    raise KeyboardInterrupt


def test_an_interrupted_check_is_unknown_and_nothing_new_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("-m", "tests.test_check:interrupted")
    code, out, _ = run(capsys, "check", BAD_EDN, BAD_EDN, *words)
    assert code == 2
    assert "interrupted after 0.0 s; nothing was decided by then" in out
    assert out.splitlines()[-1] == "1 histories: 1 unknown"
    assert out.count("verdict: unknown") == 1
