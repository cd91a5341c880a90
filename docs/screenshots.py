"""Takes the screenshots of the README from a demo that runs: ``python -m docs.screenshots http://127.0.0.1:8000/``."""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGES = {"overview": ""}
"""The pages below the dashboard, by the name of the file."""
SIZE = {"width": 1280, "height": 800}
CHROMIUM = "/usr/bin/chromium"


def take(url: str) -> None:
    """Take each screenshot, light, at 1280 by 800."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]  # a TypedDict
        for name, path in PAGES.items():
            page.goto(f"{url.rstrip('/')}/signals/{path}")
            page.wait_for_selector('[data-live-status][data-state="live"]')
            page.screenshot(path=Path(__file__).with_name(f"{name}.png"))
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m docs.screenshots", description="Take the screenshots of the README.")
    at = "http://127.0.0.1:8000/"
    parser.add_argument("url", nargs="?", default=at, help="address of a demo that runs (%(default)s)")
    take(parser.parse_args().url)
