"""The shapes of the storefront API. Money is minor units, times are UTC in ISO 8601.

Plain pydantic models: they are read from JSON and from dictionaries, so that what ninja's own schemas do for Django's
objects would be work for nothing, in every order.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

Short = Annotated[str, StringConstraints(max_length=200)]
Sku = Annotated[str, StringConstraints(min_length=1, max_length=40)]
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


class QuoteIn(BaseModel):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=20)]
    country: Country | None = None
    address: AddressIn | None = None
    shipping_option: Short = "standard"
    email: Short | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$")] = "en"


class LineOut(BaseModel):
    sku: str
    title: str
    quantity: int
    unit_price: MoneyOut
    total: MoneyOut


class ShippingOut(BaseModel):
    code: str
    title: str
    note: str
    price: MoneyOut


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


class VerdictOut(BaseModel):
    allowed: bool
    reason: str


class QuoteOut(BaseModel):
    quote: str
    lines: list[LineOut]
    shipping_options: list[ShippingOut]
    shipping_option: str
    subtotal: MoneyOut
    shipping: MoneyOut
    tax: MoneyOut
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
    birth_date: Short | None = None
    policies: Annotated[list[PolicyAnswer], Field(max_length=50)] = []
    confirmation_token: Annotated[str, StringConstraints(max_length=120)] | None = None
    invite: Short | None = None
    payment_method: Literal["card", "pickup"] = "card"
    seen: Annotated[str, StringConstraints(max_length=20_000)] = ""


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
    type: str
    client_secret: str | None = None
    url: str | None = None


class OrderOut(BaseModel):
    reference: str
    status: str
    headline: str
    explanation: str
    next_step: str
    total: MoneyOut
    money_state: str
    refunded: MoneyOut
    hold_expires_at: datetime | None
    lines: list[LineOut]
    timeline: list[DeedOut]
    next_action: NextActionOut | None


class OfferOut(BaseModel):
    sku: str
    title: str
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


class DropDetailOut(DropOut):
    offers: list[OfferOut]
    policies: list[PolicyOut]


class StockOut(BaseModel):
    version: int
    phase: str
    stock: dict[str, dict[str, int]]


class ProblemOut(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
