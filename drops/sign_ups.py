"""“Tell me”: somebody leaves an address to hear of a drop."""

from django.db import transaction
from email_validator import EmailNotValidError, validate_email

from drops.errors import SignUpRefused
from drops.models import Drop
from segments import consent, fans, footprints
from segments.models import Channel, Fan, FootprintKind

WORDING = "Write to me about drops. I can leave with one click."


@transaction.atomic
def sign_up(drop: Drop, email: str, *, consented: bool) -> Fan:
    """Note that the owner of ``email`` wants to hear of the drop: the fan, their consent, a footprint; each once.

    Raises SignUpRefused, field by field: without consent nothing is kept.
    """
    address, problems = _address(email), {}
    if not address:
        problems["email"] = "Write your whole e-mail address, like name@example.com."
    if not consented:
        problems["consent"] = "Tick the box: without your yes we write to nobody."
    if problems:
        raise SignUpRefused(problems)
    fan = fans.find_or_create(address)
    if not consent.agreed(fan, Channel.EMAIL):
        consent.record(fan, Channel.EMAIL, granted=True, source=f"drop:{drop.slug}", wording=WORDING)
    footprints.leave(fan, FootprintKind.SIGNED_UP, f"drop:{drop.slug}", key=f"signed_up:{drop.pk}:{fan.pk}")
    return fan


def _address(email: str) -> str:
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        return ""
