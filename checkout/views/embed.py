"""A drop inside somebody else's page: the script that defines ``<frontrow-drop>``, and a page that shows it."""

from functools import cache
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.templatetags.static import static
from django.views.decorators.http import condition, require_safe

from drops.models import Drop
from drops.queries import home, public
from merchant.clock import now
from merchant.middleware import allow_only

# The module first, then what it imports: a browser that reads all of it here fetches all of it at once.
MODULES = ("embed/element", "embed/api", "embed/checkout", "embed/choose", "embed/order", "embed/parts", "embed/styles")
SHARED = ("card_form", "left", "live")
FRESH_SECONDS, STALE_SECONDS = 300, 86_400
# What buying needs, the bank's own pages in their frames included. No dialog, no download, and no frame that leads the
# tab away. Its origin stays the shop's: the API answers no page of no origin.
SANDBOX = ("allow-scripts", "allow-same-origin", "allow-forms", "allow-popups", "allow-popups-to-escape-sandbox")


@cache
def _script() -> str:
    """A few lines: where its parts are in this release. What is at this address may change, what it defines may not."""
    first, *others = (static(f"js/{name}.js") for name in (*MODULES, *SHARED))
    lines = [f'import {{ FrontrowDrop }} from "{first}";', *(f'import "{other}";' for other in others)]
    define = 'customElements.get("frontrow-drop") ?? customElements.define("frontrow-drop", FrontrowDrop);'
    return "\n".join([*lines, "FrontrowDrop.shop = new URL(import.meta.url).origin;", define, ""])


def _etag(request: HttpRequest) -> str:
    return f'"{sha256(_script().encode()).hexdigest()[:16]}"'


@require_safe
@condition(etag_func=_etag)
def script(request: HttpRequest) -> HttpResponse:
    """``/embed/v1.js``: any page may load it; what it may then do, the API decides by the page's origin."""
    response = HttpResponse(_script(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={FRESH_SECONDS}, stale-while-revalidate={STALE_SECONDS}"
    response["Access-Control-Allow-Origin"] = "*"  # a module of another origin is read with CORS
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
def demo(request: HttpRequest) -> HttpResponse:
    """A page as another site would make it, in two looks, under the policy such a site would send."""
    response = render(request, "checkout/embed_demo.html", {"drop": _shown(request.GET.get("drop", ""))})
    allow_only(response, policy())
    return response


def policy() -> dict[str, Any]:
    """What a page around the embed has to allow, and nothing else; in a sandbox, as one shows a stranger's page."""
    fans = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    kept = {name: fans[name] for name in ("script-src", "connect-src", "frame-src", "img-src", "style-src", "base-uri")}
    nothing = {name: ["'none'"] for name in ("default-src", "form-action", "frame-ancestors")}
    return kept | nothing | {"sandbox": list(SANDBOX)}


def _shown(slug: str) -> Drop | None:
    if slug:
        return get_object_or_404(public(), slug=slug) if slug.isprintable() else None
    lead = home(now()).lead
    return Drop.objects.get(slug=lead.slug) if lead else None
