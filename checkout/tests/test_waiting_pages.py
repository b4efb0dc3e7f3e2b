"""The waiting list's pages, as a browser without JavaScript sees them, and as htmx does."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from checkout import expiry, waiting_list, waiting_offers
from checkout.models import Order
from checkout.tests import fan
from checkout.tests.test_pages import CONTACT, form_of
from checkout.tests.test_waiting_list import comes_back, gone, join, state
from checkout.tokens import place_token
from checkout.waiting_models import PlaceState, WaitingPlace
from drops.models import Drop, DropState, Offer
from merchant import moving_windows
from merchant.models import StoreProfile
from segments import opt_in
from segments.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["gone"]
LIST = "/drops/winter-robe/waiting/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _nobody_joined_yet() -> None:
    moving_windows.forget(waiting_list.NAME)
    opt_in.forget_counts()


def form(**changes: Any) -> dict[str, Any]:
    return {"sku": "ROBE-M", "quantity": "1", "email": "fan@example.com"} | changes


def page_of(place: WaitingPlace, more: str = "") -> str:
    return f"/waiting/{place_token(place.token_nonce)}/{more}"


def test_a_sold_out_drop_offers_its_list(gone: Drop) -> None:
    page = Client().get("/drops/winter-robe/").content.decode()
    assert f'href="{LIST}">Sold out? Join the waiting list</a>' in page
    Drop.objects.update(state=DropState.SOLD_OUT)
    Client().get("/drops/winter-robe/")
    page = Client().get(LIST).content.decode()
    assert "Join the waiting list" in page
    assert '<option value="ROBE-M"' in page


def test_from_the_list_to_an_order_without_javascript(gone: Drop, now: datetime) -> None:
    browser = Client()
    answer = browser.post(LIST, form())
    place = WaitingPlace.objects.get()
    assert answer.status_code == 303
    asked = browser.get(answer["Location"])
    assert (asked.status_code, asked["Referrer-Policy"]) == (200, "no-referrer")
    assert "Look in your mail" in asked.content.decode()
    assert "Robe, M" in asked.content.decode()
    assert page_of(place) in Message.objects.get().text
    page = browser.get(page_of(place))
    assert "You are number 1 in line" in page.content.decode()
    assert (page["Referrer-Policy"], "no-store" in page["Cache-Control"]) == ("no-referrer", True)
    comes_back("b")
    waiting_offers.sweep(now)
    assert "It is yours for now" in browser.get(page_of(place)).content.decode()

    other = Client()  # opened from the e-mail, on another device
    answer = other.post(page_of(place, "buy"))
    assert (answer.status_code, answer["Location"]) == (303, "/drops/winter-robe/checkout/")
    checkout = other.get(answer["Location"]).content.decode()
    assert "Robe, M" in checkout
    answer = other.post("/drops/winter-robe/checkout/", form_of(checkout) | CONTACT)
    assert answer.status_code == 303
    assert (Order.objects.count(), fan.counts()) == (1, (3, 0, 0))
    page_now = other.get(page_of(place)).content.decode()
    assert "You took it" in page_now
    assert answer["Location"] in page_now


def test_looking_at_the_link_changes_nothing(gone: Drop, now: datetime) -> None:
    """A scanner of the mail opens every link in it."""
    place = join(gone, "first", now)
    comes_back("b")
    waiting_offers.sweep(now)
    scanner = Client()
    for more in ("", "buy", "leave"):
        looked = scanner.get(page_of(place, more))
        assert (looked.status_code, looked.get("Location", page_of(place))) in (
            (200, page_of(place)),
            (302, page_of(place)),
        )
    assert (state(place), fan.counts()) == (PlaceState.OFFERED, (3, 0, 0))
    assert "frontrow_cart_winter-robe" not in scanner.cookies


def test_the_answer_is_the_same_whoevers_address_is_typed(shop: StoreProfile, now: datetime) -> None:
    """Nobody learns from an address who bought, or who waits."""
    drop = fan.live_drop(total=2)
    fan.placed(drop, ("ROBE-M", 2), at=now, contact=fan.somebody("bought@example.com"))
    waits = join(drop, "waits", now)
    answers, pages = [], []
    for name in ("bought", "waits", "stranger"):
        answer = Client().post(LIST, form(email=f"{name}@example.com"))
        answers.append((answer.status_code, answer.content, sorted(answer.headers), len(answer["Location"])))
        page = Client().get(answer["Location"]).content.decode()
        token = answer["Location"].split("/")[2]
        pages.append(re.sub(r'data-server-now="[^"]+"', "", page.replace(token, "")))
        for more in ("buy", "leave"):
            assert Client().post(answer["Location"] + more).status_code == 404
    assert answers == [answers[0]] * 3
    assert pages == [pages[0]] * 3
    assert place_token(waits.token_nonce) not in pages[1]
    assert (state(waits), WaitingPlace.objects.count()) == (PlaceState.WAITING, 2)


def test_the_page_about_having_asked_says_when_the_drop_is_over(gone: Drop) -> None:
    page = Client().post(LIST, form())["Location"]
    assert "Join again" in Client().get(page).content.decode()
    Drop.objects.update(state=DropState.CLOSED)
    told = Client().get(page).content.decode()
    assert "The drop is over" in told
    assert "Join again" not in told
    Offer.objects.all().delete()
    assert Client().get(page).status_code == 404


def test_htmx_swaps_the_form_and_goes_to_the_place(gone: Drop) -> None:
    browser = Client()
    wrong = browser.post(LIST, form(email="nobody"), headers=HTMX)
    assert wrong.status_code == 422
    assert wrong.content.decode().lstrip().startswith('<section id="waiting"')
    answer = browser.post(LIST, form(), headers=HTMX)
    assert "Look in your mail" in browser.get(answer["HX-Redirect"]).content.decode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"email": "nobody"}, "Enter an e-mail address like name@example.com."),
        ({"email": "a" * 300 + "@example.com"}, "Enter an e-mail address like name@example.com."),
        ({"email": "fan\x00@example.com"}, "Enter an e-mail address like name@example.com."),
        ({"quantity": "3"}, "Choose a number from 1 to 2."),
        ({"quantity": "0"}, "Choose a number from 1 to 2."),
        ({"quantity": "-1"}, "Choose a number."),
        ({"quantity": "²"}, "Choose a number."),
        ({"quantity": "9" * 400}, "Choose a number."),
        ({"sku": ""}, "Choose what you wait for."),
        ({"sku": "\x00"}, "Choose what you wait for."),
        ({"sku": "NO-SUCH"}, "This is not sold in this drop."),
    ],
)
def test_bad_input_is_said_beside_its_field(gone: Drop, changes: dict[str, str], message: str) -> None:
    answer = Client().post(LIST, form(**changes))
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert (WaitingPlace.objects.count(), Message.objects.count()) == (0, 0)


def test_what_is_on_sale_needs_no_list(gone: Drop) -> None:
    comes_back("b")
    assert "Nothing to wait for" in Client().get(LIST).content.decode()
    answer = Client().post(LIST, form())
    assert (answer.status_code, WaitingPlace.objects.count()) == (409, 0)
    assert "It is on sale right now" in answer.content.decode()


def test_a_drop_without_a_list_says_so(gone: Drop) -> None:
    Drop.objects.update(waiting_list=False)
    assert "waiting list" not in Client().get("/drops/winter-robe/").content.decode().lower()
    assert "There is no waiting list here" in Client().get(LIST).content.decode()
    assert Client().post(LIST, form()).status_code == 409
    Drop.objects.update(waiting_list=True, state=DropState.CLOSED)
    assert "There is no waiting list now" in Client().get(LIST).content.decode()
    Drop.objects.update(state=DropState.DRAFT)
    assert Client().get(LIST).status_code == 404


def test_leaves_and_is_told_so(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now)
    assert "You left the list" in Client().post(page_of(place, "leave"), follow=True).content.decode()
    again = Client().post(page_of(place, "leave"))
    assert "This place on the list is over." in again.content.decode()
    assert Client().get("/waiting/nobody/").status_code == 404


def test_an_offer_that_ran_out_says_so_before_any_sweep_came(gone: Drop, now: datetime) -> None:
    place = join(gone, "first", now - timedelta(hours=1))
    comes_back("b")
    waiting_offers.serve(now - timedelta(hours=1))
    page = Client().get(page_of(place)).content.decode()
    assert "Your time ended" in page
    assert Client().post(page_of(place, "buy"))["Location"] == page_of(place)
    expiry.sweep(now)
    waiting_offers.sweep(now)
    assert "Join again" in Client().get(page_of(place)).content.decode()


def test_one_address_cannot_fill_the_list(gone: Drop, settings: Any) -> None:
    settings.JOINS_PER_ADDRESS_AN_HOUR = 2
    answers = [Client().post(LIST, form(email=f"{n}@example.com")) for n in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert "Try again in 60 min" in answers[2].content.decode()
    assert WaitingPlace.objects.count() == 2
