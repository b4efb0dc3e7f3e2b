"""The demo shop itself: a loungewear maker, its things, and four drops in four moments of their lives."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from checkout.models import Discount, PickupPoint, ShippingRate, ShippingZone, TaxRate
from checkout.totals import tables
from checkout.totals.models import DiscountKind
from drops import catalog, stock
from drops.models import Drop, DropKind, DropState, Picture, Product, Variant
from drops.scheduling import set_window
from merchant import journal
from merchant.demo.seed_journal import Story
from merchant.models import StoreProfile
from merchant.money import Money
from merchant.store import forget_store

CURRENCY, ZONE = "EUR", ZoneInfo("Europe/Berlin")
LIVE, UPCOMING, CLOSED, STANDING = "winter-robe", "spring-pyjama", "autumn-slippers", "evening-candle"
# Title, countries, price, how long it takes, free from. The first one is also sent by express.
ZONES: tuple[tuple[str, list[str], int, str, int | None], ...] = (
    ("Germany", ["DE"], 600, "2–3 working days", 15000),
    ("Neighbours", ["AT", "BE", "CH", "DK", "FR", "NL", "PL"], 990, "3–5 working days", 25000),
    ("Everywhere else we send to", [], 1490, "4–8 working days", None),
)
TAXES = (("DE", 1900), ("AT", 2000), ("FR", 2000), ("NL", 2100), ("BE", 2100), ("DK", 2500), ("SE", 2500), ("IT", 2200))
SOURCES = Path(settings.BASE_DIR) / "static" / "demo"


def seed_shop() -> None:
    StoreProfile.objects.get_or_create(
        pk=1,
        defaults={
            "name": "Evenfall",
            "tagline": "Loungewear in small runs, sold live.",
            "story": (
                "We are three people and two sewing machines. Every few weeks we finish one thing, say when it goes on"
                " sale, and make no more of it afterwards.\n\nThis is a demonstration: the shop is made up, the parcels"
                " never leave, and no card is charged."
            ),
            "logo": _copied("logo.svg", "logo"),
            "accent": "#8a3b2e",
            "currency": CURRENCY,
            "country": "DE",
            "timezone": ZONE.key,
            "support_email": "help@example.com",
            "return_days": 14,
            "postal_address": "Evenfall, Long Street 1, 10115 Berlin",
            "ships_to": ["DE", "AT", "FR", "NL", "BE", "DK", "SE", "IT", "ES", "PL", "CH", "GB"],
            "shipping_minor": 600,
            "tax_basis_points": 1900,
        },
    )
    forget_store()


def seed_totals(now: datetime) -> None:
    """Delivery, tax and discounts as a shop in Germany has them; all of it, or nothing where there is some already."""
    if ShippingZone.objects.exists() or TaxRate.objects.exists() or Discount.objects.exists():
        return
    for position, (title, countries, price, note, free_from) in enumerate(ZONES):
        zone = ShippingZone.objects.create(title=title, countries=countries, position=position)
        rate = ShippingRate(zone=zone, code="standard", title="Standard delivery", note=note)
        rate.price_minor, rate.free_from_minor = price, free_from
        rate.save()
        if countries == ["DE"]:
            ShippingRate.objects.create(
                zone=zone, code="express", title="Express", note="The next working day", price_minor=1290, position=1
            )
    note = "Long Street 1, Berlin, Tue to Sat 11 to 19"
    PickupPoint.objects.create(code="workshop", title="Collect at the workshop", note=note, country="DE")
    TaxRate.objects.bulk_create(TaxRate(title="VAT", country=code, basis_points=rate) for code, rate in TAXES)
    Discount.objects.create(title="Ten percent for you", code="EVENFALL10", basis_points=1000, limit_per_person=1)
    Discount.objects.create(
        title="Five euros to start with",
        code="HELLO5",
        kind=DiscountKind.AMOUNT,
        amount_minor=500,
        least_minor=5000,
        currency=CURRENCY,
        limit_in_all=100,
        ends_at=now + timedelta(days=60),
    )
    tables.forget()


@dataclass(frozen=True)
class Thing:
    slug: str
    title: str
    tags: tuple[str, ...]
    description: str
    pictures: tuple[tuple[str, str], ...]
    variants: tuple[tuple[str, str, int, int], ...]  # SKU, title, grams, units


THINGS = (
    Thing(
        "winter-robe",
        "The Winter Robe",
        ("robe", "sleepwear"),
        "Double-faced wool and cotton, shawl collar, pockets deep enough for a book.",
        (
            ("robe-1.svg", "A rust-red robe on a wooden hook, its belt hanging loose"),
            ("robe-2.svg", "The shawl collar from close up: thick, soft, stitched twice"),
            ("robe-3.svg", "The robe folded over the arm of a chair in the morning light"),
        ),
        (("ROBE-S", "S", 980, 24), ("ROBE-M", "M", 1020, 48), ("ROBE-L", "L", 1070, 40), ("ROBE-XL", "XL", 1120, 16)),
    ),
    Thing(
        "felt-slippers",
        "Felt Slippers",
        ("slippers",),
        "Grey wool felt with a leather sole that is quiet on stairs.",
        (("slippers-1.svg", "A pair of grey felt slippers beside a rug"),),
        (("SLIP-38", "38", 300, 30), ("SLIP-40", "40", 310, 48), ("SLIP-42", "42", 320, 30)),
    ),
    Thing(
        "linen-pyjama",
        "The Linen Pyjama",
        ("sleepwear",),
        "Washed linen, mother-of-pearl buttons, piped in the colour of clay.",
        (("pyjama-1.svg", "A linen pyjama, folded, tied with a ribbon"),),
        (("PYJ-S", "S", 420, 40), ("PYJ-M", "M", 440, 60), ("PYJ-L", "L", 460, 50)),
    ),
    Thing(
        "evening-candle",
        "The Evening Candle",
        ("candle",),
        "Rapeseed wax, cedar and dried orange. Forty hours.",
        (("candle-1.svg", "A candle in a ribbed glass, just lit"),),
        (("CANDLE", "220 g", 520, 140),),
    ),
    Thing(
        "winter-set",
        "Robe and slippers",
        ("robe", "slippers"),
        "The robe in M with slippers in 40, in one box.",
        (("robe-3.svg", "The robe folded over the arm of a chair"), ("slippers-1.svg", "Grey felt slippers")),
        (("SET-M40", "M with 40", 1330, 0),),
    ),
)


@dataclass(frozen=True)
class Plan:
    """A drop of the demo. Times are hours from now, rounded to the full hour in the shop's zone."""

    slug: str
    title: str
    strapline: str
    story: str
    cover: tuple[str, str]
    state: DropState
    starts_in: float
    lasts: float | None
    offers: tuple[tuple[str, int, int], ...]  # SKU, price, limit
    kind: DropKind = DropKind.TIMED
    ships_in_days: int | None = None
    note: str = ""


