"""The public pages of the shop's promises. Drafts are never seen here."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import conditional_page, require_safe

from merchant.clock import now
from merchant.store import current_store
from policies import changelog, verify_chain
from policies.chain import head
from policies.diffs import changes, headlines, side_by_side
from policies.exporting import MOST_LINKS, lines
from policies.models import Rendering
from policies.queries import published
from policies.rendering import is_of_its_version
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
    said = headlines(page.before, page.version)
    context = {"page": page, "pieces": pieces, "headlines": said, "cites_version": number}
    return render(request, "policies/policy.html", context)


@require_safe
def changelog_page(request: HttpRequest) -> HttpResponse:
    page = Paginator(changelog.newest_first(), ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "policies/changelog.html",
        {"page": page, "entries": changelog.entries(page.object_list), "chain_head": head(), "now": now()},
    )


@require_safe
def compare(request: HttpRequest, slug: str, old: int, new: int) -> HttpResponse:
    """Any two published versions; ``?as=inline`` in one text, else side by side."""
    either = Q(number=old) | Q(number=new)  # a number too large for the column is none, not a fault
    found = {each.number: each for each in published().filter(either, policy__slug=slug)}
    if old not in found or new not in found:
        raise Http404
    context = {
        "old": found[old],
        "new": found[new],
        "inline": request.GET.get("as") == "inline",
        "headlines": headlines(found[old], found[new]),
        "pieces": changes(found[old], found[new]),
        "rows": side_by_side(found[old], found[new]),
    }
    return render(request, "policies/compare.html", context)


@conditional_page
@require_safe
def changelog_json(request: HttpRequest) -> HttpResponse:
    entries = [
        changelog.as_json(version, settings.PUBLIC_URL + version.get_absolute_url())
        for version in changelog.newest_first()
    ]
    last = head()
    told = {"number": last.number, "hash": last.hash, "sealed_at": last.sealed_at} if last else None
    said = {"shop": current_store().name, "chain": told, "entries": entries}
    return JsonResponse(said, json_dumps_params={"indent": 1})


@require_safe
def verify(request: HttpRequest, sha256: str) -> HttpResponse:
    """Which text a fingerprint names. The digest is computed anew from the stored bytes at every visit."""
    rendering = Rendering.objects.select_related("version__policy").filter(sha256=sha256.lower()).first()
    matches = rendering is not None and hashlib.sha256(rendering.html.encode()).hexdigest() == sha256.lower()
    context = {
        "sha256": sha256.lower(),
        "rendering": rendering,
        "matches": matches,
        "is_of_its_version": rendering is not None and is_of_its_version(rendering),
        "public_url": settings.PUBLIC_URL,
    }
    return render(request, "policies/verify.html", context, status=200 if rendering else 404)


@require_safe
def exact_bytes(request: HttpRequest, sha256: str) -> HttpResponse:
    """The bytes that a fingerprint was taken of, as they are: ``… | sha256sum`` prints it again."""
    rendering = get_object_or_404(Rendering, sha256=sha256.lower())
    return HttpResponse(rendering.html.encode(), content_type="text/plain; charset=utf-8")


@require_safe
def chain_lines(request: HttpRequest) -> HttpResponse:
    """Links of the chain as lines of JSON, 500 at a time; ``?after=<number>`` gives the next ones."""
    after = request.GET.get("after", "")
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else 0
    return HttpResponse("".join(lines(after=start, most=MOST_LINKS)), content_type="application/jsonl; charset=utf-8")


@require_safe
def verifier(request: HttpRequest) -> HttpResponse:
    """The script that checks the chain without us."""
    source = Path(verify_chain.__file__).read_text(encoding="utf-8")
    return HttpResponse(source, content_type="text/x-python; charset=utf-8")
