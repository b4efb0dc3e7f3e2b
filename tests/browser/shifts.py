"""What jumped on a page since somebody began to watch: Chromium's own measure of layout shifts."""

from typing import Any

from playwright.sync_api import Page

WATCH = """() => {
  window.shifts = [];
  const note = (list) => window.shifts.push(...list.getEntries().map(({ value, sources }) =>
    [value, sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? "gone")]));
  window.watching = new PerformanceObserver(note);
  window.watching.observe({ type: "layout-shift" });
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def shifts(page: Page) -> list[Any]:
    """[value, what moved] of each shift since WATCH. Two frames later: by then the browser has told of all of them."""
    page.evaluate(TWO_FRAMES)
    found: list[Any] = page.evaluate("() => window.shifts")
    return found