PLANS = (
    Plan(
        CLOSED,
        "Autumn Slippers",
        "Ninety-six pairs, gone in an afternoon.",
        "Felt from one flock in the Rhön, soles cut from belts that never became belts.",
        ("cover-autumn.svg", "Grey felt slippers on a stair with fallen leaves"),
        DropState.CLOSED,
        -9 * 24,
        48,
        (("SLIP-38", 6900, 2), ("SLIP-40", 6900, 2), ("SLIP-42", 6900, 2)),
    ),
    Plan(
        STANDING,
        "The Evening Candle",
        "Poured every Monday. Always here.",
        "The one thing we never stop making: forty hours of cedar and dried orange.",
        ("candle-1.svg", "A candle in a ribbed glass, just lit"),
        DropState.LIVE,
        -90 * 24,
        None,
        (("CANDLE", 2900, 4),),
        kind=DropKind.STANDING,
    ),
    Plan(
        LIVE,
        "The Winter Robe",
        "One hundred and twenty-eight, then never again.",
        (
            "It took us two winters to find the cloth: wool outside, cotton against the skin, woven as one.\n\n"
            "The belt is cut on the bias, so it stays tied. The pockets hold a paperback. It has no logo.\n\n"
            "**Care.** Air it. If you must, wash it cold and lay it flat."
        ),
        ("cover-winter.svg", "A rust-red robe at a window with snow outside"),
        DropState.LIVE,
        -20,
        6 * 24,
        (
            ("ROBE-S", 14800, 2),
            ("ROBE-M", 14800, 2),
            ("ROBE-L", 14800, 2),
            ("ROBE-XL", 14800, 2),
            ("SET-M40", 19900, 1),
        ),
        note="I wanted one that survives a toddler and a first coffee. This one has, for a year.",
    ),
    Plan(
        UPCOMING,
        "The Spring Pyjama",
        "Linen that has already been washed for you.",
        "We wash the cloth before we cut it, so that it never shrinks and is soft on the first night.",
        ("cover-spring.svg", "A folded linen pyjama beside a branch in blossom"),
        DropState.SCHEDULED,
        26,
        48,
        (("PYJ-S", 11900, 2), ("PYJ-M", 11900, 2), ("PYJ-L", 11900, 2)),
        ships_in_days=45,
        note="The piping is dyed with madder from a garden behind the workshop. It fades the way jeans do.",
    ),
)
BUNDLES = {"SET-M40": ("ROBE-M", "SLIP-40")}
ALLOCATIONS = {(CLOSED, "SLIP-40"): 36}  # the other twelve pairs were kept for the winter set


