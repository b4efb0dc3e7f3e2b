"""A crowd in front of a drop: each fan wants a thing in their own way, and none of them can trust the network.

They know only what a fan knows, the shop's addresses and the provider's. Every answer of the shop is counted, and what
no fan should ever see (a 500, two answers to one key) is a complaint.
"""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from checkout.sandbox.errors import Json
from tests.faults.mailbox import key_of_a_place

GOOD, DECLINED, BANK = "pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_threeDSecure2Required"
ENDED = ("expired", "cancelled")
HOSTED_CARD = {"number": "4242424242424242", "expiry": "12/40", "cvc": "123", "country": "US", "postal_code": "12345"}
ADDRESS = {"line1": "Long Street 1", "city": "Springfield", "postal_code": "12345", "region": "CA", "country": "US"}
# Refusals that a fan tries again: units in others' carts may come back, and a busy shop asks for it.
TRY_AGAIN = {"in-other-carts", "idempotency-in-flight", "try-again", "total-changed"}


class Impatient(Exception):
    """This fan has waited for as long as they would, and goes."""


@dataclass
class Crowd:
    """Fans with their ways, arriving within so many seconds and patient for so many."""

    shop: str
    provider: str
    slug: str
    skus: tuple[str, ...]
    ways: "Sequence[Way]"
    arriving: float
    patience: float
    answers: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    promised: dict[str, str] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _futures: list[Future[None]] = field(default_factory=list)

    def __enter__(self) -> "Crowd":
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self.http = httpx.Client(trust_env=False, verify=False, timeout=20, limits=limits)  # noqa: S501  # plain HTTP
        self.started = time.monotonic()
        self._pool = ThreadPoolExecutor(self.size)
        fans = [Fan(self, number, way) for number, way in enumerate(self.ways)]
        self._futures = [self._pool.submit(fan.come) for fan in fans]
        return self

    @property
    def size(self) -> int:
        return len(self.ways)

    def __exit__(self, *_: object) -> None:
        self.gone()
        self._pool.shutdown()
        self.http.close()

    def gone(self) -> None:
        """Wait until everybody has what they wanted, or has given up. Raises what went wrong in a fan."""
        for future in self._futures:
            future.result(self.arriving + 3 * self.patience)

    def all_came(self) -> bool:
        """Whether the last of them has arrived."""
        return time.monotonic() > self.started + self.arriving

    def left(self) -> bool:
        """Whether everybody has gone home."""
        return all(future.done() for future in self._futures)

    def heard(self, answer: httpx.Response) -> str:
        """Count an answer of the shop; returns the name of its problem, or its status."""
        name = str(answer.status_code)
        if answer.headers.get("content-type", "").startswith("application/problem+json"):
            name = str(answer.json()["type"])
        with self._lock:
            self.answers[f"{answer.status_code} {name}" if name != str(answer.status_code) else name] += 1
            if answer.status_code >= 500 and (answer.status_code != 503 or "retry-after" not in answer.headers):
                self.complaints.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
        return name

    def heard_nothing(self, error: httpx.HTTPError, key: str = "") -> None:
        """Count a request without an answer; an order's is remembered by its ``key``."""
        with self._lock:
            self.answers[f"no reply: {type(error).__name__}"] += 1
            self.unanswered.update([key] if key else [])

    @property
    def answered_later(self) -> int:
        """Orders whose first request got no reply, and which the same key brought all the same."""
        return len(self.unanswered & self.promised.keys())

    def promise(self, key: str, token: str) -> None:
        with self._lock:
            if self.promised.setdefault(key, token) != token:
                self.complaints.append("two orders for one key")

    def promise_a_place(self, token: str) -> None:
        with self._lock:
            if token in self.places:
                self.complaints.append("one place for two people")
            self.places.add(token)


