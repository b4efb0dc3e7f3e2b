"""What a merchant has set before somebody buys, in the shop that all tests share."""

from drops.models import Product, Variant
from merchant.clock import now
from merchant.models import StoreProfile
from policies.rule_publishing import new_draft, publish
from policies.rules_models import Effect, Proof, Rule
from tests.browser.buyer import Buyer
from tests.browser.other_site import OtherSite
from tests.waiting import known_everywhere


def sold_from_18(buyer: Buyer, proof: Proof = Proof.BIRTH_DATE) -> None:
    """By a rule for this test's drop alone: others share the shop."""
    tag = buyer.drop.slug[:40]
    Variant.objects.filter(sku=buyer.sku).update(
        product=Product.objects.create(slug=buyer.drop.slug, title="Gin", tags=[tag])
    )
    draft = new_draft(Rule.objects.create(slug=buyer.drop.slug, title="Gin"), "staff:owner")
    draft.effect, draft.tag, draft.minimum_age, draft.reason = Effect.AGE, tag, 18, "Gin is for people of 18 and older."
    draft.proof = proof
    draft.save()
    publish(draft, by="staff:owner", now=now())
    known_everywhere()


def prices(site: OtherSite, *, include_tax: bool) -> None:
    """In every process of the shop."""
    StoreProfile.objects.update(prices_include_tax=include_tax)
    site.knows_the_profile()
