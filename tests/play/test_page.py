"""The page in a headless Chromium: what people click is done, and what is done is seen.

Without a Chromium it is skipped by name: it is 80 MB to download, which is not asked of everybody who
runs the tests. ``apt-get install --no-install-recommends chromium`` brings one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.replay import load_simulated, replay
from harness.trial import Trial
from tests.play.browser import Browser, find
from tests.play.conftest import Serve

pytestmark = [
    pytest.mark.skipif(find() is None, reason="there is no chromium: apt-get install chromium"),
    pytest.mark.timeout(300),
]

BY_HAND = Trial(protocol="multipaxos", workload="cas", nodes=3, threads=6, seed="7", ops="[]")
STEP = "Number(document.querySelector('#stage').dataset.step)"
MARKS = "document.querySelectorAll('#line .mark').length"


@pytest.fixture
def browse(serve: Serve) -> Iterator[Callable[[Trial], Browser]]:
    """Open a trial's page, ready; at the end, nothing may have gone wrong on it."""
    opened: list[Browser] = []

    def open_(trial: Trial) -> Browser:
        browser = Browser(serve(trial).url)
        opened.append(browser)
        browser.wait("document.body?.dataset.ready")
        return browser

    yield open_
    for browser in opened:
        browser.close()
    assert [problem for browser in opened for problem in browser.problems] == []


def go(browser: Browser, step: int) -> None:
    browser.run(
        f"(() => {{ const e = document.querySelector('#event'); e.value = {step}; e.dispatchEvent(new Event('change')) }})()"
    )
    browser.wait(STEP, lambda at: at == step)


def test_a_session_by_mouse(browse: Callable[[Trial], Browser]) -> None:
    """Step, cut, write, see it answered, go back, see it gone; save, and play that again."""
    browser = browse(BY_HAND)
    assert browser.run("document.querySelector('#title').textContent") == "multipaxos"
    assert browser.run("document.querySelectorAll('#stage .node').length") == 3
    browser.click("#step")
    browser.wait(STEP, lambda at: at == 1)
    browser.press("ArrowRight", "ArrowRight")
    browser.wait(STEP, lambda at: at == 2)
    browser.press("ArrowLeft", "ArrowLeft")
    browser.wait(STEP, lambda at: at == 1)

    browser.click("[data-link='0-1'] .link-hit")
    browser.press("c", "KeyC")
    browser.wait(MARKS, lambda marks: marks == 1)
    browser.wait("document.querySelector('#faults').textContent.includes('cut n1-n2')")
    go(browser, 30)
    assert browser.run("document.querySelectorAll('#stage .link.cut').length") == 1

    go(browser, 60)
    leader = browser.run("document.querySelector('#stage .node.leader').dataset.node")
    browser.press("Escape")
    browser.click(f"[data-node='{leader}'] .body")
    browser.click("#tools form [name=value]")
    browser.type("41")
    browser.press("Enter", "Enter", "\r")
    browser.wait(MARKS, lambda marks: marks == 2)
    browser.click("#run")
    browser.wait("document.querySelectorAll('#history .bar.ok').length")
    browser.click("#run")
    browser.wait("document.querySelector('#nodes').textContent.includes('r0=41')")
    assert "write r0 41" in browser.run("document.querySelector('#history').textContent")

    ended = browser.run(STEP)
    go(browser, 60)
    assert browser.run("document.querySelectorAll('#history .bar').length") == 0
    assert not browser.run("document.querySelector('#nodes').textContent.includes('r0=41')")
    go(browser, ended)
    assert browser.run("document.querySelectorAll('#history .bar.ok').length") == 1

    browser.click("#save")
    path = browser.wait("document.querySelector('#replay')?.textContent").removeprefix(
        "harness replay "
    )
    source = load_simulated(Path(path))
    assert replay(source).differs is None
    assert [op.value for op in source.trial.script() or ()] == [41]


def test_a_node_is_killed_paused_and_comes_back(browse: Callable[[Trial], Browser]) -> None:
    browser = browse(BY_HAND)
    go(browser, 40)
    browser.press("2", "Digit2")
    browser.press("k", "KeyK")
    browser.wait(MARKS, lambda marks: marks == 1)
    browser.press("1", "Digit1")
    browser.press("p", "KeyP")
    browser.wait(MARKS, lambda marks: marks == 2)
    browser.press(" ", "Space")
    browser.wait(
        "document.querySelector('#stage .node.down')?.dataset.node", lambda node: node == "1"
    )
    browser.wait(
        "document.querySelector('#stage .node.paused')?.dataset.node", lambda node: node == "0"
    )
    browser.press(" ", "Space")
    browser.press("2", "Digit2")
    browser.press("k", "KeyK")
    browser.wait(MARKS, lambda marks: marks == 3)
    browser.press(" ", "Space")
    browser.wait("document.querySelectorAll('#stage .node.down').length === 0")
    browser.press(" ", "Space")
    assert browser.run("document.querySelectorAll('.card.down').length") == 0


