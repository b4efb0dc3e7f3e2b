"""A policy at the desk: its name and place, its versions, and the door to a new one."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.text import capfirst
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from merchant import journal
from merchant.clock import now
from merchant.desk import ConfirmDialog, DeskAdmin, actor, dialog, done, moment_words, story_of
from merchant.templatetags.shop import day
from policies import scope_choices, scopes
from policies.admin.dialogs import RetireDialog, SucceedDialog
from policies.admin.scope_picker import CHANGED, ScopeField
from policies.errors import PolicyError, Retired
from policies.languages import DEFAULT_LANGUAGE, is_language, language_name, tidy
from policies.library import NOT_LEGAL_ADVICE, start, templates
from policies.models import FROZEN, Policy, PolicyVersion
from policies.places import regions_of
from policies.publishing import new_draft, retirement
from policies.queries import LINE
from policies.retiring import may_retire, retire
from policies.succeeding import RESERVED, succeed
from policies.translations import behind

COUNTRY_FIELDS = ("scope_2", "country", "ip_country")  # of the pages that have a field for a region


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    scope = ScopeField()

    class Meta:
        model = Policy
        fields = ("title", "slug", "kind", "scope", "replaces_wider", "position")
        labels = {"slug": "Address"}
        help_texts = {
            "title": "As fans read it: Returns, When your pre-order ships.",
            "slug": "The word in its address, /policies/returns/.",
            "position": "Fans read the lowest number first.",
            "replaces_wider": "Where it applies, policies of the same kind that apply more widely are not shown.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(picker := self.fields.get("scope"), ScopeField):  # a public policy shows it, for good
            picker.offer(self.instance.scope)
            if self.instance.pk:
                picker.help_text = f"Now: {scope_choices.in_words(self.instance.scope)}. {CHANGED}"

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug in RESERVED:
            raise ValidationError(f"/policies/{slug}/ is a page of its own. Choose another word.")
        return slug


class NewVersionDialog(ConfirmDialog):
    language = forms.CharField(
        max_length=12,
        initial=DEFAULT_LANGUAGE,
        widget=UnfoldAdminTextInputWidget,
        help_text="Its short code: en, de, pt-br. Fans who read a language that has no text are shown the English one.",
    )

    def clean_language(self) -> str:
        typed: str = self.cleaned_data["language"]
        if not is_language(typed):
            raise ValidationError("Write the code of a language: en, de, fr, pt-br.")
        return tidy(typed)

    def consequence(self) -> dict[str, Any]:
        policy = Policy.objects.get(pk=self.object_id)
        if drafts := policy.versions.filter(published_at=None):
            written = " and ".join(f"Version {each.number} ({language_name(each.language)})" for each in drafts)
            return {"text": f"{written} is already being written. In that language you go on with it."}
        last = policy.versions.first()
        start = "the text that was published last in its language, or in English" if last else "an empty page"
        return {"text": f"A draft opens with {start}. Fans see nothing of it until it is published."}


@admin.register(Policy)
class PolicyAdmin(DeskAdmin):
    form = PolicyForm
    view_on_site = False
    actions = None
    when_empty = "Start from a template: returns, shipping and privacy are what every shop needs."
    list_display = ("title", "kind", "applies_to", "stands", "coming")
    list_filter = (("kind", ChoicesCheckboxFilter),)
    search_fields = ("title", "slug", "versions__source")
    prepopulated_fields = {"slug": ("title",)}
    fieldsets = (
        (None, {"fields": (("title", "slug"), ("kind", "position"))}),
        ("Where it applies", {"fields": ("scope", "replaces_wider")}),
    )
    change_form_outer_before_template = "policies/desk/policy_before.html"
    change_form_outer_after_template = "policies/desk/policy_after.html"
    actions_detail = ("start_version", "start_successor", "retire_policy")
    actions_list = ("start_from_template",)

    class Media:
        css = {"all": ("css/desk_policies.css",)}

    @display(description="Applies to", ordering="scope")
    def applies_to(self, policy: Policy) -> str:
        return capfirst(getattr(policy, "place_in_words", "") or scope_choices.in_words(policy.scope))

    @display(description="Stands now")
    def stands(self, policy: Policy) -> str:
        return _newest(policy, "since", lambda starts: starts <= now()) or "–"

    @display(description="Coming")
    def coming(self, policy: Policy) -> str:
        announced = _newest(policy, "from", lambda starts: starts > now())
        drafts = [f"Draft of version {each.number}" for each in policy.versions.all() if not each.published_at]
        return " · ".join([announced, *drafts] if announced else drafts) or "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        versions = PolicyVersion.objects.defer("source").order_by(*LINE)
        rows: QuerySet[Policy] = super().get_queryset(request).prefetch_related(Prefetch("versions", queryset=versions))
        return rows

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> tuple[str, ...]:
        """Once a version is public, its name and place are part of what was promised; the order on the page is not."""
        return (*FROZEN, "applies_to") if _is_public(obj) else ()

    def get_fieldsets(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        if not _is_public(obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": (("title", "slug"), ("kind", "applies_to"), ("position", "replaces_wider"))}),)

    def fitting(self, object_id: int) -> set[str]:
        """Nothing follows a retirement, and there is nothing to retire before the first text."""
        policy = Policy.objects.filter(pk=object_id).first()
        return _fitting(policy) if policy else set()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Policy | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """A policy that has versions is part of the record; one without was only an idea."""
        return bool(super().has_delete_permission(request, obj)) and obj is not None and not obj.versions.all()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        try:
            with transaction.atomic():
                super().save_model(request, obj, form, change)
        except DatabaseError:  # the trigger: a colleague published it since this page was opened
            messages.error(
                request, "A version was published meanwhile: its name and place are fixed. Nothing was saved."
            )
            return
        if form.changed_data:
            verb = "edited" if change else "named"
            journal.record(f"policy:{obj.slug}", verb, actor=actor(request), why=", ".join(form.changed_data))

    def response_add(self, request: HttpRequest, obj: Policy, post_url_continue: str | None = None) -> HttpResponse:
        """A new policy leads straight to the page where its words are written."""
        draft = new_draft(obj, actor(request))
        return HttpResponseRedirect(reverse("admin:policies_policyversion_change", args=[draft.pk]))

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        policy = Policy.objects.filter(pk=object_id).first()
        if policy is None:
            return {}
        return {
            "policy": policy,
            "versions": PolicyVersion.objects.select_related("policy").filter(policy=policy).defer("source"),
            "server_now": now(),
            "public": policy.versions.filter(published_at__isnull=False).exists(),
            "retirement": retirement(policy.pk),
            "behind": behind([policy.pk]),
            "story": story_of(f"policy:{policy.slug}"),
        }

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The titles of drops are asked for once a page, not once a row."""
        found: Any = super().get_changelist_instance(request)
        titles = scope_choices.drop_titles()
        for policy in found.result_list:
            policy.place_in_words = scopes.in_words(policy.scope, titles)
        return found

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("library/", view(self.library_view), name="policies_policy_library"),
            path("regions/", view(self.regions_view), name="policies_policy_regions"),
        ]
        return [*own, *super().get_urls()]

    def regions_view(self, request: HttpRequest) -> HttpResponse:
        """What a field for a state or region proposes for the country chosen beside it."""
        country = next((request.GET[name] for name in COUNTRY_FIELDS if name in request.GET), "")
        country = country.removeprefix("country:")
        return render(request, "policies/desk/_regions.html", {"regions": regions_of(country)})

    def library_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows the templates; POST ``template`` starts a policy from one and opens its draft."""
        if not self.has_add_permission(request) or not request.user.has_perm("policies.add_policyversion"):
            raise PermissionDenied
        if request.method != "POST":
            context = {"title": "Start from a template", "templates": templates(), "warning": NOT_LEGAL_ADVICE}
            return render(request, "policies/desk/library.html", {**self.admin_site.each_context(request), **context})
        try:
            draft = start(request.POST.get("template", ""), by=actor(request))
        except KeyError:
            raise Http404 from None
        messages.warning(request, NOT_LEGAL_ADVICE)
        return HttpResponseRedirect(reverse("admin:policies_policyversion_change", args=[draft.pk]))

    @action(
        description="Start from a template",
        url_path="from-template",
        icon="library_books",
        permissions=["policies.add_policy", "policies.add_policyversion"],
    )
    def start_from_template(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:policies_policy_library"))

    @action(
        description="Start a new version",
        url_path="new-version",
        icon="edit_document",
        variant=ActionVariant.PRIMARY,
        permissions=["policies.add_policyversion"],
        dialog=dialog("Start a new version", NewVersionDialog, "Open the draft"),
    )
    def start_version(self, request: HttpRequest, form: NewVersionDialog, object_id: str) -> HttpResponse:
        try:
            policy, language = Policy.objects.get(pk=object_id), form.cleaned_data["language"]
            draft = new_draft(policy, actor(request), language=language)
        except Retired as refusal:
            messages.error(request, str(refusal))
            return done(reverse("admin:policies_policy_change", args=[object_id]))
        return done(reverse("admin:policies_policyversion_change", args=[draft.pk]))

    @action(
        description="Another title…",
        url_path="another-title",
        icon="edit",
        permissions=["policies.add_policy", "policies.add_policyversion"],
        dialog=dialog("Another title", SucceedDialog, "Start it under this title"),
    )
    def start_successor(self, request: HttpRequest, form: SucceedDialog, object_id: str) -> HttpResponse:
        policy = Policy.objects.get(pk=object_id)
        try:
            draft = succeed(policy, title=form.cleaned_data["title"], by=actor(request))
        except PolicyError as refusal:
            messages.error(request, str(refusal))
            return done(reverse("admin:policies_policy_change", args=[object_id]))
        after = "" if retirement(policy.pk) else f" Then retire “{policy}”, from the moment this one takes effect."
        messages.success(request, f"The words are all here. Read them and publish this version.{after}")
        return done(reverse("admin:policies_policyversion_change", args=[draft.pk]))

    @action(
        description="Retire",
        url_path="retire",
        icon="event_busy",
        permissions=["policies.publish_policyversion"],
        dialog=dialog("Retire this policy", RetireDialog, "Retire it for good"),
    )
    def retire_policy(self, request: HttpRequest, form: RetireDialog, object_id: str) -> HttpResponse:
        why, starts = form.cleaned_data["why"], form.cleaned_data["effective_at"]
        try:
            end = retire(Policy.objects.get(pk=object_id), why=why, by=actor(request), now=now(), effective_at=starts)
        except PolicyError as refusal:
            messages.error(request, str(refusal))
            return done(reverse("admin:policies_policy_change", args=[object_id]))
        became = f"ends {moment_words(end.effective_at)}" if end.published_at else "waits for a second person"
        messages.success(request, f"{end.policy} {became}.")
        return done(reverse("admin:policies_policyversion_change", args=[end.pk]))


def _newest(policy: Policy, word: str, meets: Callable[[datetime], bool]) -> str:
    """The last of the published versions whose effective time ``meets``, in words: ``Version 3, since 20 Nov 2026``."""
    published = [(each.number, each.effective_at) for each in policy.versions.all() if each.published_at]
    found = [f"Version {number}, {word} {day(starts)}" for number, starts in published if starts and meets(starts)]
    return found[-1] if found else ""


def _fitting(policy: Policy) -> set[str]:
    """The deeds that make sense for a policy as it is now."""
    deeds = {"start_successor"} if _is_public(policy) else set()
    if not retirement(policy.pk):
        deeds.add("start_version")
    if may_retire(policy):
        deeds.add("retire_policy")
    return deeds


def _is_public(policy: Policy | None) -> bool:
    return policy is not None and any(version.published_at for version in policy.versions.all())
