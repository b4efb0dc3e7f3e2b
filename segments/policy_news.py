"""Those who asked hear of every change of a policy: asked twice, told once a version, gone with one click."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from merchant.store import current_store
from policies import changelog
from policies.acceptance import email_hmac
from policies.models import PolicyVersion
from segments import delivery, opt_in
from segments.models import Channel, Consent, Fan, PolicyNews

TOPIC = "policies"
WORDING = "Write to me when a policy of this shop changes. I can leave with one click."
SALT = "frontrow.policy-news"
NEWS_FOR = timedelta(days=2)  # a version that nobody was told of in this time is no news any more


def ask(email: str, now: datetime) -> None:
    """Send the link that proves whose address it is. Nothing else is kept; one mail a day and address.

    Raises NotAnAddress. Says nothing of whether the address is known.
    """
    address = opt_in.address_of(email)
    delivery.plan(
        f"policy-news:confirm:{email_hmac(address)[:32]}:{now:%Y-%m-%d}",
        kind="policy_news_confirm",
        to=address,
        subject=f"Confirm: policy changes of {current_store().name}",
        template="segments/email/policy_news_confirm",
        context={
            "headline": "Is this your address?",
            "link": _link("confirm", address),
            "days": opt_in.LINK_DAYS,
            "shop_url": settings.PUBLIC_URL,
        },
    )


def require_few(ip: str | None) -> None:
    """Count one who asks from an IP address. Raises TooManyAsked, which says when again."""
    opt_in.require_few(TOPIC, ip, settings.NEWS_PER_ADDRESS_AN_HOUR)


def confirm(token: str) -> str:
    """The owner of the address says yes; returns the address. Raises BadSignature for a link not ours, or old."""
    address: str = signing.loads(token, salt=f"{SALT}.confirm", max_age=opt_in.LINK_FOR)
    opt_in.say_yes(address, topic=TOPIC, source=TOPIC, wording=WORDING)
    return address


def leave(token: str) -> str:
    """No more of it; returns the address. The link works for ever. Raises BadSignature."""
    address: str = signing.loads(token, salt=f"{SALT}.leave")
    opt_in.say_no(address, topic=TOPIC, source=TOPIC)
    return address


def tell(now: datetime) -> int:
    """Plan the mails about what was published lately; returns how many. Run twice or by two workers, each goes once."""
    news = changelog.newest_first().filter(published_at__gt=now - NEWS_FOR)
    told = set(
        PolicyNews.objects.filter(version__in=[version.ref for version in news]).values_list("version", flat=True)
    )
    return sum(_tell_all(version) for version in news if version.ref not in told)


@transaction.atomic
def _tell_all(version: PolicyVersion) -> int:
    _, first = PolicyNews.objects.get_or_create(version=version.ref)
    if not first:  # another worker has told it
        return 0
    [entry] = changelog.entries([version])
    deed = "ends" if version.retires else "changed"
    readers = list(followers())
    for fan in readers:
        delivery.plan(
            f"policy-news:{version.ref}:{fan.pk}",
            kind="policy_news",
            to=fan.email,
            subject=f"{version.policy.title} {deed}: version {version.number} · {current_store().name}",
            template="segments/email/policy_news",
            context={
                "entry": entry,
                "headline": f"{version.policy.title} {deed}",
                "shop_url": settings.PUBLIC_URL,
                "page": settings.PUBLIC_URL + version.get_absolute_url(),
                "leave": (leave_url := _link("leave", fan.email)),
            },
            marketing=True,  # asked again when it is sent: who left meanwhile hears nothing
            topic=TOPIC,
            leave_url=leave_url,
        )
    return len(readers)


def followers() -> QuerySet[Fan]:
    """Fans whose newest answer about policy news is a yes."""
    newest = Consent.objects.filter(fan=OuterRef("pk"), channel=Channel.EMAIL, topic=TOPIC).order_by("-id")
    return Fan.objects.annotate(answer=Subquery(newest.values("granted")[:1])).filter(answer=True).order_by("pk")


def _link(deed: str, address: str) -> str:
    return opt_in.link(f"segments:policy-news-{deed}", address, salt=f"{SALT}.{deed}")
