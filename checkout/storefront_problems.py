"""How the storefront API says no: RFC 9457 problem details, one for each refusal."""

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.responses import Response

from checkout.errors import AlreadyOrdered, PoliciesChanged, QuoteExpired, TotalChanged
from checkout.refusals import TELLERS, problem_of
from checkout.storefront_reading import token_unknown
from checkout.storefront_shapes import change_json, order_url, quote_json
from checkout.tokens import order_token
from merchant.problems import Problem
from policies import meanwhile

PROBLEM_JSON = "application/problem+json"


def tell_problems(api: NinjaAPI) -> None:
    """Let ``api`` answer every refusal, wrong field and wrong address as a problem."""
    for kind in (*TELLERS, Problem, ValidationError, Http404, RequestDataTooBig, HttpError):
        api.add_exception_handler(kind, _answer)


def _answer(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    return told(_problem(error))


def told(problem: Problem) -> HttpResponse:
    """The problem as an answer."""
    return Response(problem.as_json(), status=problem.status, headers=problem.headers, content_type=PROBLEM_JSON)


def _problem(error: Exception | type[Exception]) -> Problem:
    match error:
        case Problem():
            return error
        case ValidationError():
            return _invalid(error)
        case Http404():
            return not_found()
        case HttpError() | RequestDataTooBig():
            return _unheard(error)
        case Exception():
            return _refusal(error)
    raise TypeError(f"{error} is no error that happened")


def _unheard(error: HttpError | RequestDataTooBig) -> Problem:
    """What ninja or Django refused before we saw it."""
    if isinstance(error, AuthenticationError):
        return token_unknown()
    # ninja reads the body within a net of its own: one that is too large is its error's cause.
    if isinstance(error, RequestDataTooBig) or isinstance(error.__cause__, RequestDataTooBig):
        return too_large()
    return unreadable(error.status_code)


def too_large() -> Problem:
    return Problem("too-large", 413, "No request of ours needs that many bytes.")


def unreadable(status: int = 400) -> Problem:
    return Problem("invalid", status, "The body cannot be read. Send JSON in UTF-8.")


def not_found() -> Problem:
    return Problem("not-found", 404, "There is nothing at this address.")


def method_not_allowed(allowed: str) -> Problem:
    """``allowed``: the methods that there are, as the header has them."""
    return Problem("method-not-allowed", 405, f"This address takes {allowed} only.", headers={"Allow": allowed})


def _refusal(error: Exception) -> Problem:
    problem = problem_of(error)
    if problem is None:
        raise error
    if isinstance(error, QuoteExpired | TotalChanged | PoliciesChanged):
        problem.extra["fresh"] = quote_json(error.fresh)
    if isinstance(error, AlreadyOrdered):
        token = order_token(error.order.token_nonce)  # whoever holds the cart's token may hold its order's
        problem.extra |= {"token": token, "status_url": order_url(token)}
    if isinstance(error, PoliciesChanged):
        changed = meanwhile.since(error.answers, error.fresh.policies)
        problem.extra |= {"seen": error.seen, "changes": [change_json(each) for each in changed]}
    return problem


def _invalid(error: ValidationError) -> Problem:
    fields = {".".join(str(part) for part in one["loc"][2:] or one["loc"]): one["msg"] for one in error.errors}
    return Problem("invalid", 422, "Some fields need another look.", {"errors": fields})
