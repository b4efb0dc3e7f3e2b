"""granian's own command, with the shop imported once before its workers are forked, instead of once in each."""

from django.urls import get_resolver
from granian.cli import entrypoint

import merchant.wsgi  # noqa: F401  # sets Django up

if __name__ == "__main__":
    _ = get_resolver().url_patterns  # the pages' modules too, which Django would import at the first request
    entrypoint()  # type: ignore[no-untyped-call]  # granian does not type it
