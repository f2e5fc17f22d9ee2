"""The seam by which a check says how far it is, and is ended."""

import pytest

from checker.progress import Stopped, listening, part, report, why


def test_reports_reach_whoever_listens_and_nobody_else() -> None:
    heard: list[tuple[int, int, str]] = []
    report(1, 9)
    with listening(lambda *what: heard.append(what)):
        report(2, 9)
        with part(100, 200, "answers"):
            report(3, 9)
        report(4, 9)
    report(5, 9)
    assert heard == [(2, 9, "ops"), (103, 200, "answers"), (4, 9, "ops")]


def test_a_listener_ends_the_check() -> None:
    def enough(done: int, total: int, of: str) -> None:
        raise Stopped(f"no more than {done} {of}")

    with listening(enough), pytest.raises(Stopped, match="no more than 7 ops") as caught:
        report(7, 9)
    assert why(caught.value) == "no more than 7 ops"
    report(8, 9)
