"""Files and answers that a page waits for, until a test lets them come."""

from collections.abc import Callable

from playwright.sync_api import Page, Route

from tests.waiting import until


def hold_back(page: Page, files: str) -> Callable[[], None]:
    """Keeps these from the page. Returns what waits until they are asked for, and lets them go."""
    asked: list[Route] = []
    page.route(files, lambda route: asked.append(route))  # a builtin takes none of its marks

    def let_go() -> None:
        until(lambda: page.evaluate("true") and asked != [])  # its news comes while we speak to the browser
        for route in asked:
            route.continue_()
        page.unroute(files)

    return let_go
