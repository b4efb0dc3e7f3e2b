"""The live process: event streams and nothing else, outside Django's own handler, which costs ten times as much."""

import os

import django

from merchant.checks import refuse_unsafe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
refuse_unsafe()
django.setup()

from drops.stream import application  # noqa: E402  # the stream reads settings, which setup() has just made

__all__ = ["application"]
