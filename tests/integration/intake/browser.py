"""A real browser without a window, driven over the DevTools protocol: what a person does, by mouse and keyboard.

Chromium or Chrome from the PATH, or `$DRIFTLOG_TEST_BROWSER`. `apt-get install chromium` (Debian), `brew install
chromium`, or the runner's own in CI.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser() -> str | None:
    """Path of a browser, None where none is installed."""
    given = os.environ.get("DRIFTLOG_TEST_BROWSER")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def running_browser(path: str) -> Iterator[int]:
    """A browser process; gives the port of its DevTools."""
    with tempfile.TemporaryDirectory(prefix="driftlog-browser-", ignore_cleanup_errors=True) as folder:
        options = ["--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--remote-debugging-port=0"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [path, *options, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield _port(Path(folder) / "DevToolsActivePort", process)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the browser ended with {process.returncode}")
        if file.exists() and (text := file.read_text().split()):
            return int(text[0])
        time.sleep(0.05)
    raise AssertionError("the browser did not start within a minute")


class Tab:
    """One page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.problems: list[str] = []
        """What the console said: broken policies, failed loads."""
        self.requests: list[str] = []

    async def call(self, method: str, **params: Any) -> Any:
        """One command, and its answer."""
        self._last += 1
        number = self._last
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: Any) -> None:
        if message.get("method") == "Log.entryAdded":
            self.problems.append(message["params"]["entry"]["text"])
        elif message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def open(self, url: str) -> None:
        """Go to a page and wait until it is there."""
        await self.call("Page.navigate", url=url)
        await self.wait_for("document.readyState == 'complete' && location.href != 'about:blank'")

    async def wait_for(self, condition: str) -> None:
        """Until a JavaScript expression is true, also over the change to another page."""
        import asyncio

        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if await self.run(f"Boolean({condition})"):
                    return
            except AssertionError:  # between two pages there is nothing to ask
                pass
            await asyncio.sleep(0.05)
        raise AssertionError(f"{condition} did not come true: {await self.run('document.body.innerText')}")

    async def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        where = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    async def write(self, selector: str, text: str) -> None:
        """Click into a field and type."""
        await self.click(selector)
        await self.call("Input.insertText", text=text)

    async def picture(self, file: Path) -> None:
        """The whole page as PNG."""
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))


@asynccontextmanager
async def new_tab(port: int, *, width: int = 390, height: int = 844) -> AsyncIterator[Tab]:
    """A tab of the size of a phone."""
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer,
        session.ws_connect((await answer.json())["webSocketDebuggerUrl"], max_msg_size=0) as socket,
    ):
        tab = Tab(socket)
        for domain in ("Page", "Log", "Network", "Runtime"):
            await tab.call(f"{domain}.enable")
        await tab.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True
        )
        yield tab
