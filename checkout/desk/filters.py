"""Filters of the desk's lists over the payment provider's codes, offered in words."""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList

from checkout import provider_words


class _InWords(admin.AllValuesFieldListFilter):
    words: Callable[[str], str]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            shown = str(choice["display"])
            yield {**choice, "display": type(self).words(shown) if shown in self.lookup_choices else shown}


class DisputeStatusFilter(_InWords):
    words = staticmethod(provider_words.dispute_status)


class NewsFilter(_InWords):
    words = staticmethod(provider_words.event)
