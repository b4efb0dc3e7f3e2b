"""What the checklist asks of the texts of a drop: are they there, do they fit, can they be read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from drops.disclosures import disclosures, held_keys, values
from drops.models import Drop
from drops.queries import tags_of
from merchant.models import StoreProfile
from policies import rules, scopes
from policies.lint import Wording, contradictions, stumbles
from policies.models import Kind, PolicyVersion
from policies.outdated import outdated
from policies.places import EEA, country_names
from policies.queries import standing_scopes
from policies.rendering import names_in
from policies.rules_models import Effect
from policies.translations import behind
from policies.variables import lacking

AGE_TAG = re.compile(r"age-\d{1,2}|adults?")
PREORDER_TAGS = {"preorder", "pre-order"}
MOST_NAMED = 4


@dataclass(frozen=True)
class Demand:
    """One thing asked of the texts. ``fix``: the page of the desk where it is mended."""

    done: bool
    words: str
    fix: str
    must: bool = True


def demands(drop: Drop, shop: StoreProfile | None, *, now: datetime) -> Iterator[Demand]:
    """Everything asked of what this drop promises, done or not."""
    shown = disclosures(drop, now=now)
    kinds = {policy.kind for policy in shown}
    shelf, library = reverse("admin:policies_policy_changelist"), reverse("admin:policies_policy_library")
    yield Demand(Kind.RETURNS in kinds, "Publish a returns policy: a buyer must be able to read it.", library)
    yield Demand(Kind.PRIVACY in kinds, "Publish a privacy policy.", library, must=False)
    texts = _texts([policy.rendering_id for policy in shown])
    yield from _pre_order(drop, kinds, texts, library)
    yield from _withdrawal(drop, shop, now, library)
    yield from _ages(drop, shop, now, library)
    yield from _values(drop, texts)
    yield from _outdated(texts, shop, now)
    yield from _readable(drop, texts, shelf)


def _texts(renderings: list[int]) -> list[PolicyVersion]:
    found = PolicyVersion.objects.select_related("policy").filter(renderings__in=renderings)
    return list(found.order_by("policy__position", "policy__title").distinct())


def _pre_order(drop: Drop, kinds: set[str], texts: list[PolicyVersion], library: str) -> Iterator[Demand]:
    """A drop with a ship date needs its text; one that is spoken of as a pre-order needs its date."""
    if drop.ship_date:
        yield Demand(Kind.PRE_ORDER in kinds, "Publish a pre-order policy: this drop ships later.", library)
        return
    speaks = [str(text.policy) for text in texts if text.policy.kind == Kind.PRE_ORDER]
    if speaks or tags_of(drop) & PREORDER_TAGS:
        why = f"“{speaks[0]}” applies to it" if speaks else "a product is tagged as one"
        yield Demand(done=False, words=f"Set the ship date: this is a pre-order, {why}.", fix=_page(drop))


def _withdrawal(drop: Drop, shop: StoreProfile | None, now: datetime, library: str) -> Iterator[Demand]:
    """Who may withdraw must be told of it, in all of the EEA: Directive 2011/83/EU, article 6 (1) h."""
    ships_to = {place.upper() for place in shop.ships_to} if shop else set()
    goes = sorted(EEA & ships_to if ships_to else EEA)
    told = standing_scopes(Kind.CANCELLATIONS, now)
    here = held_keys(drop)
    untold = [code for code in goes if not _covers(told, [*here, f"country:{code}"])]
    if not goes:
        return
    words = "Publish the right of withdrawal for the European Economic Area"
    if untold and len(untold) < len(goes):
        named = ", ".join(country_names()[code] for code in untold[:MOST_NAMED])
        more = f" and {len(untold) - MOST_NAMED} more" if len(untold) > MOST_NAMED else ""
        words += f": orders to {named}{more} are told nothing of it"
    elif not ships_to:
        words += ", or name the countries you ship to"
    yield Demand(not untold, f"{words}.", library)


def _ages(drop: Drop, shop: StoreProfile | None, now: datetime, library: str) -> Iterator[Demand]:
    goes = sorted(place.upper() for place in shop.ships_to) if shop else []
    told = standing_scopes(Kind.AGE, now)
    for tag in sorted(filter(AGE_TAG.fullmatch, tags_of(drop))):
        covered = _covers(told, ["shop", f"drop:{drop.slug}", f"tag:{tag}"])
        yield Demand(covered, f"Publish the age restriction for what is tagged “{tag}”.", library)
        terms = [term for term in rules.standing(now) if term.effect == Effect.AGE and term.tag in ("", tag)]
        asked = {country: _age_asked(terms, country) for country in goes or [""]}
        least = int(tag[4:]) if tag.startswith("age-") else 1
        words = f"Publish the rule that asks for an age{f' of {least}' if least > 1 else ''} for what is tagged “{tag}”"
        words += _age_lacks(terms, asked, least)
        yield Demand(min(asked.values()) >= least, f"{words}.", reverse("admin:policies_rule_changelist"))


def _age_asked(terms: list[rules.Term], country: str) -> int:
    """From which age on it is sold in the whole of a country; in the whole world for ""."""
    return max((term.minimum_age for term in terms if _holds_in_all_of(term, country)), default=0)


def _holds_in_all_of(term: rules.Term, country: str) -> bool:
    if term.elsewhere:
        return bool(country) and not any(place.startswith(country) for place in term.places)
    return not term.places or country in term.places


def _age_lacks(terms: list[rules.Term], asked: dict[str, int], least: int) -> str:
    """What the rules that stand leave open."""
    open_ = [country for country, age in asked.items() if age < least]
    if not terms or not open_:
        return ""
    if not any(_holds_in_all_of(term, country) for term in terms for country in open_):
        named = ", ".join(country_names()[code] for code in open_[:MOST_NAMED] if code)
        return f": the one that stands does not hold {f'in all of {named}' if named else 'everywhere'}"
    return f": the one that stands asks for {max(asked[country] for country in open_)}"


def _values(drop: Drop, texts: list[PolicyVersion]) -> Iterator[Demand]:
    given = values(drop)
    for text in texts:
        names = names_in(text)
        for wanted in lacking(names, given, "drop"):
            yield Demand(done=False, words=f"“{text.policy}” says {wanted}", fix=_page(drop))
        for wanted in lacking(names, given, "shop"):
            shop = reverse("admin:merchant_storeprofile_changelist")
            yield Demand(done=False, words=f"“{text.policy}” says {wanted}", fix=shop)


def _outdated(texts: list[PolicyVersion], shop: StoreProfile | None, now: datetime) -> Iterator[Demand]:
    """What the profile says by now reaches fans by a new version alone."""
    applies = {text.policy_id for text in texts}
    for found in outdated(shop, now) if shop else ():
        if found.version.policy_id in applies:
            words = f"{found.words} Start a new version, or set the profile back."
            yield Demand(done=False, words=words, fix=found.fix, must=False)


def _readable(drop: Drop, texts: list[PolicyVersion], shelf: str) -> Iterator[Demand]:
    wordings = [
        Wording(text.policy.kind, text.policy.title, text.summary, text.source, text.box_wording, text.policy.scope)
        for text in texts
    ]
    for words in contradictions(wordings, values(drop)):
        yield Demand(done=False, words=words, fix=shelf, must=False)
    for lag in behind({text.policy_id for text in texts}):
        page = reverse("admin:policies_policy_change", args=[lag.translation.policy_id])
        words = f"“{lag.translation.policy}”: {lag.words} Translate what changed."
        yield Demand(done=False, words=words, fix=page, must=False)
    for text, wording in zip(texts, wordings, strict=True):
        page = reverse("admin:policies_policy_change", args=[text.policy_id])
        for words in stumbles(wording)[:2]:
            yield Demand(done=False, words=f"“{text.policy}”: {words}", fix=page, must=False)


def _covers(told: list[frozenset[str]], held: list[str]) -> bool:
    return any(keys <= scopes.widened(held) for keys in told)


def _page(drop: Drop) -> str:
    return reverse("admin:drops_drop_change", args=[drop.pk])
