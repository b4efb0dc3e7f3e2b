"""The consent ledger: every yes and no is a row; the newest of a channel and topic is the fan's answer."""

from segments.fans import is_address
from segments.models import Channel, Consent, Fan


def record(fan: Fan, channel: Channel, granted: bool, *, source: str, wording: str, topic: str = "drops") -> Consent:
    """Write down an answer, with the words that were asked and where. Never changes an older one."""
    return Consent.objects.create(
        fan=fan, channel=channel, granted=granted, source=source[:60], wording=wording[:300], topic=topic
    )


def current(fan: Fan, channel: Channel, *, topic: str = "drops") -> Consent | None:
    """The newest answer; None when the fan was never asked."""
    return Consent.objects.filter(fan=fan, channel=channel, topic=topic).order_by("-id").first()


def agreed(fan: Fan, channel: Channel, *, topic: str = "drops") -> bool:
    """Silence is a no."""
    answer = current(fan, channel, topic=topic)
    return answer is not None and answer.granted


def address_agreed(email: str, *, topic: str = "drops") -> bool:
    """Whether the person behind an address wants e-mail now."""
    fan = Fan.objects.filter(is_address(email)).first()
    return fan is not None and agreed(fan, Channel.EMAIL, topic=topic)
