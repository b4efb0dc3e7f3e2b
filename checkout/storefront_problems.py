"""How the storefront API says no: RFC 9457 problem details, one for each refusal."""

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.responses import Response

from checkout.errors import PoliciesChanged, QuoteExpired, TotalChanged
from checkout.refusals import TELLERS, problem_of
from checkout.storefront_shapes import change_json, quote_json
from merchant.problems import Problem
from policies import changelog

PROBLEM_JSON = "application/problem+json"


def tell_problems(api: NinjaAPI) -> None:
    """Let ``api`` answer every refusal, wrong field and wrong address as a problem."""
    for kind in (*TELLERS, Problem, ValidationError, Http404, HttpError):
        api.add_exception_handler(kind, _answer)


def _answer(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    problem = _problem(error)
    return Response(problem.as_json(), status=problem.status, headers=problem.headers, content_type=PROBLEM_JSON)


def _problem(error: Exception | type[Exception]) -> Problem:
    match error:
        case Problem():
            return error
        case ValidationError():
            return _invalid(error)
        case Http404():
            return Problem("not-found", 404, "There is nothing at this address.")
        case HttpError():
            return Problem("invalid", error.status_code, str(error))
        case Exception():
            return _refusal(error)
    raise TypeError(f"{error} is no error that happened")


def _refusal(error: Exception) -> Problem:
    problem = problem_of(error)
    if problem is None:
        raise error
    if isinstance(error, QuoteExpired | TotalChanged | PoliciesChanged):
        problem.extra["fresh"] = quote_json(error.fresh)
    if isinstance(error, PoliciesChanged):
        entries = changelog.since(error.answers, error.fresh.policies)
        problem.extra |= {"seen": error.seen, "changes": [change_json(entry) for entry in entries]}
    return problem


def _invalid(error: ValidationError) -> Problem:
    fields = {".".join(str(part) for part in one["loc"][2:] or one["loc"]): one["msg"] for one in error.errors}
    return Problem("invalid", 422, "Some fields need another look.", {"errors": fields})
