"""The doors to the drops: home, a drop's page, and leaving an address."""

from datetime import datetime
from typing import Any

from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from drops import printed, queries, sign_ups, visits
from drops.disclosures import disclosures, held_keys
from drops.errors import SignUpRefused
from drops.models import Drop
from drops.windows import phase_of
from merchant.client_address import client_ip
from merchant.clock import now
from merchant.markdown import to_html
from merchant.store import current_store
from policies.queries import more_by_place
from segments import opt_in
from segments.errors import TooManyAsked

TOLD = {"days": opt_in.LINK_DAYS, "minutes": opt_in.MAIL_MINUTES}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {"home": queries.home(now()), "story_html": to_html(current_store().story)}
    return render(request, "drops/home.html", context)


@require_safe
def drop(request: HttpRequest, slug: str) -> HttpResponse:
    if "told" in request.GET:
        return _page(request, get_object_or_404(queries.public(), slug=slug), told=TOLD)
    at = now()
    response = HttpResponse(printed.page(request, slug, at, lambda: _print(request, slug, at)))
    visits.seen(request, slug)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def tell_me(request: HttpRequest, slug: str) -> HttpResponse:
    """POST ``email`` and ``consent``; then the drop's page says where to look, the same whatever the address is.

    GET, by somebody who loads a refused form's page anew, goes to the form."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("drops:drop", args=[slug]) + "#tell-me")
    found = get_object_or_404(queries.public(), slug=slug)
    email = request.POST.get("email", "")
    consented = bool(request.POST.get("consent"))
    filled = {"email": email[:254], "consent": consented}
    try:
        sign_ups.require_few(client_ip(request))
        sign_ups.ask(found, email, consented=consented, now=now())
    except SignUpRefused as refusal:
        return _page(request, found, status=422, sign_up=filled, sign_up_errors=refusal.problems)
    except TooManyAsked as pause:
        wrong = {"email": f"Too many signed up from where you are. Try again in {-(-pause.retry_after // 60)} min."}
        answer = _page(request, found, status=429, sign_up=filled, sign_up_errors=wrong)
        answer["Retry-After"] = str(pause.retry_after)
        return answer
    return HttpResponseRedirect(reverse("drops:drop", args=[slug]) + "?told#tell-me", status=303)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tell_me_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The mail's link: GET asks for one press, POST says yes. Scanners open links and press nothing."""
    try:
        found = (sign_ups.confirm if request.method == "POST" else sign_ups.pending)(token, now())
    except BadSignature:
        return render(request, "drops/tell_me.html", {"step": "unknown", "days": opt_in.LINK_DAYS}, status=404)
    done = request.method == "POST" or found[0].confirmed_at is not None
    context = {
        "step": "confirmed" if done else "confirm",
        "sign_up": found[0],
        "drop": found[0].drop,
        "others": [each.drop.title for each in found[1:]],
        "phase": phase_of(found[0].drop, now()),
    }
    return render(request, "drops/tell_me.html", context)


def _print(request: HttpRequest, slug: str, at: datetime) -> printed.Print:
    found = get_object_or_404(queries.public(), slug=slug)
    turns = [turn for turn in (found.starts_at, found.ends_at) if turn and turn > at]
    html = render_to_string("drops/drop.html", _context(found, at) | {"csrf_token": printed.TOKEN}, request)
    return printed.Print(html, at, min(turns, default=None))


def _page(request: HttpRequest, found: Drop, *, status: int = 200, **more: Any) -> HttpResponse:
    return render(request, "drops/drop.html", _context(found, now()) | more, status=status)


def _context(found: Drop, at: datetime) -> dict[str, Any]:
    return {
        "drop": queries.view_of(found, at),
        "policies": disclosures(found, now=at),
        "more_by_place": more_by_place(held_keys(found), at),
        "consent_wording": sign_ups.WORDING,
        "stamp": mark_safe(printed.stamp(at)),  # noqa: S308  # a time of ours
    }
