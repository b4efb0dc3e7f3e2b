"""Who gives the values that the shop's profile does not: apps above tell here, once at their start, what is missing."""

from collections.abc import Callable, Iterable

Lacking = Callable[[frozenset[str], Iterable[str]], list[str]]
_lacking: list[Lacking] = []


def know(lacking: Lacking) -> None:
    """Let publishing ask an app above, by the keys of a scope and names of variables, what to do about missing ones."""
    _lacking.append(lacking)


def lacking_where(scope_keys: frozenset[str], names: Iterable[str]) -> list[str]:
    """What to do before a text with these variables may stand where these keys hold."""
    wanted = list(names)
    return [words for ask in _lacking for words in ask(scope_keys, wanted)]
