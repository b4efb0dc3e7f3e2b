"""The examples of the OpenAPI document. Those of refusals are told by the same table that tells the real ones."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from checkout import errors as e
from checkout.rate_limits import too_fast
from checkout.refusals import problem_of
from checkout.storefront_orders import key_missing
from checkout.storefront_problems import method_not_allowed, not_found, too_large, unreadable
from checkout.storefront_reading import token_unknown
from checkout.waiting_queries import STORIES
from drops import errors as d
from merchant.problems import Problem
from policies.ages import AgeAsked
from policies.restrictions import Verdict

WINTER = datetime(2026, 11, 20, 18, tzinfo=UTC)
REFUSED = Verdict(allowed=False, reason="We do not send to France.")
SHA256 = "4f1c6b0a5d7e8c9b2a3f40516273849506172839405a6b7c8d9e0f1a2b3c4d5e"
ORDER_TOKEN = "Zm9yLXRoZS1kb2N1bWVudC1vbmx5LS0t"  # noqa: S105  # opens nothing
MONEY, SHIPPING, TOTAL = ({"amount": amount, "currency": "USD"} for amount in (4800, 600, 5400))
NOTHING, TAX = ({"amount": amount, "currency": "USD"} for amount in (0, 862))
WANTED = [{"sku": "ROBE-M", "quantity": 1}]
LINE = {"sku": "ROBE-M", "title": "Robe, M", "quantity": 1, "unit_price": MONEY, "total": MONEY}
ADDRESS = {"line1": "Long Street 1", "city": "Springfield", "postal_code": "12345", "region": "CA", "country": "US"}
STATUS_URL = f"https://shop.example/api/v1/orders/{ORDER_TOKEN}"
POLICY = {
    "id": "returns/v3",
    "kind": "returns",
    "sha256": SHA256,
    "title": "Returns",
    "summary": "30 days to send it back.",
    "html": "<p>Send it back within <strong>30 days</strong>.</p>",
    "box_wording": "I know that I have 30 days to send it back.",
    "language": "en",
    "mandatory": True,
    "because": ["ships to United States"],
    "fallback": False,
    "url": "https://shop.example/policies/returns/v3/",
}
DROP = {
    "slug": "winter-robe",
    "title": "Winter Robe",
    "strapline": "Fifty robes, numbered.",
    "phase": "live",
    "kind": "timed",
    "starts_at": "2026-11-20T18:00:00Z",
    "ends_at": None,
    "url": "https://shop.example/drops/winter-robe/",
    "cover_url": "https://shop.example/media/covers/robe.webp",
    "cover_alt": "A robe in the snow",
}
OFFER = {
    "sku": "ROBE-M",
    "title": "Robe, M",
    "picture_url": "https://shop.example/media/pictures/robe.webp",
    "picture_alt": "The robe from the front",
    "price": MONEY,
    "available": 3,
    "in_carts": 2,
    "limit": 2,
}
QUOTE = {
    "quote": "eyJkcm9wIjoid2ludGVyLXJvYmUifQ:a-signature",
    "lines": [LINE],
    "shipping_options": [
        {"code": "standard", "title": "Standard delivery", "note": "3–5 working days", "price": SHIPPING}
    ],
    "shipping_option": "standard",
    "subtotal": MONEY,
    "shipping": SHIPPING,
    "discount": NOTHING,
    "discounts": [],
    "discount_code": "",
    "discount_problem": "",
    "takes_codes": True,
    "tax": TAX,
    "tax_title": "VAT",
    "tax_included": True,
    "tax_source": "table",
    "total": TOTAL,
    "policies": [POLICY],
    "verdict": {"allowed": True, "reason": "", "minimum_age": None, "age_proof": None, "age_question": None},
    "expires_at": "2026-11-20T18:30:00Z",
}
CHANGE = {
    "id": "returns/v3",
    "was": "returns/v2",
    "sha256": "7e0a1c52b06b9f6f7a4f4c3c1d1d8e9f0a2b3c4d5e6f708192a3b4c5d6e7f809",
    "was_sha256": "3b9c1f0e2d4a68870f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978",
    "change": "material",
    "change_summary": "30 days instead of 14.",
    "headlines": ["within 14 → 30 days"],
    "pieces": [
        {"kind": "same", "text": "Send it back within "},
        {"kind": "del", "text": "14"},
        {"kind": "ins", "text": "30"},
        {"kind": "same", "text": " days."},
    ],
}
CART = {
    "drop": "winter-robe",
    "lines": [LINE | {"limit": 2, "available": 3}],
    "subtotal": MONEY,
    "hold": {"state": "held", "expires_at": "2026-11-20T18:10:00Z", "seconds_left": 600, "prolong_minutes": 10},
    "server_now": "2026-11-20T18:00:00Z",
}
PLACED = {
    "token": ORDER_TOKEN,
    "status": "placed",
    "total": TOTAL,
    "hold_expires_at": "2026-11-20T18:10:00Z",
    "status_url": STATUS_URL,
}
ORDER = {
    "reference": "FR-7K3M9Q2DXA",
    "status": "confirmed",
    "headline": "Yours.",
    "explanation": "Paid: USD 54.00.",
    "next_step": "A confirmation is on its way to fan@example.com.",
    "subtotal": MONEY,
    "shipping": SHIPPING,
    "shipping_title": "Standard delivery",
    "discount": NOTHING,
    "discounts": [],
    "tax": TAX,
    "tax_included": True,
    "total": TOTAL,
    "money_state": "paid",
    "refunded": {"amount": 0, "currency": "USD"},
    "hold_expires_at": None,
    "lines": [LINE],
    "timeline": [{"at": "2026-11-20T18:00:05Z", "text": "Order placed and held for you"}],
    "next_action": None,
    "can_cancel": False,
}
DECLINED = ORDER | {
    "status": "action_required",
    "headline": "That card did not work",
    "money_state": "none",
    "hold_expires_at": "2026-11-20T18:10:00Z",
    "next_action": {"type": "pay", "client_secret": None, "url": f"https://shop.example/orders/{ORDER_TOKEN}/pay"},
    "can_cancel": True,
}
PLACE = {
    "token": ORDER_TOKEN,
    "state": "waiting",
    "sku": "ROBE-M",
    "quantity": 1,
    "number": 3,
    "headline": "You are number 3 in line",
    "explanation": (
        "When Robe, M comes back and it is your turn, it is held for you for 20 minutes, before it is on sale."
    ),
    "offered_until": None,
    "page_url": f"https://shop.example/waiting/{ORDER_TOKEN}/",
}
ASKED_TOKEN = "WzEsIlJPQkUtTSIsMV0:1vMxyz:Zm9yLXRoZS1kb2N1bWVudA"  # noqa: S105  # opens nothing
ASKED = PLACE | {
    "token": ASKED_TOKEN,
    "state": "asked",
    "number": None,
    "headline": "Look in your mail",
    "explanation": STORIES["asked"][1].format(what="Robe, M"),
    "page_url": f"https://shop.example/waiting/{ASKED_TOKEN}/",
}
SHOP = {
    "name": "Halden",
    "tagline": "Robes for cold mornings",
    "accent": "#8a3b2e",
    "on_accent": "#ffffff",
    "accent_dark": "#d98d7f",
    "on_accent_dark": "#161412",
    "currency": "USD",
    "country": "US",
    "countries": ["US", "DE", "CA"],
    "support_email": "help@shop.example",
    "policies_url": "https://shop.example/policies/",
    "stripe_js": "https://js.stripe.com/v3/",
    "publishable_key": "pk_live_…",
    "excluded_payment_methods": [],
}
ORDER_BODY = {
    "quote": QUOTE["quote"],
    "agreed_total": TOTAL,
    "lines": WANTED,
    "email": "fan@example.com",
    "phone": None,
    "name": "A Fan",
    "address": ADDRESS,
    "shipping_option": "standard",
    "policies": [{"id": "returns/v3", "sha256": SHA256, "accepted": True}],
    "confirmation_token": "ctoken_1QxYz",
    "discount_code": "",
    "birth_date": None,
    "of_age": False,
    "payment_method": "card",
}


def _told(error: Exception, **extra: Any) -> Problem:
    problem = problem_of(error)
    if problem is None:
        raise TypeError(f"{error!r} is no refusal")
    problem.extra |= extra
    return problem


def _policy_unanswered() -> Problem:
    told = "Please read and tick: Returns."
    return Problem("policy-unanswered", 422, told, {"missing": ["returns/v3"]})


PARAMETERS = {
    "slug": "winter-robe",
    "token": ORDER_TOKEN,
    "Idempotency-Key": "6d0f2c1e-8f0b-4d6c-9a57-0a1f4c1c2b11",
}

# By the name that an operation lists them under, which is the problem's type and, where it has several, which of them.
PROBLEMS: dict[str, Problem] = {
    "already-ordered": Problem(
        "already-ordered", 409, "This cart has become an order.", {"token": ORDER_TOKEN, "status_url": STATUS_URL}
    ),
    "age-required": _told(e.AgeRequired(AgeAsked(18, "birth_date", "spirits/v3"))),
    "being-paid": _told(e.BeingPaid()),
    "cannot-cancel": _told(e.IllegalMove()),
    "hold-expired": _told(e.HoldEnded()),
    "idempotency-in-flight": _told(e.KeyInFlight()),
    "idempotency-key-missing": key_missing(),
    "idempotency-key-reused": _told(e.KeyReused()),
    "in-other-carts": _told(d.SoldOut("ROBE-M", in_other_carts=True)),
    "invalid": _told(e.Invalid({"lines": "Choose between 1 and 50 of ROBE-M."})),
    "invalid: not sold here": _told(d.UnknownOffer("ROBE-M")),
    "method-not-allowed": method_not_allowed("GET, PUT"),
    "limit-reached": _told(d.LimitReached("ROBE-M", 2)),
    "no-waiting-list": _told(e.WaitingListOff()),
    "not-found": not_found(),
    "not-open": _told(d.NotOpen(WINTER)),
    "not-waiting": _told(e.NotWaiting()),
    "nothing-to-pay": _told(e.NothingToPay()),
    "policy-changed": _told(
        e.PoliciesChanged(None),  # type: ignore[arg-type]  # only its words are asked
        fresh=QUOTE,
        seen="eyJzZWVuIjoicmV0dXJucy92MiJ9:a-signature",
        changes=[CHANGE],
    ),
    "policy-unanswered": _policy_unanswered(),
    "restricted": _told(e.Restricted(REFUSED.reason, REFUSED)),
    "slow-down": too_fast(12),
    "slow-down: cards": _told(e.TooManyCards(240)),
    "slow-down: joins": _told(e.TooManyJoins(1800)),
    "sold-out": _told(d.SoldOut("ROBE-M", in_other_carts=False)),
    "still-there": _told(d.StillThere()),
    "token-unknown": token_unknown(),
    "too-large": too_large(),
    "total-changed": Problem(
        "total-changed", 409, "The total is USD 54.00 now. Please agree to it again.", {"fresh": QUOTE}
    ),
    "try-again": _told(e.Busy()),
    "try-again: provider": _told(e.GatewayUnavailable("away")),
    "unreadable": unreadable(),
}


class Says(NamedTuple):
    """What an operation takes and answers, by example; ``refuses`` names its problems.

    ``kept``: the answer is kept for everybody, and says nothing of who asked how often.
    """

    answers: Any
    refuses: Iterable[str] = ()
    takes: Any = None
    kept: bool = False


BODY = ("unreadable", "too-large", "invalid")
STOCK = ("sold-out", "in-other-carts", "limit-reached", "invalid: not sold here", "not-open")
ONE_CART = ("token-unknown", "already-ordered", "hold-expired")
EVERYWHERE = ("slow-down", "try-again")
ANYWHERE = ("not-found", "method-not-allowed")  # at an address that is none, with a method that it does not know
OPERATIONS: dict[str, Says] = {
    "get_shop": Says(SHOP, kept=True),
    "list_drops": Says([DROP]),
    "get_drop": Says(
        DROP
        | {"offers": [OFFER], "policies": [POLICY], "server_now": "2026-11-20T18:00:00Z", "capture_method": "automatic"}
        | {"live_url": "https://shop.example/live/winter-robe"}
        | {"waiting_list_url": "https://shop.example/drops/winter-robe/waiting/"},
        ["not-found"],
    ),
    "get_stock": Says(
        {"version": 41, "phase": "live", "stock": {"ROBE-M": {"available": 3, "in_carts": 2}}}, ["not-found"]
    ),
    "post_quote": Says(
        QUOTE,
        ["not-found", *BODY, "invalid: not sold here", "limit-reached"],
        {
            "lines": WANTED,
            "address": {"country": "US", "region": "CA", "postal_code": "90012"},
            "shipping_option": "standard",
            "discount_code": "",
            "email": "fan@example.com",
        },
    ),
    "start_cart": Says(
        CART | {"token": "Y2FydC1mb3ItdGhlLWRvY3VtZW50LW9u"}, ["not-found", *BODY, *STOCK], {"lines": WANTED}
    ),
    "get_cart": Says(CART, ONE_CART),
    "put_cart": Says(CART, [*ONE_CART, *BODY, *STOCK], {"lines": WANTED}),
    "delete_cart": Says(None, ONE_CART),
    "prolong_cart": Says(CART, [*ONE_CART, *STOCK]),
    "post_order": Says(
        PLACED,
        [
            *(
                "idempotency-key-missing",
                "token-unknown",
                "restricted",
                "not-found",
                "already-ordered",
            ),
            *("total-changed", "policy-changed", "hold-expired", "idempotency-in-flight", "idempotency-key-reused"),
            *("policy-unanswered", "age-required", "slow-down: cards", *BODY, *STOCK),
        ],
        ORDER_BODY,
    ),
    "get_order": Says(ORDER, ["not-found"]),
    "put_card": Says(
        DECLINED | {"status": "authorising", "next_action": None, "headline": "One moment, your bank is answering"},
        ["not-found", "nothing-to-pay", "slow-down: cards", *BODY],
        {"confirmation_token": "ctoken_1QxYz"},
    ),
    "post_returned": Says(ORDER, ["not-found"]),
    "cancel_order": Says(
        ORDER | {"status": "cancelled", "headline": "Cancelled", "money_state": "none"},
        ["not-found", "cannot-cancel", "being-paid", "try-again: provider"],
    ),
    "join": Says(
        ASKED,
        [
            *("not-found", "still-there", "no-waiting-list", "not-open", "slow-down: joins"),
            *BODY,
        ],
        {"sku": "ROBE-M", "quantity": 1, "email": "fan@example.com"},
    ),
    "get_place": Says(PLACE, ["not-found"]),
    "leave": Says(PLACE | {"state": "left", "number": None}, ["not-found", "not-waiting"]),
}
