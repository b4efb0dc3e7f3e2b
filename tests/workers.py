"""How xdist's workers share the suite: whole files, those with most tests first, and `tests/browser` in two halves.

Those tests need a whole running shop and a Chromium, which two workers then start, at once, and not each worker in the
middle of its work; and what a file or a class prepares once is prepared once.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

BROWSER = "tests/browser"
MIDDLE = "test_m"  # of the alphabet; about as many tests stand before as after


class WholeFiles(LoadFileScheduling):  # type: ignore[misc]  # it publishes no types
    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """What goes to one worker together with this test."""
    file = PurePosixPath(nodeid.partition("::")[0])
    if file.is_relative_to(BROWSER):
        return f"{BROWSER}, {'first' if file.name < MIDDLE else 'second'} half"
    return str(file)
