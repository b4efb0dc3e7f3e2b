"""The OpenAPI document and the API itself say the same, whatever is sent. Schemathesis makes it up and compares."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client
from hypothesis import HealthCheck, settings as examples
from pydantic import TypeAdapter
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from checkout import carts, storefront_schemas, waiting_list
from checkout.pricing import Wanted
from checkout.storefront_api import api
from checkout.storefront_document import PROBLEM_JSON
from checkout.tests import fan
from checkout.tests.test_payments import clock
from checkout.tests.test_storefront_api import body_of
from checkout.tokens import place_token
from drops.models import Drop, StockItem
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)
GONE = "ROBE-S"
MOST = 12  # requests made up for an operation, and as many again by a token's holder
GENERATION = GenerationConfig(deterministic=True, max_examples=MOST)
CONFIG = schemathesis.Config(projects=ProjectsConfig(default=ProjectConfig(generation=GENERATION)))
schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler(), config=CONFIG)
every_operation = schema.parametrize()
same_each_time = examples(
    max_examples=MOST, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


# What is right in form may be wrong in the shop: no such country, no such SKU. That is a documented 422.
EXCEPT = [positive_data_acceptance]


CONTRACT = {
    (400, "idempotency-key-missing"),
    (403, "restricted"),
    (404, "not-found"),
    *((409, name) for name in ("sold-out", "in-other-carts", "limit-reached", "not-open", "total-changed")),
    *((409, name) for name in ("policy-changed", "hold-expired", "idempotency-in-flight")),
    *((422, name) for name in ("invalid", "age-required", "policy-unanswered", "idempotency-key-reused")),
    (429, "slow-down"),
    (503, "try-again"),
}
DOCUMENT = json.loads(json.dumps(api.get_openapi_schema()))
EACH = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]


def problems(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The refusals that an operation documents, as they are answered."""
    for answer in operation["responses"].values():
        for example in (
            answer["content"].get(PROBLEM_JSON, {}).get("examples", {}).values() if "content" in answer else ()
        ):
            yield example["value"]


def named(case: Any, answer: Any) -> None:
    """A refusal is of a type that the document names for this operation."""
    if answer.headers.get("content-type") == [PROBLEM_JSON]:
        told, methods = answer.json(), DOCUMENT["paths"][case.operation.path]
        if case.method.lower() not in methods:  # schemathesis tries the others, too
            assert (told["status"], told["type"]) == (405, "method-not-allowed")
            return
        operation = methods[case.operation.method]
        assert (told["status"], told["type"]) in {(each["status"], each["type"]) for each in problems(operation)}


@pytest.fixture
def robe(shop: StoreProfile) -> Drop:
    """A live drop with more than all of these requests can hold, and a size that is sold out."""
    drop = fan.live_drop(total=100_000, skus=("ROBE-M", GONE), hold_from="cart")
    StockItem.objects.filter(code=GONE).update(total=0)
    return drop


def somebody() -> str:
    return f"{uuid4().hex}@example.com"


def place_of(drop: Drop) -> str:
    """The token of a new place in line."""
    place = waiting_list.join(drop, GONE, 1, somebody(), now=clock()).place
    assert place is not None
    return place_token(place.token_nonce)


@every_operation
@same_each_time
def test_a_stranger_gets_no_answer_that_is_not_documented(robe: Drop, case: Any) -> None:
    named(case, case.call_and_validate(excluded_checks=EXCEPT))


@every_operation
@same_each_time
def test_who_holds_the_tokens_gets_none_either(robe: Drop, case: Any) -> None:
    _, cart_token = carts.start(robe, [Wanted("ROBE-M", 1)], now=clock())
    waits = case.operation.path.startswith("/api/v1/waiting-list/")
    token = place_of(robe) if waits else fan.orders(robe, at=clock(), contact=fan.somebody(somebody())).token
    known = {"slug": robe.slug, "token": token}
    case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
    case.headers["Authorization"] = f"Bearer {cart_token}"
    named(case, case.call_and_validate(excluded_checks=EXCEPT))


def answered(method: str, path: str, **given: Any) -> Any:
    """What the API says to a request that is right, held to the document."""
    answer = schema[f"/api/v1{path}"][method].Case(**given).call_and_validate()
    return answer.status_code, answer.json()


