"""What the live page costs a browser: bytes per frame, and the share of its main thread, beside a running site.

Usage: python -m benchmarks.live_page http://127.0.0.1:8000/signals/live/ [--seconds 20] [--browser /usr/bin/chromium]
"""

from __future__ import annotations

import argparse
import re

from playwright.sync_api import CDPSession, sync_playwright

EMPTY = re.compile(r'<div id="sm-frame"[^>]*></div>\Z')


def main() -> None:
    """Print the numbers of one page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--browser", default=None)
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        frames: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
        page.goto(args.url)
        page.wait_for_selector('[data-live-status][data-state="live"]')
        page.wait_for_timeout(3_000)  # the first frame is that of a page that has just been opened
        frames.clear()
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        before = _busy_seconds(session)
        page.wait_for_timeout(args.seconds * 1_000)
        busy = _busy_seconds(session) - before
        browser.close()
    sizes = [len(frame.encode()) for frame in frames if not EMPTY.fullmatch(frame)]
    rows = sum(frame.count("<li ") for frame in frames)
    print(f"{len(frames) / args.seconds:.1f} frames/s, {rows / args.seconds:.1f} rows/s")
    print(f"bytes per frame: mean {sum(sizes) / max(1, len(sizes)):,.0f}, most {max(sizes, default=0):,}")
    print(f"main thread: {100 * busy / args.seconds:.1f} %")


def _busy_seconds(session: CDPSession) -> float:
    """Seconds that the page's main thread has spent in tasks."""
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


if __name__ == "__main__":
    main()
