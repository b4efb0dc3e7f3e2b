"""The shapes of the storefront API. Money is minor units, times are UTC in ISO 8601.

Plain pydantic models: they are read from JSON and from dictionaries, so that what ninja's own schemas do for Django's
objects would be work for nothing, in every order.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

Short = Annotated[str, StringConstraints(max_length=200)]
Sku = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Code = Annotated[str, StringConstraints(max_length=40)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$")]


class MoneyOut(BaseModel):
    amount: int
    currency: str


class MoneyIn(BaseModel):
    amount: Annotated[int, Field(ge=0, le=10**11)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class LineIn(BaseModel):
    sku: Sku
    quantity: Annotated[int, Field(ge=1, le=50)]


class AddressIn(BaseModel):
    line1: Short
    line2: Short = ""
    city: Short
    postal_code: Short = ""
    region: Short = ""
    country: Country


class DestinationIn(BaseModel):
    """What delivery, tax and the rules ask of an address. The rest of it may be sent, and is not read."""

    country: Country
    region: Short = ""
    postal_code: Short = ""


class CartIn(BaseModel):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=20)]


class CartLinesIn(BaseModel):
    lines: Annotated[list[LineIn], Field(max_length=20, description="All that the cart shall hold; empty: nothing.")]


class CardIn(BaseModel):
    confirmation_token: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,120}$"), Field(description="Made by Stripe.js: `ctoken_…`.")
    ]


class QuoteIn(BaseModel):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=20)]
    country: Annotated[Country | None, Field(description="While nothing more is known; `address` says more.")] = None
    address: DestinationIn | None = None
    shipping_option: Short = "standard"
    discount_code: Code = ""
    email: Annotated[Short | None, Field(description="Some discounts are for a person once.")] = None
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$")] = "en"


class LineOut(BaseModel):
    sku: str
    title: str
    quantity: int
    unit_price: MoneyOut
    total: MoneyOut


class CartLineOut(LineOut):
    limit: Annotated[int, Field(description="The most for one person.")]
    available: Annotated[int, Field(description="What others have left, beside the units that this cart holds.")]


class HoldOut(BaseModel):
    state: Annotated[
        Literal["held", "ended", "none"],
        Field(description="`none`: this drop holds units from the order on, or the cart is empty."),
    ]
    expires_at: datetime | None
    seconds_left: Annotated[int, Field(description="By the server's clock: count down from here.")]
    prolong_minutes: Annotated[int, Field(description="How much longer the hold may be made; 0 at its cap.")]


class CartOut(BaseModel):
    drop: str
    lines: list[CartLineOut]
    subtotal: MoneyOut | None
    hold: HoldOut
    server_now: datetime


class CartStartedOut(CartOut):
    token: Annotated[str, Field(description="Show it as `Authorization: Bearer …`. It is not told a second time.")]


class ShippingOut(BaseModel):
    code: str
    title: str
    note: str
    price: MoneyOut


class DiscountOut(BaseModel):
    """What was taken off, and why; ``code`` is empty for one that applies by itself."""

    title: str
    code: str
    amount: MoneyOut


class PolicyOut(BaseModel):
    """``because``: why it applies here; nothing, to every order. ``fallback``: no translation is published."""

    id: str
    kind: str
    sha256: str
    title: str
    summary: str
    html: str
    box_wording: str
    language: str
    fallback: bool
    because: list[str]
    mandatory: bool
    url: Annotated[str, Field(description="The page of this very version, there for good.")]


class VerdictOut(BaseModel):
    """May it go there? ``minimum_age`` and ``age_proof`` (birth_date, attestation): what the order has to show;
    ``age_question`` asks for it in words."""

    allowed: bool
    reason: str
    minimum_age: int | None = None
    age_proof: Literal["birth_date", "attestation"] | None = None
    age_question: str | None = None


class QuoteOut(BaseModel):
    quote: str
    lines: list[LineOut]
    shipping_options: list[ShippingOut]
    shipping_option: str
    subtotal: MoneyOut
    shipping: MoneyOut
    discount: MoneyOut
    discounts: list[DiscountOut]
    discount_code: str
    discount_problem: Annotated[str, Field(description="Why the code that was sent takes nothing off.")]
    takes_codes: Annotated[bool, Field(description="Whether the shop has codes at all: then show a field for one.")]
    tax: Annotated[MoneyOut, Field(description="Inside `total`; with `tax_included` inside the prices, too.")]
    tax_title: str
    tax_included: bool
    tax_source: Literal["table", "stripe"]
    total: MoneyOut
    policies: list[PolicyOut]
    verdict: VerdictOut
    expires_at: datetime


class PolicyAnswer(BaseModel):
    id: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,60}/v[0-9]{1,9}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    accepted: bool | None = None


class OrderIn(BaseModel):
    quote: Annotated[str, StringConstraints(max_length=20_000)]
    agreed_total: MoneyIn
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=20)]
    email: Short
    phone: Short | None = None
    name: Short
    address: AddressIn
    shipping_option: Short = "standard"
    birth_date: Annotated[Short | None, Field(description="Where the quote asks for it: 1990-12-31. Not kept.")] = None
    of_age: Annotated[bool, Field(description="Where the quote asks for a box: ticked.")] = False
    policies: Annotated[list[PolicyAnswer], Field(max_length=50)] = []
    confirmation_token: Annotated[str, StringConstraints(max_length=120)] | None = None
    discount_code: Annotated[Code, Field(description="As the quote has it.")] = ""
    invite: Short | None = None
    payment_method: Literal["card", "pickup"] = "card"
    seen: Annotated[
        str,
        StringConstraints(max_length=20_000),
        Field(description="What `policy-changed` brought, as it came: it proves what the fan had read before."),
    ] = ""


class PlacedOut(BaseModel):
    token: str
    status: str
    total: MoneyOut
    hold_expires_at: datetime
    status_url: str


class DeedOut(BaseModel):
    at: datetime
    text: str


class NextActionOut(BaseModel):
    """What only the fan can do. `use_stripe_sdk`: hand `client_secret` to `stripe.handleNextAction`, then say that they
    are back. `pay`: send another card, or lead them to `url`."""

    type: Literal["use_stripe_sdk", "pay"]
    client_secret: str | None = None
    url: str | None = None


class OrderOut(BaseModel):
    reference: str
    status: str
    headline: str
    explanation: str
    next_step: str
    subtotal: MoneyOut
    shipping: MoneyOut
    shipping_title: str
    discount: MoneyOut
    discounts: list[DiscountOut]
    tax: MoneyOut
    tax_included: bool
    total: MoneyOut
    money_state: str
    refunded: MoneyOut
    hold_expires_at: datetime | None
    lines: list[LineOut]
    timeline: list[DeedOut]
    next_action: NextActionOut | None
    can_cancel: bool


class JoinIn(BaseModel):
    """Who waits for how many of what. Several are offered only when all of them are there."""

    sku: Sku
    quantity: Annotated[int, Field(ge=1, le=50)] = 1
    email: Short


class PlaceOut(BaseModel):
    """``number``: which one in line, from 1; null where the place is not in line. ``offered_until``: while it is held.

    ``token`` is the place's key and ``page_url`` its page, which leads on to the checkout. ``state`` ``asked`` is no
    place: who typed an address need not be its owner, so the place's key goes there by e-mail, and ``token`` and
    ``page_url`` lead to what was asked for alone.
    """

    token: str
    state: str
    sku: str
    quantity: int
    number: int | None
    headline: str
    explanation: str
    offered_until: datetime | None
    page_url: str


class ShopOut(BaseModel):
    """What a storefront needs to know before anybody buys."""

    name: str
    tagline: str
    accent: Annotated[str, Field(description="The shop's colour as `#rrggbb`, readable on light paper.")]
    on_accent: Annotated[str, Field(description="What reads on it.")]
    accent_dark: Annotated[str, Field(description="The same for dark paper.")]
    on_accent_dark: str
    currency: str
    country: str
    countries: Annotated[list[str], Field(description="Where it sends to, ISO 3166.")]
    support_email: str
    policies_url: str
    stripe_js: Annotated[str, Field(description="Load Stripe.js from here and from nowhere else.")]
    publishable_key: str
    excluded_payment_methods: Annotated[
        list[str],
        Field(
            description="Mount the Payment Element with them as `excludedPaymentMethodTypes`: what this shop does not "
            "take, though its Stripe account could."
        ),
    ]


class OfferOut(BaseModel):
    sku: str
    title: str
    picture_url: Annotated[str, Field(description="Empty where there is none.")]
    picture_alt: str
    price: MoneyOut
    available: int
    in_carts: int
    limit: int


class DropOut(BaseModel):
    slug: str
    title: str
    strapline: str
    phase: str
    kind: str
    starts_at: datetime | None
    ends_at: datetime | None
    url: str
    cover_url: Annotated[str, Field(description="Empty where there is none.")]
    cover_alt: str


class DropDetailOut(DropOut):
    live_url: Annotated[
        str, Field(description="An event stream of stock and phase; its messages are `StockOut` and more.")
    ]
    server_now: datetime
    capture_method: Annotated[
        Literal["automatic", "manual"],
        Field(description="Mount the Payment Element with it as `captureMethod`: with another one no card is taken."),
    ]
    offers: list[OfferOut]
    policies: list[PolicyOut]
    waiting_list_url: Annotated[
        str, Field(description="A page to wait on for what is gone; empty where this drop has no list.")
    ]


class StockLineOut(BaseModel):
    available: int
    in_carts: int


class StockOut(BaseModel):
    version: int
    phase: str
    stock: Annotated[dict[str, StockLineOut], Field(description="By SKU.")]


class PieceOut(BaseModel):
    kind: Annotated[Literal["same", "ins", "del", "gap"], Field(description="`gap`: much that stayed is left out.")]
    text: str


class ChangeOut(BaseModel):
    """A text that changed since the fan answered it: its id and digest now and before, and what stayed, came or went.

    The ids are the same where only a value that is filled in moved. ``headlines`` are the changes in short.
    """

    id: str
    was: str
    sha256: str
    was_sha256: str
    change: str
    change_summary: str
    headlines: list[str]
    pieces: list[PieceOut]


class ProblemOut(BaseModel):
    """A refusal, as in RFC 9457. Decide by `type`; show `detail` to a person. The other fields come where they help."""

    type: str
    title: str
    status: int
    detail: str
    errors: Annotated[dict[str, str], Field(description="With `invalid`: what is wrong, by field.")] | None = None
    fresh: (
        Annotated[QuoteOut, Field(description="With `total-changed` and `policy-changed`: what holds now.")] | None
    ) = None
    seen: Annotated[str, Field(description="With `policy-changed`: the next order brings it back.")] | None = None
    changes: (
        Annotated[list[ChangeOut], Field(description="With `policy-changed`: what is another text now.")] | None
    ) = None
    minimum_age: Annotated[int, Field(description="With `age-required`: in years.")] | None = None
    proof: Annotated[str, Field(description="With `age-required`: `birth_date` or `attestation`.")] | None = None
    missing: Annotated[list[str], Field(description="With `policy-unanswered`: the texts' ids.")] | None = None
    opens_at: Annotated[datetime, Field(description="With `not-open`: when it opens.")] | None = None
    token: Annotated[str, Field(description="With `already-ordered`: the order's.")] | None = None
    status_url: Annotated[str, Field(description="With `already-ordered`: where the order is.")] | None = None