def seed_things() -> None:
    for thing in THINGS:
        product, new = Product.objects.get_or_create(
            slug=thing.slug,
            defaults={"title": thing.title, "description": thing.description, "tags": list(thing.tags)},
        )
        if new:
            _fill(product, thing)


def _fill(product: Product, thing: Thing) -> None:
    for position, (name, alt) in enumerate(thing.pictures):
        Picture.objects.create(product=product, file=_copied(name, "pictures"), alt=alt, position=position)
    for position, (sku, title, grams, units) in enumerate(thing.variants):
        Variant.objects.create(product=product, sku=sku, title=title, weight_grams=grams, position=position)
        if units:
            stock.add_item(sku, units)


def seed_drops(now: datetime, story: Story) -> None:
    """Every drop in its moment. Their journal tells the moves at the times when they would have been made."""
    for plan in PLANS:
        starts = _full_hour(now + timedelta(hours=plan.starts_in))
        ends = starts + timedelta(hours=plan.lasts) if plan.lasts else None
        drop, new = Drop.objects.get_or_create(slug=plan.slug, defaults=_fields(plan, starts, ends))
        if new:
            _offer(drop, plan)
            set_window(drop)
            _tell(drop, starts, ends, now, story)


def _fields(plan: Plan, starts: datetime, ends: datetime | None) -> dict[str, object]:
    cover, alt = plan.cover
    return {
        "title": plan.title,
        "strapline": plan.strapline,
        "story": plan.story,
        "creator_name": "The workshop" if plan.note else "",
        "creator_note": plan.note,
        "cover": _copied(cover, "covers"),
        "cover_alt": alt,
        "kind": plan.kind,
        "state": plan.state,
        "starts_at": starts,
        "ends_at": ends,
        "ship_date": (starts + timedelta(days=plan.ships_in_days)).date() if plan.ships_in_days else None,
    }


def _offer(drop: Drop, plan: Plan) -> None:
    variants = {variant.sku: variant for variant in Variant.objects.all()}
    for sku, price, limit in plan.offers:
        parts = [(variants[part], 1) for part in BUNDLES.get(sku, (sku,))]
        share = ALLOCATIONS.get((drop.slug, sku))
        catalog.add_bundle(drop, variants[sku], parts, price=Money(price, CURRENCY), limit=limit, allocation=share)


def _tell(drop: Drop, starts: datetime, ends: datetime | None, now: datetime, story: Story) -> None:
    subject, owner, manager = f"drop:{drop.pk}", journal.staff("owner"), journal.staff("manager")
    planned = min(starts, now) - timedelta(days=6)
    story.tell(planned, subject, "drafted", actor=manager)
    story.tell(planned + timedelta(days=2), subject, "edited", actor=manager, why="story, cover, ends_at")
    story.tell(planned + timedelta(days=3), subject, "scheduled", actor=owner)
    if drop.state != DropState.SCHEDULED:
        story.tell(starts, subject, "started", actor=journal.WORKER)
    if drop.state == DropState.CLOSED and ends:
        story.tell(ends, subject, "ended", actor=journal.WORKER)


def _full_hour(at: datetime) -> datetime:
    return at.astimezone(ZONE).replace(minute=0, second=0, microsecond=0)


def _copied(name: str, folder: str) -> str:
    """Put one of the demo's pictures among the merchant's files; its name there, or nothing while it does not exist."""
    source, target = SOURCES / name, Path(settings.MEDIA_ROOT) / folder / name
    if not source.exists():
        return ""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return f"{folder}/{name}"
