"""The doors for those who want to hear of changed policies. A deed is a press of a button: mail programs open links."""

from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from merchant.client_address import client_ip
from merchant.clock import now
from segments import policy_news
from segments.errors import NotAnAddress, TooManyAsked


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def follow(request: HttpRequest) -> HttpResponse:
    """POST ``email`` sends the link that confirms it, so many an hour to one client address."""
    if request.method != "POST":
        return _page(request, "ask")
    try:
        policy_news.require_few(client_ip(request))
        policy_news.ask(request.POST.get("email", ""), now())
    except NotAnAddress:
        wrong = "Write your whole e-mail address, like name@example.com."
        return _page(request, "ask", status=422, error=wrong, email=request.POST.get("email", "")[:254])
    except TooManyAsked as pause:
        minutes = -(-pause.retry_after // 60)
        wrong = (
            f"Too many asked from where you are. Try again in {minutes} min. The feed is open to everybody meanwhile."
        )
        answer = _page(request, "ask", status=429, error=wrong, email=request.POST.get("email", "")[:254])
        answer["Retry-After"] = str(pause.retry_after)
        return answer
    return _page(request, "asked")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks for one more press; POST says yes."""
    if request.method != "POST":
        return _page(request, "confirm")
    try:
        return _page(request, "confirmed", email=policy_news.confirm(token))
    except BadSignature:
        return _page(request, "unknown", status=404)


@csrf_exempt  # a mail program has no cookie (RFC 8058, 3.2); the link itself is the secret
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks for one more press; POST with ``List-Unsubscribe=One-Click``, from page or mail program, says no."""
    if request.POST.get("List-Unsubscribe") != "One-Click":
        return _page(request, "leave")
    try:
        return _page(request, "left", email=policy_news.leave(token))
    except BadSignature:
        return _page(request, "cannot-leave", status=404)


def _page(request: HttpRequest, step: str, *, status: int = 200, **more: str) -> HttpResponse:
    context = {"step": step, "wording": policy_news.WORDING, **more}
    return render(request, "segments/policy_news.html", context, status=status)
