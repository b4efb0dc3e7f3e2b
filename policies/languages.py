"""In which language a fan reads, and which of ours comes nearest."""

import re
from collections.abc import Iterable
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header

DEFAULT_LANGUAGE = "en"
TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?")


def tidy(typed: str) -> str:
    """``"DE_at"`` → ``"de-at"``; English for what is no language tag."""
    tag = typed.strip().replace("_", "-")
    return tag.lower() if TAG.fullmatch(tag) else DEFAULT_LANGUAGE


def is_language(typed: str) -> bool:
    """Whether it is the tag of a language that there is: ``"pt-br"``."""
    if not TAG.fullmatch(tag := typed.strip().replace("_", "-")):
        return False
    try:
        return bool(Locale.parse(tag.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        return False


def asked_by(request: HttpRequest) -> str:
    """The language the fan's browser asks for first; English when it says nothing."""
    wanted = parse_accept_lang_header(request.headers.get("Accept-Language", "")[:200])
    return tidy(next((tag for tag, _ in wanted if tag != "*"), DEFAULT_LANGUAGE))


def nearest(asked: str, there: Iterable[str]) -> str:
    """Of the languages that are there: the one asked for, its plain form, another form, English, or the first."""
    known = sorted(there)
    plain = asked.split("-", maxsplit=1)[0]
    forms = [language for language in known if language.split("-")[0] == plain]
    return next((each for each in (asked, plain, *forms, DEFAULT_LANGUAGE) if each in known), known[0])


@lru_cache(maxsize=256)  # tags come from anybody
def is_another(language: str, asked: str) -> bool:
    """Whether a text in ``language`` is no answer to ``asked``: English is one to ``en-US``."""
    return bool(asked) and language.split("-", maxsplit=1)[0] != asked.split("-", maxsplit=1)[0]


def own_name(tag: str) -> str:
    """``"de"`` → ``"Deutsch"``: how its readers call it."""
    try:
        name = Locale.parse(tag.replace("-", "_")).display_name or tag
    except (ValueError, UnknownLocaleError):
        return tag
    return name[:1].upper() + name[1:]


def language_name(tag: str) -> str:
    """``"de"`` → ``"German"``."""
    try:
        return Locale.parse(tag.replace("-", "_")).get_language_name("en") or tag
    except (ValueError, UnknownLocaleError):
        return tag
