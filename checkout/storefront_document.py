"""The OpenAPI document: what ninja reads from the types, and beside it every refusal and an example of everything."""

from collections import defaultdict
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from checkout.storefront_addresses import with_problems
from checkout.storefront_examples import ANYWHERE, EVERYWHERE, OPERATIONS, PARAMETERS, PROBLEMS
from checkout.storefront_schemas import ProblemOut
from merchant.problems import Problem

PROBLEM_JSON = "application/problem+json"
HEADERS = {
    "RateLimit-Policy": "The quotas: `q` requests in `w` seconds, for an address and for a token.",
    "RateLimit": "What is left of them: `r` requests for the next `t` seconds.",
}
OF_A_REFUSAL = {
    "Retry-After": ("Seconds until the same request may come again.", "integer"),
    "Allow": ("The methods that there are.", "string"),
}


class StorefrontAPI(NinjaAPI):
    @property
    def urls(self) -> tuple[list[URLPattern | URLResolver], str, str]:
        paths, app, namespace = super().urls
        return with_problems(paths), app, namespace

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        return self._document

    @cached_property
    def _document(self) -> OpenAPISchema:
        """Put together when it is first asked for: it is the same until the next release."""
        document = super().get_openapi_schema()
        _define_problem(document["components"])
        for methods in document["paths"].values():
            for operation in methods.values():
                _tell(operation)
        return document


def _define_problem(components: dict[str, Any]) -> None:
    problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= problem.pop("$defs") | {"ProblemOut": problem}
    # Of no operation: what answers where there is none.
    components["responses"] = {
        PROBLEMS[name].type: _refusal(HTTPStatus(PROBLEMS[name].status), {name: PROBLEMS[name]}) for name in ANYWHERE
    }


def _tell(operation: dict[str, Any]) -> None:
    says = OPERATIONS[operation["operationId"]]
    for answer in operation["responses"].values():
        if not says.kept:
            answer["headers"] = _quotas()
        if "content" in answer:
            answer["content"]["application/json"]["example"] = says.answers
    for parameter in operation["parameters"]:
        parameter["example"] = PARAMETERS[parameter["name"]]
    if "requestBody" in operation:
        operation["requestBody"]["content"]["application/json"]["example"] = says.takes
    by_status: dict[int, dict[str, Problem]] = defaultdict(dict)
    for name in (*says.refuses, *EVERYWHERE):
        by_status[PROBLEMS[name].status][name] = PROBLEMS[name]
    for status, problems in sorted(by_status.items()):
        operation["responses"][status] = _refusal(HTTPStatus(status), problems)


def _refusal(status: HTTPStatus, problems: dict[str, Problem]) -> dict[str, Any]:
    types = dict.fromkeys(f"`{problem.type}`" for problem in problems.values())
    examples = {name: {"value": problem.as_json()} for name, problem in problems.items()}
    told: dict[str, Any] = {
        "description": f"{status.phrase}: {', '.join(types)}",
        "headers": _quotas(),
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemOut"}, "examples": examples}},
    }
    for name, (meaning, kind) in OF_A_REFUSAL.items():
        if all(name in problem.headers for problem in problems.values()):
            told["headers"][name] = _header(meaning, type=kind)
    return told


def _quotas() -> dict[str, Any]:
    return {name: _header(meaning) for name, meaning in HEADERS.items()}


def _header(description: str, *, type: str = "string") -> dict[str, Any]:  # noqa: A002  # JSON Schema's word
    return {"description": description, "schema": {"type": type}}
