"""The words of a policy at the desk: written as a draft, read with what they change, published once."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from merchant import journal
from merchant.clock import now
from merchant.desk import ConfirmDialog, DeskAdmin, done, moment_cell, moment_words
from policies.diffs import changes
from policies.errors import PolicyError
from policies.models import PolicyVersion
from policies.publishing import fingerprint, obstacles, predecessor, publish
from policies.rendering import VARIABLES, to_html, variables


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


class PublishDialog(ConfirmDialog):
    """Shows what is about to become public, and remembers which words those were."""

    form_before_template = "policies/desk/_publish.html"
    reviewed = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.draft = PolicyVersion.objects.select_related("policy").get(pk=object_id)
        self.fields["reviewed"].initial = fingerprint(self.draft)

    def consequence(self) -> dict[str, Any]:
        before = predecessor(self.draft)
        starts = moment_words(self.draft.effective_at) if self.draft.effective_at else "at once"
        after = f" It follows version {before.number}; orders placed until then keep that one." if before else ""
        return {
            "text": f"{self.draft} becomes public and takes effect {starts}. It can never be edited again.{after}",
            "hurdles": self._hurdles(),
            "pieces": changes(before, self.draft),
        }

    def clean(self) -> dict[str, Any]:
        if self._hurdles():
            raise forms.ValidationError("It cannot be published yet.")
        if self.cleaned_data.get("reviewed") != fingerprint(self.draft):
            raise forms.ValidationError("Somebody edited this draft meanwhile. Close this and read it again.")
        typed: dict[str, Any] = self.cleaned_data
        return typed

    def _hurdles(self) -> list[str]:
        at = now()
        return obstacles(self.draft, now=at, effective_at=self.draft.effective_at or at)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(DeskAdmin):
    form = DraftForm
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
    actions_detail = ("publish_version",)

    class Media:
        css = {"all": ("css/desk_policies.css",)}

    @display(description="Version", ordering="policy__title")
    def name(self, version: PolicyVersion) -> str:
        return str(version)

    @display(description="State")
    def state(self, version: PolicyVersion) -> str:
        if not version.published_at:
            return "Draft"
        return "Published" if version.effective_at and version.effective_at <= now() else "Announced"

    @display(description="Takes effect", ordering="effective_at")
    def takes_effect(self, version: PolicyVersion) -> str:
        return moment_cell(version.effective_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyVersion]:
        rows: QuerySet[PolicyVersion] = super().get_queryset(request).select_related("policy")
        return rows

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
        if PolicyVersion.objects.filter(pk=object_id, published_at=None).exists():
            return list(super().get_actions_detail(request, object_id))
        return []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the draft, and only while it is one: a colleague may publish it at this moment."""
        typed = {name: form.cleaned_data[name] for name in form.changed_data}
        if not typed:
            return
        if PolicyVersion.objects.filter(pk=obj.pk, published_at=None).update(**typed) != 1:
            messages.error(request, f"{obj} was published while you wrote; your words were not saved.")
            return
        journal.record(
            f"policy:{obj.policy.slug}",
            "draft_edited",
            actor=journal.staff(request.user.get_username()),
            why=", ".join(form.changed_data),
            data={"version": obj.number},
        )

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        version = PolicyVersion.objects.select_related("policy").filter(pk=object_id or 0).first()
        if version:
            extra_context = {**(extra_context or {}), **_around(version)}
        return super().changeform_view(request, object_id, form_url, extra_context)

    @action(
        description="Publish this version",
        url_path="publish",
        icon="publish",
        variant=ActionVariant.PRIMARY,
        permissions=["policies.publish_policyversion"],
        dialog={
            "title": "Publish this version",
            "description": "",
            "form_class": PublishDialog,
            "form_submit_text": "Publish for good",
        },
    )
    def publish_version(self, request: HttpRequest, form: PublishDialog, object_id: str) -> HttpResponse:
        who = journal.staff(request.user.get_username())
        try:
            published = publish(form.draft, by=who, now=now(), reviewed=form.cleaned_data["reviewed"])
            messages.success(request, f"{published} is public. It takes effect {moment_words(published.effective_at)}.")
        except PolicyError as refusal:
            messages.error(request, str(refusal) or "Somebody edited this draft. Read it again.")
        return done(reverse("admin:policies_policyversion_change", args=[object_id]))


def _around(version: PolicyVersion) -> dict[str, Any]:
    at, before = now(), predecessor(version)
    is_draft = version.published_at is None
    return {
        "version": version,
        "before": before,
        "pieces": changes(before, version),
        "preview": _preview(version),
        "hurdles": obstacles(version, now=at, effective_at=version.effective_at or at) if is_draft else [],
        "server_now": at,
    }


def _preview(version: PolicyVersion) -> SafeString:
    """The text as fans would read it, unknown variables standing out instead of failing."""
    unknown = {name: f"?{name}?" for name in variables(version.source) if name not in VARIABLES}
    return mark_safe(to_html(version, VARIABLES | unknown))  # noqa: S308  # sanitised where it is made
