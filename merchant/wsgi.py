"""The web process: pages, API, admin."""

import os

from django.core.wsgi import get_wsgi_application

from merchant.charsets import only_utf8
from merchant.checks import refuse_unsafe
from merchant.tallies import tell_in_background
from merchant.wake import ring_in_background

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
refuse_unsafe()
ring_in_background()
tell_in_background()
application = only_utf8(get_wsgi_application())
