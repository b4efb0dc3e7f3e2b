"""The OpenAPI document and the API itself say the same, whatever is sent. Schemathesis makes it up and compares."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, settings as examples
from pydantic import TypeAdapter
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from checkout import carts, storefront_schemas
from checkout.pricing import Wanted
from checkout.storefront_api import api
from checkout.storefront_document import PROBLEM_JSON
from checkout.tests import fan
from checkout.tests.test_payments import clock
from drops.models import Drop
from merchant.models import StoreProfile

pytestmark = pytest.mark.django_db(transaction=True)
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
    *((403, name) for name in ("pass-required", "restricted")),
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
        told = answer.json()
        operation = DOCUMENT["paths"][case.operation.path][case.operation.method]
        assert (told["status"], told["type"]) in {(each["status"], each["type"]) for each in problems(operation)}


@pytest.fixture
def robe(shop: StoreProfile) -> Drop:
    """A live drop with more than all of these requests can hold."""
    return fan.live_drop(total=100_000, hold_from="cart")


@every_operation
@same_each_time
def test_a_stranger_gets_no_answer_that_is_not_documented(robe: Drop, case: Any) -> None:
    named(case, case.call_and_validate(excluded_checks=EXCEPT))


@every_operation
@same_each_time
def test_who_holds_the_tokens_gets_none_either(robe: Drop, case: Any) -> None:
    _, cart_token = carts.start(robe, [Wanted("ROBE-M", 1)], now=clock())
    known = {
        "slug": robe.slug,
        "token": fan.orders(robe, at=clock(), contact=fan.somebody(f"{uuid4().hex}@example.com")).token,
    }
    case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
    case.headers["Authorization"] = f"Bearer {cart_token}"
    named(case, case.call_and_validate(excluded_checks=EXCEPT))


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
