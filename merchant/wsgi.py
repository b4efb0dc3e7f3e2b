"""The web process: pages, API, admin."""

import os

from django.core.wsgi import get_wsgi_application

from merchant.checks import refuse_unsafe

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "merchant.settings")
refuse_unsafe()
application = get_wsgi_application()
