"""A few at a time in a process: long work leaves threads to short work, and nobody stands in a row for a turn."""

from collections import Counter
from collections.abc import Callable
from threading import Lock

_counting = Lock()
_at_it: Counter[str] = Counter()
_wanted: set[str] = set()


def in_turn(name: str, deed: Callable[[], object], *, most: int = 1) -> bool:
    """Do the deed unless ``most`` are at it in this process; then one of them does it again after their own.

    Never waits. True when the deed was done here. For deeds that look for what is due: to do it once more for all who
    were sent away is to miss nothing.
    """
    with _counting:
        if _at_it[name] >= most:
            _wanted.add(name)
            return False
        _at_it[name] += 1
    try:
        deed()
        while _is_wanted_again(name):
            deed()
    except BaseException:
        _leave(name)
        raise
    return True


def _is_wanted_again(name: str) -> bool:
    """Whether somebody was sent away meanwhile; who finds that nobody was leaves in the same moment."""
    with _counting:
        if name in _wanted:
            _wanted.remove(name)
            return True
        _at_it[name] -= 1
        return False


def _leave(name: str) -> None:
    with _counting:
        _at_it[name] -= 1
