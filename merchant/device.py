"""What a fan's device keeps of the shop: the worker that does it, and the pages it shows where nothing was kept."""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

STATIC = settings.BASE_DIR / "static"
SHELL = ("css/*.css", "js/*.js", "img/*.svg", "vendor/htmx/*.js", "vendor/fonts/*-latin-[w4]*.woff2")
OFFLINE, CHECKOUT = "merchant/offline.html", "merchant/offline_checkout.html"
NOT_FOR_FANS = ("api_docs.css", "desk.css", "desk_policies.css", "farewell.js")


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """``/sw.js``: at the root, since a worker serves what lies beside and below it. Asked for anew by every visit."""
    script = _script() if settings.SERVICE_WORKER else (STATIC / "js/farewell.js").read_text()
    response = HttpResponse(script, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """The page of a device without a network, for addresses it has not kept. It knows nobody and carries no token."""
    return render(request, OFFLINE)


@require_safe
def offline_checkout(request: HttpRequest) -> HttpResponse:
    """The same in the place of a checkout, which is never kept: its outline, and nothing that anybody typed."""
    return render(request, CHECKOUT)


@cache
def _script() -> str:
    """A few lines that differ whenever a file of the shell does: that is how a browser hears of a new version."""
    pages = {"offline": reverse("offline"), "checkout": reverse("offline_checkout")}
    about = {"version": _version(), "shell": _addresses()} | pages
    return f'import {{ begin }} from "{static("js/worker.js")}";\nbegin({json.dumps(about, indent=1)});\n'


def _files() -> list[Path]:
    found = (path for pattern in SHELL for path in sorted(STATIC.glob(pattern)))
    return [path for path in found if path.name not in NOT_FOR_FANS]


def _addresses() -> list[str]:
    names = [str(path.relative_to(STATIC)) for path in _files()]
    return sorted({reverse("theme"), *map(static, names)})


def _version() -> str:
    pages = b"".join((settings.BASE_DIR / "templates" / page).read_bytes() for page in (OFFLINE, CHECKOUT))
    manifest = getattr(staticfiles_storage, "manifest_hash", "").encode()
    return sha256(pages + (manifest or b"".join(path.read_bytes() for path in _files()))).hexdigest()[:12]
