"""“Tell me”: somebody leaves an address to hear of a drop, and its owner confirms it (double opt-in).

Whoever types an address learns nothing of it: known, on the list or gone from it, the answer is the same.
"""

from datetime import datetime

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet

from drops.errors import SignUpRefused
from drops.models import Drop
from drops.sign_up_models import SignUp
from merchant.store import current_store
from segments import delivery, footprints, opt_in
from segments.errors import NotAnAddress
from segments.models import FootprintKind

WORDING = "Write to me about drops. I can leave with one click."
TOPIC = "drops"
KIND = "sign_up_confirm"
SALT = "frontrow.sign-up"
CONFIRM = "drops:tell_me_confirm"


def ask(drop: Drop, email: str, *, consented: bool, now: datetime) -> None:
    """Keep a pending sign-up and send the link that confirms it.

    One mail in ten minutes an address: the same link confirms what was asked for meanwhile.

    Raises SignUpRefused, field by field: without a ticked box nothing is kept.
    """
    problems = {} if consented else {"consent": "Tick the box: without your yes we write to nobody."}
    try:
        address = opt_in.address_of(email)
    except NotAnAddress:
        raise SignUpRefused({"email": "Write your whole e-mail address, like name@example.com."} | problems) from None
    if problems:
        raise SignUpRefused(problems)
    _keep(drop, address, now, writes=opt_in.may_write(TOPIC, address))


def require_few(ip: str | None) -> None:
    """Count one who signs up from an IP address. Raises TooManyAsked, which says when again."""
    opt_in.require_few(TOPIC, ip, settings.SIGN_UPS_PER_ADDRESS_AN_HOUR)


def pending(token: str, now: datetime) -> list[SignUp]:
    """What a press of this link confirms: its own sign-up first, then the others of the address that wait for a press.

    Of a link that was pressed before, its own alone. Raises BadSignature for one that is not ours, old, or kept no
    more.
    """
    pk: int = signing.loads(token, salt=SALT, max_age=opt_in.LINK_FOR)
    found = SignUp.objects.select_related("drop").filter(pk=pk).first()
    if found is None:
        raise signing.BadSignature("Kept no more.")
    if found.confirmed_at is not None:
        return [found]
    return [found, *_waiting(found.email).filter(asked_at__gt=now - opt_in.LINK_FOR).exclude(pk=pk)]


@transaction.atomic
def confirm(token: str, now: datetime) -> list[SignUp]:
    """The owner of the address says yes: consent, and the wish to hear of these drops, each once. Raises BadSignature.

    A link that was pressed before changes nothing: who left since then stays gone.
    """
    found = pending(token, now)
    if SignUp.objects.filter(pk=found[0].pk, confirmed_at=None).update(confirmed_at=now):
        SignUp.objects.filter(pk__in=[each.pk for each in found], confirmed_at=None).update(confirmed_at=now)
        _write(found)
    return found


def _write(confirmed: list[SignUp]) -> None:
    fan = opt_in.say_yes(confirmed[0].email, topic=TOPIC, source=_subject(confirmed[0]), wording=confirmed[0].wording)
    for each in confirmed:
        key = f"signed_up:{each.drop_id}:{fan.pk}"
        footprints.leave(fan, FootprintKind.SIGNED_UP, _subject(each), key=key)


def _subject(sign_up: SignUp) -> str:
    return f"drop:{sign_up.drop.slug}"


def _waiting(address: str) -> QuerySet[SignUp]:
    waiting = SignUp.objects.filter(email__iexact=address, confirmed_at=None)
    return waiting.select_related("drop").order_by("pk")


@transaction.atomic
def _keep(drop: Drop, address: str, now: datetime, *, writes: bool) -> None:
    kept = _waiting(address).filter(drop=drop).first() or SignUp(drop=drop, email=address)
    kept.wording, kept.asked_at = WORDING, now
    kept.save()
    if writes:
        _send(kept, now)


def _send(kept: SignUp, now: datetime) -> None:
    delivery.plan(
        f"sign-up:{kept.pk}:{now:%Y%m%dT%H%M%S}",
        kind=KIND,
        to=kept.email,
        subject=f"Confirm: news of {kept.drop.title} · {current_store().name}",
        template="drops/email/sign_up_confirm",
        context={
            "headline": "Is this your address?",
            "drop": kept.drop,
            "wording": WORDING,
            "link": opt_in.link(CONFIRM, kept.pk, salt=SALT),
            "days": opt_in.LINK_DAYS,
            "shop_url": settings.PUBLIC_URL,
        },
    )
