"""The words of a policy at the desk: written as a draft, read with what they change, published once."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from merchant.clock import now
from merchant.desk import DeskAdmin, actor, dialog, done, moment_cell, moment_words
from policies import scope_choices
from policies.admin.comparing import compare
from policies.admin.dialogs import BUTTONS, ApproveDialog, PublishDialog, ReviewDialog, SendBackDialog
from policies.admin.drafts import TYPED, live_context, save_typed
from policies.diffs import changes, headlines
from policies.errors import EditedMeanwhile, PolicyError
from policies.life import Life, life_of, with_life
from policies.models import PolicyVersion
from policies.publishing import obstacles, predecessor, publish, retirement, starts_at
from policies.rendering import VARIABLES
from policies.reviewing import approve, ask_review, edit, second_person_approves, send_back

LABELS = {
    Life.DRAFT.label: "default",
    Life.IN_REVIEW.label: "warning",
    Life.APPROVED.label: "info",
    Life.SCHEDULED.label: "info",
    Life.IN_FORCE.label: "success",
    Life.SUPERSEDED.label: "default",
    Life.RETIRED.label: "default",
}


class DraftForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    class Meta:
        model = PolicyVersion
        fields = ("summary", "source", "box_wording", "change_class", "change_summary", "effective_at")
        labels = {
            "source": "Text",
            "summary": "In one sentence",
            "box_wording": "Box at checkout",
            "change_class": "How much changes",
            "change_summary": "What changed, in plain words",
            "effective_at": "Takes effect",
        }
        help_texts = {
            "source": "Markdown: ## a heading, **bold**, - a list, [words](https://…). Filled in for each drop: "
            + ", ".join(f"{{{{ {name} }}}}" for name in VARIABLES)
            + ".",
            "box_wording": "Fans must tick a box with these words before they can pay. Empty: shown, nothing to tick.",
            "change_class": "After a material change, fans who are checking out at that moment are asked again.",
            "change_summary": "One sentence for the public changelog.",
            "effective_at": "In the shop's time. Empty: the moment it is published.",
        }
        widgets = {
            "source": UnfoldAdminTextareaWidget(attrs={"rows": 22, "class": "policy-source", "spellcheck": "true"}),
            "change_summary": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in TYPED:
            if name in self.fields:
                self.fields[name].required = name == "change_class"  # a draft may be unfinished; publishing asks
                self.fields[name].widget.attrs |= _saves_as_one_types(self.instance)

    def clean(self) -> dict[str, Any]:
        """Two people must not write over each other: what this one typed stays on the page, with the reason."""
        typed: dict[str, Any] = super().clean() or {}
        revision = _whole(self.data.get("revision", ""))
        if revision is not None and self.instance.pk and revision != self.instance.revision:
            raise forms.ValidationError(
                f"{EditedMeanwhile(self.instance.edited_by, self.instance.edited_at)} Copy your words, open the draft "
                "anew and put in what is missing."
            )
        return typed


@admin.register(PolicyVersion)
class PolicyVersionAdmin(DeskAdmin):
    form = DraftForm
    compressed_fields = False  # the words get the room; how they read stands beside them
    view_on_site = False
    actions = None
    list_display = ("name", "state", "takes_effect", "change_summary")
    list_filter = ("policy",)
    search_fields = ("policy__title", "summary", "source", "change_summary")
    list_select_related = ("policy",)
    ordering = ("policy__position", "policy__title", "-number")
    fieldsets = (
        ("What fans read", {"fields": ("summary", "source", "box_wording")}),
        ("What changes", {"fields": ("change_class", "change_summary", "effective_at")}),
    )
    change_form_outer_before_template = "policies/desk/version_before.html"
    change_form_outer_after_template = "policies/desk/version_after.html"
    readonly_fields = ("takes_effect",)
    change_form_before_template = "policies/desk/_revision.html"
    actions_detail = ("ask_review", "approve_version", "send_back", "publish_version")

    class Media:
        css = {"all": ("css/desk_policies.css",)}
        js = ("js/desk_draft.js",)

    @display(description="Version", ordering="policy__title")
    def name(self, version: PolicyVersion) -> str:
        return str(version)

    @display(description="State", label=LABELS)
    def state(self, version: PolicyVersion) -> str:
        return Life(version.life).label  # type: ignore[attr-defined]  # annotated by with_life

    @display(description="Takes effect", ordering="effective_at")
    def takes_effect(self, version: PolicyVersion) -> str:
        return moment_cell(version.effective_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyVersion]:
        rows: QuerySet[PolicyVersion] = super().get_queryset(request).select_related("policy")
        return with_life(rows, now())

    def get_fieldsets(self, request: HttpRequest, obj: PolicyVersion | None = None) -> Any:
        """A published text is read as fans read it, below; only what is about it stays in the form."""
        if obj is None or obj.published_at is None:
            return super().get_fieldsets(request, obj)
        return (("What changed", {"fields": ("change_class", "change_summary", "takes_effect")}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a version is started from its policy

    def has_change_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and (obj is None or obj.published_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and obj is not None and obj.published_at is None

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        version = PolicyVersion.objects.get(pk=object_id)
        wanted = list(BUTTONS.get(life_of(version, now()), ()))
        if not version.retires and retirement(version.policy_id):
            return []  # a draft that was left behind: nothing follows a retirement
        if second_person_approves() and wanted[:1] != ["publish_version"]:
            wanted = [name for name in wanted if name != "publish_version"]
        offered = {each.action_name: each for each in super().get_actions_detail(request, object_id)}
        names = [f"policies_policyversion_{name}" for name in wanted]
        return [offered[name] for name in names if name in offered]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the draft, and only while it is one: a colleague may publish it at this moment."""
        typed = {name: form.cleaned_data[name] for name in form.changed_data}
        try:
            edit(obj, typed, by=actor(request), now=now(), revision=_whole(request.POST.get("revision", "")))
        except PolicyError as refusal:
            messages.error(request, f"Your words were not saved. {refusal}")

    def get_urls(self) -> list[Any]:
        """Behind the form: the door for what is typed; and two versions beside each other."""
        live = self.admin_site.admin_view(self.live_view)
        beside = self.admin_site.admin_view(lambda request, pk: compare(request, pk, self.admin_site))
        return [
            path("<int:pk>/live/", live, name="policies_policyversion_live"),
            path("<int:pk>/compare/", beside, name="policies_policyversion_compare"),
            *super().get_urls(),
        ]

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST saves what was typed so far and answers with what is wrong with it and how it reads."""
        version = get_object_or_404(PolicyVersion.objects.select_related("policy"), pk=pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request, version):
            raise PermissionDenied
        form = DraftForm({**model_to_dict(version, TYPED), **request.POST.dict()}, instance=version)
        form.is_valid()
        fields = {name: form.cleaned_data[name] for name in TYPED if name in form.cleaned_data}
        typed = {name: request.POST.get(name, "") for name in TYPED if name in request.POST} | fields
        errors = [f"{form[name].label}: {told[0]}" for name, told in form.errors.items() if name in TYPED]
        version.refresh_from_db()
        revision = _whole(request.POST.get("revision", ""))
        saving = save_typed(version, typed, by=actor(request), revision=revision, errors=errors)
        context = {"saving": saving, **live_context(saving.draft)}
        return render(request, "policies/desk/_live.html", context)

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        version = PolicyVersion.objects.select_related("policy").filter(pk=object_id).first()
        return _around(version) if version else {}

    @action(
        description="Send to review",
        url_path="ask-review",
        icon="rate_review",
        variant=ActionVariant.PRIMARY,
        permissions=["policies.change_policyversion"],
        dialog=dialog("Send to review", ReviewDialog, "Send to review"),
    )
    def ask_review(self, request: HttpRequest, form: ReviewDialog, object_id: str) -> HttpResponse:
        return _do(request, object_id, lambda: ask_review(form.draft, by=actor(request), now=now()), "is in review")

    @action(
        description="Approve",
        url_path="approve",
        icon="check_circle",
        variant=ActionVariant.PRIMARY,
        permissions=["policies.publish_policyversion"],
        dialog=dialog("Approve this version", ApproveDialog, "Approve"),
    )
    def approve_version(self, request: HttpRequest, form: ApproveDialog, object_id: str) -> HttpResponse:
        reviewed = form.cleaned_data["reviewed"]

        def decide() -> PolicyVersion:
            with transaction.atomic():
                by, at = actor(request), now()
                draft = approve(form.draft, by=by, now=at, reviewed=reviewed, **form.starts)
                return publish(draft, by=by, now=at) if form.publishes else draft

        return _do(request, object_id, decide, "is approved")

    @action(
        description="Send back",
        url_path="send-back",
        icon="undo",
        permissions=["policies.publish_policyversion"],
        dialog=dialog("Send back", SendBackDialog, "Send back"),
    )
    def send_back(self, request: HttpRequest, form: SendBackDialog, object_id: str) -> HttpResponse:
        why = form.cleaned_data["why"]
        return _do(request, object_id, lambda: send_back(form.draft, by=actor(request), why=why), "went back")

    @action(
        description="Publish this version",
        url_path="publish",
        icon="publish",
        variant=ActionVariant.PRIMARY,
        permissions=["policies.publish_policyversion"],
        dialog=dialog("Publish this version", PublishDialog, "Publish for good"),
    )
    def publish_version(self, request: HttpRequest, form: PublishDialog, object_id: str) -> HttpResponse:
        reviewed = form.cleaned_data["reviewed"]

        def make_public() -> PolicyVersion:
            return publish(form.draft, by=actor(request), now=now(), reviewed=reviewed)

        return _do(request, object_id, make_public, "is public")


def _do(request: HttpRequest, object_id: str, deed: Callable[[], PolicyVersion], words: str) -> HttpResponse:
    """Do it, say what became of it, and go back to the version's page."""
    try:
        version = deed()
        if version.published_at:
            words = f"is public. It takes effect {moment_words(version.effective_at)}"
        messages.success(request, f"{version} {words}.")
    except PolicyError as refusal:
        messages.error(request, str(refusal) or "Somebody edited this draft. Read it again.")
    return done(reverse("admin:policies_policyversion_change", args=[object_id]))


def _saves_as_one_types(version: PolicyVersion) -> dict[str, str]:
    """One request at a time: the next one carries the revision that the last one made."""
    if not version.pk:
        return {}
    return {
        "hx-post": reverse("admin:policies_policyversion_live", args=[version.pk]),
        "hx-trigger": "input changed delay:600ms, change",
        "hx-include": "closest form",
        "hx-target": "#policy-live",
        "hx-swap": "outerHTML",
        "hx-sync": "closest form:queue last",
    }


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _around(version: PolicyVersion) -> dict[str, Any]:
    at, before = now(), predecessor(version)
    is_draft = version.published_at is None
    return {
        "version": version,
        "applies_to": scope_choices.in_words(version.policy.scope),
        "life": life_of(version, at).label,
        "before": before,
        "pieces": changes(before, version),
        "headlines": headlines(before, version),
        "hurdles": obstacles(version, now=at, effective_at=starts_at(version, at)) if is_draft else [],
        "starts": starts_at(version, at) if is_draft else version.effective_at,
        "server_now": at,
        **live_context(version),
    }