STORM = """(async () => {
  const press = (key, code) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true }));
  press("2", "Digit2");
  for (let i = 0; i < 40; i += 1) {
    press("p", "KeyP");
    press("ArrowRight", "ArrowRight");
    await new Promise((done) => setTimeout(done, i % 7));
  }
})()"""


def test_what_is_asked_while_something_is_done_is_nobodys_mistake(
    browse: Callable[[Trial], Browser],
) -> None:
    """Verdicts and later moments are asked for all the time: what we do ourselves makes them old."""
    browser = browse(BY_HAND)
    go(browser, 40)
    browser.run(STORM)
    browser.press("e", "KeyE")
    browser.wait("document.querySelectorAll('#line .mark.finish').length")
    assert "another page" not in browser.run("document.querySelector('#toast').textContent")


LEADER = "document.querySelector('#stage .node.leader')?.dataset.node"


def test_leadership_is_handed_over(browse: Callable[[Trial], Browser]) -> None:
    """By the button and by the key; where nobody hands over there is neither."""
    browser = browse(BY_HAND)
    go(browser, 60)
    leader = int(browser.run(LEADER))
    heir = (leader + 1) % 3
    browser.press(str(heir + 1), f"Digit{heir + 1}")
    browser.click("#tools .keys button[title$='(l)']")
    browser.wait(f"document.querySelector('#faults').textContent.includes('n{heir + 1}')")
    browser.click("#run")
    browser.wait(LEADER, lambda node: node == str(heir))
    browser.click("#run")
    browser.press(str(leader + 1), f"Digit{leader + 1}")
    browser.press("l", "KeyL")
    browser.wait(MARKS, lambda marks: marks >= 2)
    browser.click("#run")
    browser.wait(LEADER, lambda node: node == str(leader))
    browser.click("#run")

    leaderless = browse(replace(BY_HAND, protocol="abd", workload="register"))
    leaderless.press("1", "Digit1")
    leaderless.wait("document.querySelectorAll('#tools .keys button').length")
    assert leaderless.run("document.querySelectorAll(\"#tools button[title$='(l)']\").length") == 0
    leaderless.press("l", "KeyL")
    leaderless.press("k", "KeyK")
    leaderless.wait(MARKS, lambda marks: marks == 1)


def test_what_is_wrong_is_red(browse: Callable[[Trial], Browser]) -> None:
    """A mutant's run at its end: the verdict, the ops and the edges that contradict."""
    trial = Trial(
        protocol="tests.mutants.abd:NoTieBreak", nodes=3, threads=6, time_ms=2_000, rate=60, seed="339420"
    )  # fmt: skip
    browser = browse(trial)
    browser.run(
        "(() => { const e = document.querySelector('#event'); e.value = 1e9; e.dispatchEvent(new Event('change')) })()"
    )
    browser.wait("document.querySelector('#verdict').textContent", lambda said: said == "invalid")
    browser.wait(
        "document.querySelectorAll('#history .bar.against').length", lambda bars: bars >= 2
    )
    assert browser.run("document.querySelectorAll('#history .edge').length") >= 2
    assert browser.run("document.querySelectorAll('#edges li').length") >= 2
    assert browser.run("document.querySelector('#save').disabled")
    go(browser, 5)
    browser.click("#step")
    browser.wait(STEP, lambda at: at == 6)


def test_what_cannot_be_done_is_said(browse: Callable[[Trial], Browser]) -> None:
    browser = browse(BY_HAND)
    browser.click("#finish")
    browser.wait(
        "document.querySelector('#clock').textContent.startsWith('all healed') || " + MARKS
    )
    browser.run(
        "(() => { const e = document.querySelector('#event'); e.value = 1e9; e.dispatchEvent(new Event('change')) })()"
    )
    browser.wait("document.querySelector('#clock').textContent.startsWith('over')")
    browser.press("1", "Digit1")
    browser.press("k", "KeyK")
    browser.wait(
        "document.querySelector('#toast.shown.bad')?.textContent.includes('go back first')"
    )
