"""Would this cart be allowed to …? The rules tried on a cart that nobody ordered; nothing is written."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from checkout.contact import countries
from checkout.pricing import MAX_QUANTITY
from drops import terms as drop_terms
from drops.models import Drop, Product
from drops.terms import Terms
from merchant.clock import now as clock
from merchant.desk import desk_context
from merchant.htmx import page_or_fragment
from merchant.store import current_store, store_zone
from policies.admin.parts import proposes_regions, region_of
from policies.ages import read_birth_date
from policies.places import Where
from policies.restrictions import Verdict, judge
from policies.rule_lint import contradictions
from policies.rule_words import sentence
from policies.rules import Asked, Item, Term, standing, term_of
from policies.rules_models import Rule, RuleVersion


class CartForm(forms.Form):
    """A cart of one drop, where it goes, and what is known of its fan."""

    drop = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    country = forms.ChoiceField(label="Deliver to", choices=countries, widget=UnfoldAdminSelectWidget)
    region = forms.CharField(
        label="State or region",
        max_length=80,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs=proposes_regions("country", "cart-regions")),
        help_text="As the fan types it.",
    )
    postal_code = forms.CharField(max_length=20, required=False, widget=UnfoldAdminTextInputWidget)
    ip_country = forms.ChoiceField(
        label="Where their IP seems to be",
        choices=lambda: [("", "Nobody knows"), *countries()],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    ip_region = forms.CharField(
        label="State or region of the IP",
        max_length=80,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs=proposes_regions("ip_country", "ip-regions")),
    )
    birth_date = forms.CharField(
        label="Date of birth",
        max_length=10,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text="Empty: not given.",
    )
    of_age = forms.BooleanField(label="Ticked “I am old enough”", required=False, widget=UnfoldBooleanWidget)
    drafts = forms.BooleanField(
        label="With the drafts",
        required=False,
        widget=UnfoldBooleanWidget,
        help_text="As if every draft of a rule were published now.",
    )

    def __init__(self, data: Any, drops: dict[str, str], terms: Terms | None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["drop"].choices = list(drops.items())  # type: ignore[attr-defined]  # a field of choices
        self.terms = terms
        self.skus = {f"units_{offer.offer_id}": sku for sku, offer in (terms.offers if terms else {}).items()}
        for place, (name, sku) in enumerate(self.skus.items()):
            self.fields[name] = forms.IntegerField(
                label=terms.offers[sku].title if terms else sku,
                required=False,
                min_value=0,
                max_value=MAX_QUANTITY,
                initial=0 if place else 1,
                widget=UnfoldAdminIntegerFieldWidget,
                help_text=_tags(terms.offers[sku].tags) if terms else "",
            )

    def clean_ip_region(self) -> str:
        """The region's code."""
        said: str = self.cleaned_data["ip_region"]
        return region_of(self.cleaned_data.get("ip_country", ""), said) if said else ""

    def clean_birth_date(self) -> Any:
        born, wrong = read_birth_date(self.cleaned_data["birth_date"], timezone.localdate(clock(), store_zone()))
        if wrong:
            raise forms.ValidationError(wrong)
        return born

    @property
    def cart_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.skus]

    @property
    def other_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.skus and name != "drop"]

    def items(self) -> list[Item]:
        if self.terms is None:
            return []
        units = {sku: self.cleaned_data.get(name) or 0 for name, sku in self.skus.items()}
        return [Item(self.terms.offers[sku].tags, count) for sku, count in units.items() if count]

    def asked(self) -> Asked:
        typed = self.cleaned_data
        return Asked(
            Where(typed["country"], typed["region"], typed["postal_code"]),
            ip_place=typed["ip_region"] or typed["ip_country"],
            born=typed["birth_date"],
            attested=typed["of_age"],
            whole=True,
        )


@dataclass(frozen=True)
class Said:
    """A rule beside what it says about the cart."""

    ref: str
    words: str
    outcome: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The cart to try, and below it what every rule says. It works by its address alone, without a script."""
    if not request.user.has_perm("policies.view_rule"):
        raise PermissionDenied
    drops = dict(Drop.objects.order_by("title").values_list("slug", "title"))
    drop = request.GET.get("drop", "") if request.GET.get("drop", "") in drops else next(iter(drops), "")
    terms = drop_terms.read(Drop.objects.values_list("pk", flat=True).get(slug=drop)) if drop else None
    tried = "try" in request.GET
    start = {
        "drop": drop,
        "country": current_store().country,
        "drafts": "drafts" in request.GET,
    }
    form = CartForm(request.GET if tried else None, drops, terms, initial=start)
    context = desk_context(
        request,
        "Try the rules on a cart",
        Rule,
        form=form,
        drop=drop,
        result=_result(form) if tried and form.is_valid() else None,
    )
    return page_or_fragment(request, "desk/rule_tester.html", "desk/_rule_tester.html", context)


def _result(form: CartForm) -> dict[str, Any]:
    at, store = clock(), current_store()
    terms = _terms(at, drafts=form.cleaned_data["drafts"])
    items = form.items()
    verdict = judge(form.asked(), items, ships_to=store.ships_to, now=at, terms=terms)
    outcomes: dict[str, list[str]] = {}
    for ref, outcome in verdict.findings:
        outcomes.setdefault(ref, []).append(outcome)
    words = {each.ref: sentence(each) for each in RuleVersion.objects.select_related("rule")}
    said = [Said(term.ref, words[term.ref], ", ".join(outcomes.pop(term.ref, ["does not apply"]))) for term in terms]
    return {
        "empty": not items,
        "verdict": verdict,
        "headline": _headline(verdict),
        "said": [*said, *(Said(ref, "", ", ".join(each)) for ref, each in outcomes.items())],
        "lint": [*contradictions(terms, ships_to=store.ships_to), *_unknown_tags(terms)],
    }


def _terms(at: datetime, *, drafts: bool) -> list[Term]:
    """The rules that stand; with ``drafts``, each draft in place of what it would replace."""
    terms = {term.slug: term for term in standing(at)}
    if drafts:
        for draft in RuleVersion.objects.select_related("rule").filter(published_at=None):
            terms[draft.rule.slug] = term_of(draft)
    return [term for term in terms.values() if not term.lifted]


def _headline(verdict: Verdict) -> str:
    if not verdict.allowed:
        return "Refused"
    if verdict.fields:
        return "Asked for more of the address"
    if verdict.age_open:
        return "Asked for the age"
    return "Allowed, and somebody may want to look" if verdict.advisory else "Allowed"


def _unknown_tags(terms: list[Term]) -> list[str]:
    used = {tag for tags in Product.objects.values_list("tags", flat=True) for tag in tags}
    return [f"{term.ref}: no product is tagged “{term.tag}”." for term in terms if term.tag and term.tag not in used]


def _tags(tags: frozenset[str]) -> str:
    return f"Tagged {', '.join(sorted(tags))}" if tags else "No tags"
