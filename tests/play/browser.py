"""A headless Chromium, spoken to over a pipe in its DevTools protocol: no driver, no library.

Each message is JSON with a zero byte behind it: ours go to the browser's descriptor 3, its own come from 4
(``--remote-debugging-pipe``).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell")
PATIENCE_S = 90.0
LAUNCH = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])"""


def find() -> str | None:
    """Where a Chromium is; None: there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page. ``problems`` are the exceptions and errors that it had."""

    def __init__(self, url: str, *, size: tuple[int, int] = (1440, 900)) -> None:
        program = find()
        assert program is not None
        self._home = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        to_it, self._write = os.pipe()
        self._read, from_it = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_it, from_it)]
        flags = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--force-device-scale-factor=1",
            "--remote-debugging-pipe", f"--user-data-dir={self._home.name}", f"--window-size={size[0]},{size[1]}",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", LAUNCH, *map(str, ends), program, *flags, "about:blank"],
            pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for end in (to_it, from_it, *ends):
            os.close(end)
        self._buffer = b""
        self._serial = 0
        self._session: str | None = None
        self.problems: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask("Page.navigate", url=url)

    def close(self) -> None:
        for end in (self._write, self._read):
            os.close(end)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._home.cleanup()

    # --- the protocol -----------------------------------------------------------------------------

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """What the browser answers. Fails for an error, and for no answer in time."""
        self._serial += 1
        message = {"id": self._serial, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next(method)
            if told.get("id") == self._serial:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            self._hear(told)

    def _next(self, method: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"chromium did not answer {method} in {PATIENCE_S:.0f} s"
            some = os.read(self._read, 1 << 16)
            assert some, f"chromium ended while it was asked for {method}"
            self._buffer += some
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def _hear(self, told: dict[str, Any]) -> None:
        params = told.get("params", {})
        if told.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:600])
        elif told.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            if "status of 400" in params["entry"]["text"]:  # it was said on the page
                return
            self.problems.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))

    # --- what a person does -----------------------------------------------------------------------

    def run(self, script: str) -> Any:
        """The value of an expression on the page. Fails where it throws."""
        told = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, f"{script}: {told['exceptionDetails']}"
        return told["result"].get("value")

    def wait(self, script: str, wanted: Callable[[Any], bool] = bool) -> Any:
        """The value of an expression, once it is as ``wanted``."""
        until = time.monotonic() + PATIENCE_S
        while not wanted(value := self.run(script)):
            assert time.monotonic() < until, (
                f"{script} is still {value!r}; problems: {self.problems}"
            )
            time.sleep(0.05)
        return value

    def click(self, selector: str, *, shift: bool = False) -> None:
        """A mouse click in the middle of an element that can be seen."""
        spot = self.wait(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            " const b = e.getBoundingClientRect(); return b.width ? [b.x + b.width / 2, b.y + b.height / 2] : null })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask(
                "Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=1, modifiers=8 if shift else 0,
            )  # fmt: skip

    def press(self, key: str, code: str = "", text: str = "") -> None:
        """A key, down and up."""
        more = {"text": text} if text else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=code, **more)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=code)

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        """A screenshot, as PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
