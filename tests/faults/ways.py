"""What a fan does, each a way of its own: how they pay, where they stop, and what they wait for."""

import random
from collections.abc import Iterator
from itertools import islice

import httpx

from tests.faults.buyers import BANK, DECLINED, GOOD, Fan, Way


def pays(fan: Fan) -> None:
    fan.order(GOOD)


def clicks_twice(fan: Fan) -> None:
    fan.order(GOOD, twins=3)


def loses_the_reply(fan: Fan) -> None:
    fan.order(GOOD, hang_up=True)


def is_declined_and_goes(fan: Fan) -> None:
    fan.order(DECLINED)


def is_declined_then_pays(fan: Fan) -> None:
    _another_card(fan, fan.order(DECLINED))


def has_no_card_and_goes(fan: Fan) -> None:
    fan.order("")


def has_no_card_then_pays(fan: Fan) -> None:
    _another_card(fan, fan.order(""))


def pays_on_the_other_page(fan: Fan) -> None:
    fan.pay_on_the_other_page(fan.order(DECLINED))


def passes_the_bank(fan: Fan) -> None:
    token = fan.order(BANK)
    fan.answer_the_bank(token, fan.intent_of(token), "complete")


def fails_at_the_bank(fan: Fan) -> None:
    token = fan.order(BANK)
    fan.answer_the_bank(token, fan.intent_of(token), "fail")


def passes_the_bank_too_late(fan: Fan) -> None:
    """Their order has ended: what they could have paid was closed before, and the bank's yes moves no money."""
    token = fan.order(BANK)
    intent = fan.intent_of(token)
    fan.wait_for_the_end(token)
    fan.answer_the_bank(token, intent, "complete")


def changes_their_mind(fan: Fan) -> None:
    fan.cancel(fan.order(""))


def picks_up(fan: Fan) -> None:
    fan.order_to_pick_up()


def never_goes_to_the_bank(fan: Fan) -> None:
    fan.order(BANK)


def leaves_a_cart(fan: Fan) -> None:
    """Puts it aside and closes the tab."""
    with httpx.Client(base_url=fan.crowd.shop, trust_env=False, verify=False, timeout=10) as browser:  # noqa: S501
        try:
            fan.crowd.heard(browser.get(f"/drops/{fan.crowd.slug}/"))
            values = {"sku": fan.sku, "quantity": "1", "csrfmiddlewaretoken": browser.cookies.get("csrftoken", "")}
            fan.crowd.heard(browser.post(f"/drops/{fan.crowd.slug}/cart/", data=values))
        except httpx.HTTPError as error:
            fan.crowd.heard_nothing(error)


def takes_up_an_offer(fan: Fan) -> None:
    place = fan.join_the_list()
    fan.wait_for_an_offer(place)
    fan.order_from(fan.take_up(place), GOOD)


def takes_up_an_offer_and_passes_the_bank(fan: Fan) -> None:
    place = fan.join_the_list()
    fan.wait_for_an_offer(place)
    token = fan.order_from(fan.take_up(place), BANK)
    fan.answer_the_bank(token, fan.intent_of(token), "complete")


def takes_up_an_offer_and_is_declined(fan: Fan) -> None:
    """What they let go goes to the next in line."""
    place = fan.join_the_list()
    fan.wait_for_an_offer(place)
    fan.order_from(fan.take_up(place), DECLINED)


def lets_an_offer_pass(fan: Fan) -> None:
    fan.wait_for_an_offer(fan.join_the_list())


def gives_an_offer_back(fan: Fan) -> None:
    place = fan.join_the_list()
    fan.wait_for_an_offer(place)
    fan.leave_the_list(place)


def leaves_the_list(fan: Fan) -> None:
    fan.leave_the_list(fan.join_the_list())


def _another_card(fan: Fan, token: str) -> None:
    fan.asked_for("pay", token)
    while (card := fan._card(GOOD)) is None:
        fan._pause(1.0)
    fan.post(f"/orders/{token}/card", confirmation_token=card)


MIX: dict[Way, int] = {
    pays: 8,
    clicks_twice: 2,
    loses_the_reply: 2,
    is_declined_and_goes: 1,
    is_declined_then_pays: 2,
    has_no_card_and_goes: 1,
    has_no_card_then_pays: 1,
    changes_their_mind: 1,
    pays_on_the_other_page: 2,
    passes_the_bank: 3,
    passes_the_bank_too_late: 1,
    fails_at_the_bank: 1,
    never_goes_to_the_bank: 1,
    leaves_a_cart: 1,
    picks_up: 3,
    takes_up_an_offer: 4,
    takes_up_an_offer_and_passes_the_bank: 1,
    takes_up_an_offer_and_is_declined: 1,
    lets_an_offer_pass: 1,
    gives_an_offer_back: 1,
    leaves_the_list: 1,
}


def mix(size: int) -> list[Way]:
    """So many ways, the same every time."""
    return list(islice(_decks(random.Random(size)), size))


def _decks(chance: random.Random) -> Iterator[Way]:
    deck = [way for way, share in MIX.items() for _ in range(share)]
    while True:
        chance.shuffle(deck)
        yield from deck
