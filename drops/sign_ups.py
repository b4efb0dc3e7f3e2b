"""“Tell me”: somebody leaves an address to hear of a drop, and its owner confirms it (double opt-in).

Whoever types an address learns nothing of it: known, on the list or gone from it, the answer is the same.
"""

from datetime import datetime

from django.conf import settings
from django.core import signing
from django.db import transaction

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
    """Keep a pending sign-up and send the link that confirms it; one in ten minutes an address, others change nothing.

    Raises SignUpRefused, field by field: without a ticked box nothing is kept.
    """
    problems = {} if consented else {"consent": "Tick the box: without your yes we write to nobody."}
    try:
        address = opt_in.address_of(email)
    except NotAnAddress:
        raise SignUpRefused({"email": "Write your whole e-mail address, like name@example.com."} | problems) from None
    if problems:
        raise SignUpRefused(problems)
    if opt_in.may_write(TOPIC, address):
        _keep(drop, address, now)


def require_few(ip: str | None) -> None:
    """Count one who signs up from an IP address. Raises TooManyAsked, which says when again."""
    opt_in.require_few(TOPIC, ip, settings.SIGN_UPS_PER_ADDRESS_AN_HOUR)


def pending(token: str) -> SignUp:
    """The sign-up that a link is about. Raises BadSignature for a link that is not ours, old, or kept no more."""
    pk: int = signing.loads(token, salt=SALT, max_age=opt_in.LINK_FOR)
    found = SignUp.objects.select_related("drop").filter(pk=pk).first()
    if found is None:
        raise signing.BadSignature("Kept no more.")
    return found


@transaction.atomic
def confirm(token: str, now: datetime) -> SignUp:
    """The owner of the address says yes: consent, and the wish to hear of this drop, each once. Raises BadSignature.

    A link that was pressed before changes nothing: who left since then stays gone.
    """
    found = pending(token)
    if SignUp.objects.filter(pk=found.pk, confirmed_at=None).update(confirmed_at=now):
        subject = f"drop:{found.drop.slug}"
        fan = opt_in.say_yes(found.email, topic=TOPIC, source=subject, wording=found.wording)
        footprints.leave(fan, FootprintKind.SIGNED_UP, subject, key=f"signed_up:{found.drop_id}:{fan.pk}")
    found.confirmed_at = found.confirmed_at or now
    return found


@transaction.atomic
def _keep(drop: Drop, address: str, now: datetime) -> None:
    kept = SignUp.objects.create(drop=drop, email=address, wording=WORDING, asked_at=now)
    delivery.plan(
        f"sign-up:{kept.pk}",
        kind=KIND,
        to=address,
        subject=f"Confirm: news of {drop.title} · {current_store().name}",
        template="drops/email/sign_up_confirm",
        context={
            "headline": "Is this your address?",
            "drop": drop,
            "wording": WORDING,
            "link": opt_in.link(CONFIRM, kept.pk, salt=SALT),
            "days": opt_in.LINK_DAYS,
            "shop_url": settings.PUBLIC_URL,
        },
    )
