"""Where, how much and to whom we sell, at the desk: rules in words, written without code, published once a version."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from merchant import journal
from merchant.clock import now
from merchant.desk import (
    ConfirmDialog,
    DeskAdmin,
    ReadOnlyAdmin,
    actor,
    dialog,
    done,
    moment_cell,
    moment_words,
    story_of,
)
from merchant.store import current_store
from merchant.templatetags.shop import day
from policies.admin.place_picker import PlacesField
from policies.errors import PolicyError
from policies.places import all_in_words
from policies.rule_lint import contradictions
from policies.rule_publishing import fingerprint, new_draft, obstacles, publish
from policies.rule_words import sentence
from policies.rules import standing, term_of
from policies.rules_models import Decision, Effect, Rule, RuleVersion

LINE = ("effective_at", "number")


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    class Meta:
        model = Rule
        fields = ("title", "slug")
        help_texts = {
            "title": "For you and your colleagues: Spirits from 18 on.",
            "slug": "The word that decisions cite, spirits/v3. Fixed once a version is published.",
        }


class RuleDraftForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    places = PlacesField()

    class Meta:
        model = RuleVersion
        fields = (
            *("effect", "most", "minimum_age", "proof", "tag", "places", "elsewhere", "unknown_place"),
            *("reason", "lifted", "change_summary", "effective_at"),
        )
        labels = {
            "effect": "What it does",
            "tag": "For products tagged",
            "elsewhere": "Everywhere but there",
            "most": "How many",
            "minimum_age": "From which age",
            "proof": "How the age is shown",
            "unknown_place": "When nobody knows where a digital good goes",
            "reason": "What a refused fan reads",
            "lifted": "End this rule",
            "change_summary": "Why",
            "effective_at": "Takes effect",
        }
        help_texts = {
            "tag": "As the product's page names it: spirits. Empty: everything you sell.",
            "elsewhere": "Tick to sell in these places only.",
            "most": "For “at most so many”: units in one order.",
            "minimum_age": "For “only from an age on”: in years. The date is looked at with the order and not kept.",
            "proof": "A box is easier for fans; a date of birth is what most laws on alcohol and knives ask for.",
            "unknown_place": "Products tagged “digital” are not shipped, so where the fan's IP is counts too.",
            "reason": "One sentence: We may not send spirits to Utah.",
            "lifted": "From this version on it holds nowhere. Its earlier versions stay on record.",
            "change_summary": "For the journal. Needed from the second version on.",
            "effective_at": "In the shop's time. Empty: the moment it is published.",
        }
        widgets = {"change_summary": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(picker := self.fields.get("places"), PlacesField):  # a published version shows them, for good
            picker.offer(self.instance.places, ships_to=current_store().ships_to)

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        if typed.get("effect") == Effect.MOST and not typed.get("most") and "most" not in self.errors:
            self.add_error("most", "Say how many are allowed in one order.")
        if typed.get("effect") == Effect.AGE and not typed.get("minimum_age") and "minimum_age" not in self.errors:
            self.add_error("minimum_age", "Say from which age on, in years.")
        if typed.get("elsewhere") and not typed.get("places") and "places" not in self.errors:
            self.add_error("places", "Name the places where it may be sold.")
        return typed


class NewRuleVersionDialog(ConfirmDialog):
    def consequence(self) -> dict[str, Any]:
        return {"text": "A draft opens with what the last version says. It holds for nobody until it is published."}


class PublishRuleDialog(ConfirmDialog):
    """Says what is about to hold, and remembers which words those were."""

    reviewed = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.draft = RuleVersion.objects.select_related("rule").get(pk=object_id)
        self.fields["reviewed"].initial = fingerprint(self.draft)

    def consequence(self) -> dict[str, Any]:
        starts = moment_words(self.draft.effective_at) if self.draft.effective_at else "at once"
        return {
            "text": f"{sentence(self.draft)} This holds {starts}, for every order, and can never be edited again.",
            "hurdles": obstacles(self.draft, now=now()),
        }

    def clean(self) -> dict[str, Any]:
        if obstacles(self.draft, now=now()):
            raise forms.ValidationError("It cannot be published yet.")
        if self.cleaned_data.get("reviewed") != fingerprint(self.draft):
            raise forms.ValidationError("Somebody edited this draft meanwhile. Close this and read it again.")
        typed: dict[str, Any] = self.cleaned_data
        return typed


@admin.register(Rule)
class RuleAdmin(DeskAdmin):
    form = RuleForm
    actions = None
    when_empty = "Without a rule, everything is sold to everyone wherever the shop delivers."
    list_display = ("title", "says", "stands", "coming")
    search_fields = ("title", "slug", "versions__tag")
    prepopulated_fields = {"slug": ("title",)}
    fieldsets = ((None, {"fields": (("title", "slug"),)}),)
    list_before_template = "policies/desk/rules_lint.html"
    change_form_outer_before_template = "policies/desk/rule_before.html"
    change_form_outer_after_template = "policies/desk/policy_after.html"
    actions_list = ("try_them", "decisions")
    actions_detail = ("start_version",)

    class Media:
        css = {"all": ("css/desk_policies.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        versions = RuleVersion.objects.select_related("rule").order_by(*LINE)
        rows: QuerySet[Rule] = super().get_queryset(request).prefetch_related(Prefetch("versions", queryset=versions))
        return rows

    @display(description="In short")
    def says(self, rule: Rule) -> str:
        found = _newest(rule, lambda starts: starts <= now()) or next(iter(rule.versions.all()), None)
        return sentence(found) if found else "–"

    @display(description="Stands now")
    def stands(self, rule: Rule) -> str:
        version = _newest(rule, lambda starts: starts <= now())
        return _named(version, "since") or "–"

    @display(description="Coming")
    def coming(self, rule: Rule) -> str:
        announced = _newest(rule, lambda starts: starts > now())
        words = list(filter(None, [_named(announced, "from")]))
        words += [f"Draft of version {each.number}" for each in rule.versions.all() if not each.published_at]
        return " · ".join(words) or "–"

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> tuple[str, ...]:
        return ("slug",) if obj and any(version.published_at for version in obj.versions.all()) else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Rule | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        """A rule that has versions is part of the record; one without was only an idea."""
        return bool(super().has_delete_permission(request, obj)) and obj is not None and not obj.versions.all()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.changed_data:
            journal.record(
                obj.subject, "edited" if change else "named", actor=actor(request), why=", ".join(form.changed_data)
            )

    def response_add(self, request: HttpRequest, obj: Rule, post_url_continue: str | None = None) -> HttpResponse:
        """A new rule leads straight to the page where it is said what it does."""
        return HttpResponseRedirect(_draft_page(new_draft(obj, actor(request))))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        lint = contradictions(standing(now()), ships_to=current_store().ships_to)
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "lint": lint})
        return answer

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        rule = Rule.objects.filter(pk=object_id).first()
        if rule is None:
            return {}
        versions = [(each, sentence(each)) for each in rule.versions.select_related("rule").order_by("-number")]
        return {"policy": rule, "versions": versions, "server_now": now(), "story": story_of(rule.subject)}

    @action(description="Try them on a cart", url_path="try", icon="science", permissions=["policies.view_rule"])
    def try_them(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:checkout_order_rule_tester")

    @action(
        description="What they decided", url_path="decisions", icon="fact_check", permissions=["policies.view_decision"]
    )
    def decisions(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:policies_decision_changelist")

    @action(
        description="Start a new version",
        url_path="new-version",
        icon="edit_document",
        variant=ActionVariant.PRIMARY,
        permissions=["policies.add_ruleversion"],
        dialog=dialog("Start a new version", NewRuleVersionDialog, "Open the draft"),
    )
    def start_version(self, request: HttpRequest, form: NewRuleVersionDialog, object_id: str) -> HttpResponse:
        return done(_draft_page(new_draft(Rule.objects.get(pk=object_id), actor(request))))


@admin.register(RuleVersion)
class RuleVersionAdmin(DeskAdmin):
    form = RuleDraftForm
    actions = None
    list_display = ("name", "says", "takes_effect")
    list_filter = ("rule",)
    search_fields = ("rule__title", "tag", "reason")
    ordering = ("rule__title", "-number")
    readonly_fields = ("places_by_name",)
    change_form_outer_before_template = "policies/desk/rule_version_before.html"
    actions_detail = ("publish_version",)

    class Media:
        css = {"all": ("css/desk_policies.css",)}

    def get_fieldsets(self, request: HttpRequest, obj: RuleVersion | None = None) -> list[Any]:
        """Who may not edit it reads its places by their names."""
        places = "places" if self.has_change_permission(request, obj) else "places_by_name"
        return [
            ("What it does", {"fields": ("effect", ("most", "minimum_age"), "proof")}),
            ("For what, and where", {"fields": ("tag", places, "elsewhere", "unknown_place")}),
            ("What a fan reads", {"fields": ("reason",)}),
            ("From when on", {"fields": ("effective_at", "change_summary", "lifted")}),
        ]

    @display(description="Places")
    def places_by_name(self, version: RuleVersion) -> str:
        words = ", ".join(all_in_words(version.places)) or "Everywhere"
        return words[:1].upper() + words[1:]

    @display(description="Version", ordering="rule__title")
    def name(self, version: RuleVersion) -> str:
        return str(version)

    @display(description="In short")
    def says(self, version: RuleVersion) -> str:
        return sentence(version)

    @display(description="Takes effect", ordering="effective_at")
    def takes_effect(self, version: RuleVersion) -> str:
        return moment_cell(version.effective_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleVersion]:
        rows: QuerySet[RuleVersion] = super().get_queryset(request).select_related("rule")
        return rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a version is started from its rule

    def has_change_permission(self, request: HttpRequest, obj: RuleVersion | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and (obj is None or obj.published_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: RuleVersion | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and obj is not None and obj.published_at is None

    def fitting(self, object_id: int) -> tuple[str, ...]:
        is_draft = RuleVersion.objects.filter(pk=object_id, published_at=None).exists()
        return ("publish_version",) if is_draft else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the draft, and only while it is one: a colleague may publish it at this moment."""
        typed = {name: form.cleaned_data[name] for name in form.changed_data}
        if not typed:
            return
        if RuleVersion.objects.filter(pk=obj.pk, published_at=None).update(**typed) != 1:
            messages.error(request, f"{obj} was published while you wrote; what you typed was not saved.")
            return
        why = ", ".join(form.changed_data)
        journal.record(obj.rule.subject, "draft_edited", actor=actor(request), why=why, data={"version": obj.number})

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        version = RuleVersion.objects.select_related("rule").filter(pk=object_id).first()
        return _around(version) if version else {}

    @action(
        description="Publish this version",
        url_path="publish",
        icon="publish",
        variant=ActionVariant.PRIMARY,
        permissions=["policies.publish_ruleversion"],
        dialog=dialog("Publish this version", PublishRuleDialog, "Publish for good"),
    )
    def publish_version(self, request: HttpRequest, form: PublishRuleDialog, object_id: str) -> HttpResponse:
        try:
            published = publish(form.draft, by=actor(request), now=now(), reviewed=form.cleaned_data["reviewed"])
            messages.success(request, f"{published} holds from {moment_words(published.effective_at)} on.")
        except PolicyError as refusal:
            messages.error(request, str(refusal) or "Somebody edited this draft. Read it again.")
        return done(_draft_page(form.draft))


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """What the rules decided, with what they were told: to look at, never to touch."""

    when_empty = "What the rules decided about each order is kept here."
    list_display = ("time", "order", "outcome", "rules", "place")
    list_display_links = ("time",)
    list_filter = ("allowed", "advisory", ("at", RangeDateTimeFilter))
    search_fields = ("=order_ref",)
    fields = ("time", "order", "outcome", "reason", "rules", "place", "inputs")
    show_full_result_count = False

    @display(description="When", ordering="id")
    def time(self, decision: Decision) -> str:
        return moment_cell(decision.at)

    @display(description="Order")
    def order(self, decision: Decision) -> str:
        return decision.order_ref or "None: it was refused"

    @display(description="Decided")
    def outcome(self, decision: Decision) -> str:
        return decision.outcome

    @display(description="Rules")
    def rules(self, decision: Decision) -> str:
        return decision.said

    @display(description="Delivery · IP")
    def place(self, decision: Decision) -> str:
        return decision.place


def _around(version: RuleVersion) -> dict[str, Any]:
    at = now()
    others = [term for term in standing(at) if term.slug != version.rule.slug]
    lint = [] if version.lifted else contradictions([*others, term_of(version)], ships_to=current_store().ships_to)
    return {
        "version": version,
        "says": sentence(version),
        "hurdles": [] if version.published_at else obstacles(version, now=at),
        "lint": [said for said in lint if version.ref in said],
        "server_now": at,
    }


def _newest(rule: Rule, meets: Callable[[datetime], bool]) -> RuleVersion | None:
    found = [
        each for each in rule.versions.all() if each.published_at and each.effective_at and meets(each.effective_at)
    ]
    return found[-1] if found else None


def _named(version: RuleVersion | None, word: str) -> str:
    if version is None or version.effective_at is None:
        return ""
    return f"Version {version.number}, {word} {day(version.effective_at)}"


def _draft_page(version: RuleVersion) -> str:
    return reverse("admin:policies_ruleversion_change", args=[version.pk])
