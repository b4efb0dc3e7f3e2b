"""Pages of other sites at the API: those that the merchant named, no other, and never with a cookie."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from merchant.admin import OriginsField
from merchant.models import StoreProfile
from merchant.roles import OWNER
from merchant.store import forget_store
from merchant.tests.staff import signed_in

pytestmark = pytest.mark.django_db
BRAND = "https://brand.example"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(autouse=True)
def _shop() -> None:
    forget_store()
    StoreProfile.objects.create(pk=1, name="Shop", allowed_origins=[BRAND])


def ask(origin: str, path: str = "/api/v1/drops", **headers: str) -> Any:
    return Client().get(path, headers={"origin": origin} | headers)


def preflight(origin: str, path: str = "/api/v1/drops/winter-robe/orders") -> Any:
    wanted = {"access-control-request-method": "POST", "access-control-request-headers": "idempotency-key,content-type"}
    return Client().options(path, headers={"origin": origin} | wanted)


def test_a_named_site_may_read_and_is_told_what_is_left() -> None:
    answer = ask(BRAND)
    assert (answer[ALLOW], answer["Vary"]) == (BRAND, "origin")
    assert "RateLimit" in answer["Access-Control-Expose-Headers"]
    assert "Retry-After" in answer["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer
    assert ask(BRAND, "/api/v1/orders/guess")[ALLOW] == BRAND, "a refusal can be read, too"


@pytest.mark.parametrize(
    "origin", ["https://other.example", "http://brand.example", "https://brand.example:444", "null", "nonsense", "\x00"]
)
def test_no_other_site_may(origin: str) -> None:
    assert ALLOW not in ask(origin)
    assert ALLOW not in preflight(origin)


def test_a_preflight_is_answered_at_once_and_kept(django_assert_num_queries: Any) -> None:
    forget_store()
    with django_assert_num_queries(1):  # the shop's profile, kept for seconds
        answer = preflight(BRAND)
        preflight(BRAND)
    assert (answer.status_code, answer[ALLOW], answer["Access-Control-Max-Age"]) == (200, BRAND, "7200")
    assert {"idempotency-key", "authorization", "content-type"} <= set(
        answer["Access-Control-Allow-Headers"].split(", ")
    )
    assert {"GET", "POST", "PUT", "DELETE"} == set(answer["Access-Control-Allow-Methods"].split(", "))


def test_nothing_but_the_api_is_open_to_others() -> None:
    for path in ("/", "/policies/", "/admin/login/"):
        assert ALLOW not in ask(BRAND, path)


@pytest.mark.parametrize(
    ("typed", "origins"),
    [
        ("", []),
        ("https://Brand.example/shop?x=1", [BRAND]),
        (f"{BRAND}\n{BRAND}:443, https://two.example:8443", [BRAND, "https://two.example:8443"]),
        ("http://127.0.0.1:9000", ["http://127.0.0.1:9000"]),
        ("https://bücher.example", ["https://xn--bcher-kva.example"]),
    ],
)
def test_sites_are_typed_as_people_paste_them(typed: str, origins: list[str]) -> None:
    assert OriginsField(required=False).clean(typed) == origins


@pytest.mark.parametrize(
    "typed",
    [
        "brand.example",
        "*",
        "http://brand.example",
        "null",
        "https://",
        "ftp://x.example",
        "https://a b",
        "https://[::1",
        "https://x:99999",
    ],
)
def test_what_is_no_site_is_refused_with_a_reason(typed: str) -> None:
    with pytest.raises(ValidationError, match=r"https://"):
        OriginsField(required=False).clean(typed)


def test_too_many_sites_are_refused() -> None:
    with pytest.raises(ValidationError, match="At most 20"):
        OriginsField(required=False).clean("\n".join(f"https://{number}.example" for number in range(21)))


def test_the_merchant_names_sites_at_the_desk() -> None:
    client = signed_in(OWNER)
    page = client.get("/admin/merchant/storeprofile/1/change/")
    form = page.context["adminform"].form
    given = {name: form[name].value() for name in form.fields}
    typed = {name: value for name, value in given.items() if value or value == 0}
    typed["allowed_origins"] = "https://brand.example\nhttps://two.example/page"
    assert client.post("/admin/merchant/storeprofile/1/change/", typed).status_code == 302
    assert StoreProfile.objects.get().allowed_origins == [BRAND, "https://two.example"]
