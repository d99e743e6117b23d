"""A browser for the tests: the machine's, else Playwright's, which is installed if it has to be."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

# No name resolves: a page that needs an outside host fails here. Background networking would try some by itself.
OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
INSTALL = [sys.executable, "-m", "playwright", "install", "chromium"]


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=executable(playwright.chromium.executable_path), args=OFFLINE)


def executable(own: str) -> str:
    """own: where Playwright would have its browser."""
    if found := shutil.which("chromium") or shutil.which("chromium-browser"):
        return found
    if not Path(own).exists():
        subprocess.run(INSTALL, check=False, capture_output=True)
    if not Path(own).exists():
        pytest.fail(
            "The browser tests need Chromium: install the system's package `chromium`, or run `playwright install "
            "chromium` where there is a network.",
            pytrace=False,
        )
    return own
