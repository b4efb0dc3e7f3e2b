"""What every page knows."""

from django.conf import settings
from django.http import HttpRequest

from merchant.store import current_store


def shop(request: HttpRequest) -> dict[str, object]:
    """The shop's profile and whether this is the demo."""
    return {
        "shop": current_store(),
        "demo": settings.DEMO,
        "live_url": settings.LIVE_URL,
        "service_worker": settings.SERVICE_WORKER,
    }
