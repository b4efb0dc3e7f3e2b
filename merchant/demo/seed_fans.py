"""The demo's fans: plainly made up, numbered, the same at every seeding. In bulk: fifty thousand are no trouble."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from merchant.demo.seed_catalogue import UPCOMING
from segments.models import Channel, Consent, Fan, Footprint, FootprintKind

BATCH = 5_000
LEAST_FANS = 300  # the orders belong to the first of them
PLACES = [
    ("DE", ""),
    ("DE", "BE"),
    ("DE", "BY"),
    ("AT", ""),
    ("FR", ""),
    ("NL", ""),
    ("DK", ""),
    ("SE", ""),
    ("CH", ""),
    ("GB", ""),
]
EARLIER = ("drop:first-robe", "drop:summer-linen", "drop:rain-poncho", "drop:wool-socks")
ASKED = "Write to me when a drop begins. I can stop it at any time."
ASKED_SMS = "Send me a text message ten minutes before a drop."


def email_of(number: int) -> str:
    return f"fan{number:04d}@example.com"


def seed_fans(wanted: int, now: datetime) -> int:
    """Bring the fans up to ``wanted``, each with a history; returns how many are new."""
    there = Fan.objects.filter(email__regex=r"^fan\d+@example\.com$").count()
    for first in range(there + 1, wanted + 1, BATCH):
        _seed_batch(range(first, min(first + BATCH, wanted + 1)), now)
    return max(0, wanted - there)


def _seed_batch(numbers: range, now: datetime) -> None:
    dice = {number: random.Random(f"7:{number}") for number in numbers}  # noqa: S311  # the same fans at every seeding
    fans = Fan.objects.bulk_create(_fan(number, dice[number], now) for number in numbers)
    consents: list[Consent] = []
    footprints: list[Footprint] = []
    for number, fan in zip(numbers, fans, strict=True):
        consents.extend(_consents(fan, dice[number], now))
        footprints.extend(_footprints(fan, number, dice[number], now))
    Consent.objects.bulk_create(sorted(consents, key=lambda consent: consent.at), batch_size=BATCH)
    Footprint.objects.bulk_create(sorted(footprints, key=lambda footprint: footprint.at), batch_size=BATCH)


def _fan(number: int, dice: random.Random, now: datetime) -> Fan:
    country, region = dice.choice(PLACES)
    # 01632 960xxx is a range that Ofcom keeps for fiction.
    phone = f"+441632960{dice.randrange(1000):03d}" if dice.random() < 0.25 else ""
    return Fan(
        email=email_of(number),
        name=f"Fan {number:04d}",
        phone=phone,
        country=country,
        region=region,
        created_at=now - timedelta(days=dice.uniform(30, 700)),
    )


def _consents(fan: Fan, dice: random.Random, now: datetime) -> Iterator[Consent]:
    if dice.random() < 0.72:
        yield Consent(fan=fan, channel=Channel.EMAIL, granted=True, source="checkout", wording=ASKED, at=fan.created_at)
        if dice.random() < 0.12:
            later = fan.created_at + (now - fan.created_at) * dice.random()
            yield Consent(fan=fan, channel=Channel.EMAIL, granted=False, source="preferences", wording=ASKED, at=later)
    if fan.phone and dice.random() < 0.5:
        yield Consent(
            fan=fan, channel=Channel.SMS, granted=True, source="preferences", wording=ASKED_SMS, at=fan.created_at
        )


def _footprints(fan: Fan, number: int, dice: random.Random, now: datetime) -> Iterator[Footprint]:
    for subject in EARLIER:
        kind = dice.choices([FootprintKind.PURCHASED, FootprintKind.ABANDONED, None], weights=[28, 10, 62])[0]
        if kind:
            yield Footprint(
                fan=fan,
                kind=kind,
                subject=subject,
                amount_minor=dice.choice([2900, 6900, 9900, 11900, 14800]) if kind == FootprintKind.PURCHASED else None,
                key=f"demo:{number}:{subject}",
                at=fan.created_at + (now - timedelta(days=12) - fan.created_at) * dice.random(),
            )
    if dice.random() < 0.24:
        at = now - timedelta(hours=dice.uniform(1, 80))
        subject = f"drop:{UPCOMING}"
        yield Footprint(fan=fan, kind=FootprintKind.SIGNED_UP, subject=subject, key=f"demo:{number}:told", at=at)
