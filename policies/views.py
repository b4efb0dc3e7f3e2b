"""The public pages of the shop's promises. Drafts are never seen here."""

import hashlib

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from merchant.clock import now
from merchant.store import current_store
from policies import changelog
from policies.diffs import changes
from policies.models import Rendering
from policies.standing import overview, policy_page

ENTRIES_A_PAGE = 20


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "policies/index.html", {"policies": overview(now())})


@require_safe
def policy(request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
    """The text in force; with a number that very version, whatever became of it."""
    page = policy_page(slug, now(), number)
    if page is None:
        raise Http404
    pieces = changes(page.before, page.version)
    return render(request, "policies/policy.html", {"page": page, "pieces": pieces, "cites_version": number})


@require_safe
def changelog_page(request: HttpRequest) -> HttpResponse:
    page = Paginator(changelog.newest_first(), ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "policies/changelog.html",
        {"page": page, "entries": changelog.entries(page.object_list), "now": now()},
    )


@require_safe
def changelog_json(request: HttpRequest) -> HttpResponse:
    entries = [
        changelog.as_json(version, settings.PUBLIC_URL + version.get_absolute_url())
        for version in changelog.newest_first()
    ]
    return JsonResponse({"shop": current_store().name, "entries": entries}, json_dumps_params={"indent": 1})


@require_safe
def verify(request: HttpRequest, sha256: str) -> HttpResponse:
    """Which text a fingerprint names. The digest is computed anew from the stored bytes at every visit."""
    rendering = Rendering.objects.select_related("version__policy").filter(sha256=sha256.lower()).first()
    matches = rendering is not None and hashlib.sha256(rendering.html.encode()).hexdigest() == sha256.lower()
    context = {"sha256": sha256.lower(), "rendering": rendering, "matches": matches, "public_url": settings.PUBLIC_URL}
    return render(request, "policies/verify.html", context, status=200 if rendering else 404)


@require_safe
def exact_bytes(request: HttpRequest, sha256: str) -> HttpResponse:
    """The bytes that a fingerprint was taken of, as they are: ``… | sha256sum`` prints it again."""
    rendering = get_object_or_404(Rendering, sha256=sha256.lower())
    return HttpResponse(rendering.html.encode(), content_type="text/plain; charset=utf-8")