class Fan:
    """One fan with an address of their own."""

    def __init__(self, crowd: Crowd, number: int, way: "Way") -> None:
        self.crowd, self.way = crowd, way
        self.email = f"fan-{number}@{crowd.slug}.example.com"
        self.chance = random.Random(number)  # the same crowd every time
        self.sku = crowd.skus[number % len(crowd.skus)]
        self.arrives = crowd.started + crowd.arriving * number / crowd.size
        self.leaves = self.arrives + crowd.patience

    def come(self) -> None:
        time.sleep(max(0.0, self.arrives - time.monotonic()))  # people come one after the other
        try:
            self.way(self)
        except Impatient:
            return

    # --- ordering ------------------------------------------------------------------------------------------------

    def order(self, card: str, *, twins: int = 1, hang_up: bool = False) -> str:
        """Quote and order, the same key until it is answered. Returns the order's token; raises Impatient."""
        token = self._card(card) if card else None
        return self._order({"confirmation_token": token}, twins=twins, hang_up=hang_up)

    def order_to_pick_up(self) -> str:
        """The same without a card: it is paid at the desk."""
        return self._order({"payment_method": "pickup"}, shipping="pickup")

    def order_from(self, cart: str, card: str) -> str:
        """What an offer holds, by its cart's token."""
        token = self._card(card) if card else None
        return self._order({"confirmation_token": token}, cart=cart)

    def _order(
        self, payment: Json, *, shipping: str = "standard", twins: int = 1, hang_up: bool = False, cart: str = ""
    ) -> str:
        while True:
            body, key = self._agreed(shipping) | payment, uuid.uuid4().hex
            if hang_up:
                self._send_and_hang_up(body, key)
            answer = self._twins(body, key, twins) if twins > 1 else self._until_answered(body, key, cart)
            if isinstance(answer, str):
                return answer
            self._pause(1.0)

    def _until_answered(self, body: Json, key: str, cart: str = "") -> str | None:
        """The token of the order; None when the fan has to begin again. Raises Impatient when there is no hope."""
        headers = {"Idempotency-Key": key} | ({"Authorization": f"Bearer {cart}"} if cart else {})
        while True:
            answer = self._ask("POST", self._orders(), json=body, headers=headers)
            problem = self.crowd.heard(answer) if answer is not None else "no reply"
            if answer is not None and answer.status_code == 201:
                self.crowd.promise(key, answer.json()["token"])
                return str(answer.json()["token"])
            if problem == "total-changed":
                return None
            if problem != "no reply" and problem not in TRY_AGAIN:
                raise Impatient
            self._pause(4.0 if problem == "in-other-carts" else 2.0)

    def _twins(self, body: Json, key: str, number: int) -> str | None:
        """A double click: the same request several times in the same moment."""
        with ThreadPoolExecutor(number) as fingers:
            answers = [fingers.submit(self._until_answered, body, key) for _ in range(number)]
        return next((answer.result() for answer in answers if answer.exception() is None), None)

    def _send_and_hang_up(self, body: Json, key: str) -> None:
        try:
            answer = self.crowd.http.post(
                self._orders(),
                json=body,
                headers={"Idempotency-Key": key},
                timeout=httpx.Timeout(5, read=self.chance.uniform(0.001, 0.05)),
            )
            self.crowd.heard(answer)
        except httpx.HTTPError as error:
            self.crowd.heard_nothing(error, key)

    def _agreed(self, shipping: str) -> Json:
        lines = [{"sku": self.sku, "quantity": 1}]
        wanted = {"lines": lines, "country": "US", "shipping_option": shipping}
        while True:
            answer = self._ask("POST", f"{self.crowd.shop}/api/v1/drops/{self.crowd.slug}/quote", json=wanted)
            if answer is not None and self.crowd.heard(answer) == "200":
                break
            self._pause(1.0)
        quote = answer.json()
        policies = [{"id": each["id"], "sha256": each["sha256"], "accepted": True} for each in quote["policies"]]
        person = {"email": self.email, "name": "A Fan", "address": ADDRESS, "shipping_option": shipping}
        return person | {
            "lines": lines, "quote": quote["quote"], "agreed_total": quote["total"], "policies": policies,
        }  # fmt: skip

    def _card(self, name: str) -> str | None:
        """A payment token from the provider; None when it does not answer, and the fan orders without."""
        try:
            answer = self.crowd.http.post(
                f"{self.crowd.provider}/v1/test_helpers/confirmation_tokens",
                data={"payment_method": name},
                headers={"Authorization": "Bearer sk_test_frontrow"},
            )
        except httpx.HTTPError:
            return None
        return str(answer.json()["id"]) if answer.is_success else None

    # --- waiting for what comes back ---------------------------------------------------------------------------------

    def join_the_list(self) -> str:
        """The key of a place, which comes by e-mail, once nothing is on sale. Raises Impatient. Who waits in line has
        half the patience of others, and may be asked when they have gone."""
        self.leaves = self.arrives + self.crowd.patience / 2
        wanted = {"sku": self.sku, "quantity": 1, "email": self.email}
        while True:
            answer = self._ask("POST", f"{self.crowd.shop}/api/v1/drops/{self.crowd.slug}/waiting-list", json=wanted)
            problem = self.crowd.heard(answer) if answer is not None else "no reply"
            if problem == "202":
                return self._key_from_the_mail()
            if problem not in ("no reply", "still-there", "try-again"):
                raise Impatient
            self._pause(2.0)

    def _key_from_the_mail(self) -> str:
        while not (key := key_of_a_place(self.email)):
            self._pause(1.0)
        self.crowd.promise_a_place(key)
        return key

    def wait_for_an_offer(self, place: str) -> None:
        """Until it is held for them. Raises Impatient, also when their turn has passed."""
        while True:
            answer = self._ask("GET", self._place(place))
            if answer is not None and self.crowd.heard(answer) == "200":
                if answer.json()["offered_until"]:
                    return
                if answer.json()["state"] not in ("waiting", "offered"):
                    raise Impatient
            self._pause(1.0)

    def take_up(self, place: str) -> str:
        """By the button on the place's page: the token of the cart in which it is held. Raises Impatient."""
        while True:
            answer = self.post(f"/waiting/{place}/buy")
            if answer is not None and answer.status_code == 303:
                return str(answer.cookies[f"frontrow_cart_{self.crowd.slug}"])
            if answer is not None and answer.status_code == 302:
                raise Impatient  # its time has ended
            self._pause(1.0)

    def leave_the_list(self, place: str) -> None:
        """Pressed again while the shop does not answer. Raises Impatient."""
        while (answer := self._ask("DELETE", self._place(place))) is None or self.crowd.heard(answer) == "try-again":
            self._pause(1.0)

    def _place(self, place: str) -> str:
        return f"{self.crowd.shop}/api/v1/waiting-list/{place}"

    # --- afterwards ------------------------------------------------------------------------------------------------

    def asked_for(self, kind: str, token: str) -> Json:
        """Wait until the order's page asks for a card (`pay`) or for the bank. Raises Impatient."""
        while True:
            answer = self._ask("GET", f"{self.crowd.shop}/api/v1/orders/{token}")
            if answer is not None and self.crowd.heard(answer) == "200":
                order = answer.json()
                if order["status"] in ("confirmed", *ENDED):
                    raise Impatient
                if (action := order["next_action"]) and action["type"] == kind:
                    return dict(action)
            self._pause(2.0)

    def post(self, path: str, **values: Any) -> httpx.Response | None:
        answer = self._ask("POST", self.crowd.shop + path, data=values)
        if answer is not None:
            self.crowd.heard(answer)
        return answer

    def wait_for_the_end(self, token: str) -> None:
        """Until the order is over, one way or the other. Raises Impatient."""
        while True:
            answer = self._ask("GET", f"{self.crowd.shop}/api/v1/orders/{token}")
            known = answer is not None and self.crowd.heard(answer) == "200"
            if answer is not None and known and answer.json()["status"] in ENDED:
                return
            self._pause(2.0)

    def cancel(self, token: str) -> None:
        """By the button on the order's page, pressed again while the provider does not answer. Raises Impatient."""
        while (answer := self.post(f"/orders/{token}/cancel")) is None or answer.status_code != 302:
            self._pause(2.0)

    def intent_of(self, token: str) -> str:
        """What the bank asks about, once it does. Raises Impatient."""
        return str(self.asked_for("use_stripe_sdk", token)["client_secret"].partition("_secret")[0])

    def answer_the_bank(self, token: str, intent: str, outcome: str) -> None:
        """3-D Secure, then back to the shop."""
        address = f"{self.crowd.provider}/sandbox/payment_intents/{intent}/authenticate"
        self._ask("POST", address, json={"outcome": outcome})
        self._come_back(token)

    def pay_on_the_other_page(self, token: str) -> None:
        """The provider's own page, by a form; asked for again while it cannot be had."""
        self.asked_for("pay", token)
        while (answer := self.post(f"/orders/{token}/pay")) is None or answer.status_code == 503:
            self._pause(1.0)
        if answer.headers.get("location", "").startswith(self.crowd.provider):
            self._ask("POST", answer.headers["location"], data=HOSTED_CARD | {"email": self.email})
            self._come_back(token)

    def _come_back(self, token: str) -> None:
        answer = self._ask("GET", f"{self.crowd.shop}/orders/{token}/returned/")
        if answer is not None:
            self.crowd.heard(answer)

    def _orders(self) -> str:
        return f"{self.crowd.shop}/api/v1/drops/{self.crowd.slug}/orders"

    def _ask(self, method: str, url: str, **more: Any) -> httpx.Response | None:
        """None when no answer came."""
        try:
            return self.crowd.http.request(method, url, **more)
        except httpx.HTTPError as error:
            if url.startswith(self.crowd.shop):
                self.crowd.heard_nothing(error, more.get("headers", {}).get("Idempotency-Key", ""))
            return None

    def _pause(self, seconds: float) -> None:
        if time.monotonic() > self.leaves:
            raise Impatient
        time.sleep(seconds * self.chance.uniform(0.5, 1.5))  # a person looks again after a moment


Way = Callable[[Fan], None]
