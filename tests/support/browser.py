"""Real web servers and a real browser for tests: what people would open, opened."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOFTWARE_WEBGL_FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WINDOW = {"width": 1400, "height": 900}
POLL_SECONDS = 0.2
# For what takes a tenth as long, on a machine that has nothing else to do.
START_SECONDS = 270
PAGE_MILLISECONDS = 180_000


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_server(
    command: Sequence[str], url: str, env: Mapping[str, str] | None = None, seconds: float = START_SECONDS
) -> Iterator[None]:
    """Run `command` until the block ends; the block starts when `url` answers.

    Fails with the server's own words where it ends or does not answer within `seconds`.
    """
    with tempfile.TemporaryFile("w+") as output:
        server = subprocess.Popen(
            command, env=env, stdout=output, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        try:
            deadline = time.monotonic() + seconds
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    pytest.fail(f"{' '.join(command)} does not answer at {url}:\n{output.read()[-4000:]}")
                time.sleep(POLL_SECONDS)
            yield
        finally:
            stop(server)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:  # refused, reset, or an error status while the server is starting
        return False


def stop(server: subprocess.Popen) -> None:
    """End the server and the processes that it started, which share its session."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, signal_number)
            server.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


@contextmanager
def open_page() -> Iterator["Page"]:
    """An empty page of a new browser with WebGL; skips the test where no browser is installed."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser found: none of {', '.join(BROWSERS)} is on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=[*QUIET_FLAGS, *SOFTWARE_WEBGL_FLAGS], timeout=PAGE_MILLISECONDS
        )
        try:
            page = browser.new_page(viewport=WINDOW)
            page.set_default_timeout(PAGE_MILLISECONDS)
            yield page
        finally:
            browser.close()
