"""Every address of the shop on one screen."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from checkout.storefront_api import api
from merchant.device import offline, offline_checkout, worker
from merchant.health import healthz, readyz
from merchant.media import media
from merchant.metrics import metrics
from merchant.theme import theme

urlpatterns = [
    path("api/v1/", api.urls),  # first: the busiest address is found at once
    path("", include("drops.urls")),  # / and /drops/<slug>/
    path("", include("checkout.urls")),  # /drops/<slug>/cart|checkout/, /orders/<token>/, /webhooks/stripe/
    path("policies/news/", include("segments.urls")),  # changes by e-mail
    path("policies/", include("policies.urls")),
    path("admin/", admin.site.urls),
    path("sw.js", worker, name="worker"),
    path("offline/", offline, name="offline"),
    path("offline/checkout/", offline_checkout, name="offline_checkout"),
    path("theme.css", theme, name="theme"),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    re_path(rf"^{settings.MEDIA_URL.lstrip('/')}(?P<path>.+)$", media, name="media"),
]
handler400 = "merchant.errors_pages.bad_request"
handler403 = "merchant.errors_pages.forbidden"
handler404 = "merchant.errors_pages.not_found"
handler500 = "merchant.errors_pages.server_error"
