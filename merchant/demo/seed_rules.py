"""Two rules of the demo shop: one that holds, and one that is still being written."""

from datetime import datetime, timedelta

from merchant.journal import staff
from policies.rule_publishing import new_draft, publish
from policies.rules_models import Effect, Rule


def seed_rules(now: datetime) -> None:
    post, new = Rule.objects.get_or_create(slug="candles-by-post", defaults={"title": "Candles by post"})
    if new:
        draft = new_draft(post, staff("owner"))
        draft.effect, draft.tag, draft.places = Effect.REFUSE, "candle", ["CH", "GB"]
        draft.reason = "We cannot post candles to Great Britain and Switzerland."
        draft.save()
        publish(draft, by=staff("owner"), now=now - timedelta(days=30))
    spirits, new = Rule.objects.get_or_create(slug="spirits", defaults={"title": "Spirits from 18 on"})
    if new:
        draft = new_draft(spirits, staff("owner"))
        draft.effect, draft.tag, draft.minimum_age = Effect.AGE, "spirits", 18
        draft.reason = "We sell this to people of 18 and older."
        draft.save()