def test_what_is_asked_rightly_is_answered_as_documented(robe: Drop) -> None:
    """Requests that are made up never hit a true quote, nor what is sold out."""
    slug, json_body = {"slug": robe.slug}, "application/json"
    wanted = {"lines": [{"sku": "ROBE-M", "quantity": 1}], "country": "US"}
    status, quote = answered("POST", "/drops/{slug}/quote", path_parameters=slug, body=wanted, media_type=json_body)
    assert status == 200
    ordering = {"path_parameters": slug, "body": body_of(quote), "media_type": json_body}
    key = {"Idempotency-Key": uuid4().hex}
    status, placed = answered("POST", "/drops/{slug}/orders", headers=key, **ordering)
    assert status == 201
    for path, method in (("", "GET"), ("/returned", "POST"), ("/cancel", "POST")):
        token = {"token": placed["token"]}
        assert answered(method, f"/orders/{{token}}{path}", path_parameters=token)[0] == 200
    joining = {"path_parameters": slug, "media_type": json_body, "body": {"sku": GONE, "email": somebody()}}
    status, asked = answered("POST", "/drops/{slug}/waiting-list", **joining)
    assert (status, asked["state"]) == (202, "asked")
    assert answered("POST", "/drops/{slug}/waiting-list", **joining)[0] == 202
    tokens = {"token": asked["token"]}, {"token": place_of(robe)}
    assert [answered("GET", "/waiting-list/{token}", path_parameters=token)[0] for token in tokens] == [200, 200]
    assert answered("DELETE", "/waiting-list/{token}", path_parameters=tokens[1])[0] == 200


@pytest.mark.parametrize("operation", EACH, ids=lambda operation: operation["operationId"])
def test_every_example_is_a_true_one(operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            shape = shape_of(content["schema"])
            if kind == PROBLEM_JSON:
                assert {each["value"]["status"] for each in content["examples"].values()} == {int(status)}
                for each in content["examples"].values():
                    shape.validate_python(each["value"])
            else:
                shape.validate_json(json.dumps(content["example"]), strict=True)
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        shape_of(content["schema"]).validate_json(json.dumps(content["example"]))
    assert all(parameter["example"] for parameter in operation["parameters"])


def shape_of(schema: dict[str, Any]) -> "TypeAdapter[Any]":
    """The type that the document's schema was made of."""
    many = schema.get("type") == "array"
    name = (schema["items"] if many else schema)["$ref"].rsplit("/", 1)[-1]
    one: Any = getattr(storefront_schemas, name)
    return TypeAdapter(list[one] if many else one)


def test_every_refusal_of_the_public_contract_is_named_with_an_example() -> None:
    named_types = {(each["status"], each["type"]) for operation in EACH for each in problems(operation)}
    assert named_types >= CONTRACT
    assert named_types - CONTRACT == {
        (400, "invalid"),
        (401, "token-unknown"),
        (409, "already-ordered"),
        (409, "being-paid"),
        (409, "cannot-cancel"),
        (409, "no-waiting-list"),
        (409, "not-waiting"),
        (409, "nothing-to-pay"),
        (409, "still-there"),
        (413, "too-large"),
    }


@pytest.mark.parametrize("documented", DOCUMENT["paths"])
def test_a_method_that_an_address_does_not_take_is_a_problem(robe: Drop, documented: str) -> None:
    path = documented.format(slug="winter-robe", token="no-token")
    taken = {method.upper() for method in DOCUMENT["paths"][documented]}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - taken:
        answer = Client().generic(method, path)
        assert (answer.status_code, answer["Content-Type"]) == (405, PROBLEM_JSON)
        assert set(answer["Allow"].split(", ")) == taken
        assert answer.json()["type"] == "method-not-allowed"
        assert "RateLimit" in answer.headers


@pytest.mark.parametrize("path", ["", "nonsense", "cart/", "drops/", "drops/winter-robe/quote/", "orders", "cart/x/y"])
def test_what_is_no_address_of_the_api_is_a_problem(robe: Drop, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = Client().generic(method, f"/api/v1/{path}")
        assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM_JSON)
        assert answer.json()["type"] == "not-found"


def test_both_are_in_the_document() -> None:
    answers = DOCUMENT["components"]["responses"]
    assert set(answers) == {"not-found", "method-not-allowed"}
    assert "Allow" in answers["method-not-allowed"]["headers"]
    assert all(f"`{name}`" in DOCUMENT["info"]["description"] for name in answers)


def test_what_is_left_is_said_by_each_answer_but_by_what_is_kept_for_everybody(robe: Drop) -> None:
    """As documented: refusals say it, too."""
    for path, method, answer in (
        ("/api/v1/shop", "get", Client().get("/api/v1/shop")),
        ("/api/v1/drops", "get", Client().get("/api/v1/drops")),
        ("/api/v1/cart", "get", Client().get("/api/v1/cart")),
        ("/api/v1/drops/{slug}", "get", Client().get("/api/v1/drops/no-such-drop")),
    ):
        documented = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)].get("headers", {})
        assert ("RateLimit" in documented, "RateLimit-Policy" in documented) == ("RateLimit" in answer.headers,) * 2
    assert "headers" not in DOCUMENT["paths"]["/api/v1/shop"]["get"]["responses"]["200"]
