"""How the workers of xdist share the suite: whole files, most tests first; what needs a running shop in two halves.

Two workers then start a shop and a Chromium, at once, and not each worker in the middle of its work, or the last one
when the others are done; and what a file or a class prepares once is prepared once.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

RUNNING_SHOP = ("tests/browser", "tests/faults")
MIDDLE = "test_m"  # of the alphabet; about as many tests stand before as after


class WholeFiles(LoadFileScheduling):  # type: ignore[misc]  # it publishes no types
    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """What goes to one worker together with this test."""
    file = PurePosixPath(nodeid.partition("::")[0])
    if any(map(file.is_relative_to, RUNNING_SHOP)):
        return f"running shop, {'first' if file.name < MIDDLE else 'second'} half"
    return str(file)
