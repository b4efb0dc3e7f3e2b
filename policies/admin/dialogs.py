"""What is asked before a draft goes a step on: to review, back, approved, public."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from merchant.clock import now
from merchant.desk import ConfirmDialog
from merchant.templatetags.shop import with_utc
from policies.diffs import changes, headlines
from policies.life import Life
from policies.models import Policy, PolicyVersion
from policies.publishing import earliest_start, fingerprint, obstacles, predecessor, retirement, starts_at

# Which buttons a draft has, the usual one first. What is public has none.
BUTTONS: dict[str, tuple[str, ...]] = {
    Life.DRAFT: ("ask_review", "publish_version"),
    Life.IN_REVIEW: ("approve_version", "send_back", "publish_version"),
    Life.APPROVED: ("publish_version", "send_back"),
}
AT_ONCE, AT_TIME, BY_HAND = "once", "time", "hand"


class DraftDialog(ConfirmDialog):
    """Shows what is about to happen to a draft, and remembers which words were read."""

    form_before_template = "policies/desk/_publish.html"
    reviewed = forms.CharField(widget=forms.HiddenInput)
    approval = True  # whether a missing second person stands against it

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.draft = PolicyVersion.objects.select_related("policy").get(pk=object_id)
        self.fields["reviewed"].initial = fingerprint(self.draft)

    def words(self) -> str:
        raise NotImplementedError

    def consequence(self) -> dict[str, Any]:
        before = predecessor(self.draft)
        return {
            "text": self.words(),
            "hurdles": self.hurdles(),
            "pieces": changes(before, self.draft),
            "headlines": headlines(before, self.draft),
        }

    def clean(self) -> dict[str, Any]:
        if self.hurdles():
            raise forms.ValidationError("It cannot go on yet.")
        if self.cleaned_data.get("reviewed") != fingerprint(self.draft):
            raise forms.ValidationError("Somebody edited this draft meanwhile. Close this and read it again.")
        typed: dict[str, Any] = self.cleaned_data
        return typed

    def hurdles(self) -> list[str]:
        at = now()
        return obstacles(self.draft, now=at, effective_at=starts_at(self.draft, at), approval=self.approval)


class PublishDialog(DraftDialog):
    def words(self) -> str:
        if self.draft.retires:
            return f"“{self.draft.policy}” ends {_from(self.draft)}, for good. Orders placed until then keep it."
        before = predecessor(self.draft)
        after = f" It follows version {before.number}; orders placed until then keep that one." if before else ""
        return f"{self.draft} becomes public and takes effect {_from(self.draft)}. It can never be edited again.{after}"


class ReviewDialog(DraftDialog):
    approval = False

    def words(self) -> str:
        return f"{self.draft} is shown to a reviewer, who approves it or sends it back. You can still edit it."


class ApproveDialog(DraftDialog):
    approval = False
    when = forms.ChoiceField(
        label="Publish",
        choices=[(each, each) for each in (AT_ONCE, AT_TIME, BY_HAND)],  # in words once the draft is known
        initial=AT_ONCE,
        widget=UnfoldAdminRadioSelectWidget,
    )
    effective_at = forms.SplitDateTimeField(
        label="Takes effect", required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="In the shop's time."
    )

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        when = cast("forms.ChoiceField", self.fields["when"])
        when.choices = [
            (AT_ONCE, f"Now, to take effect {_soonest(self.draft)}"),
            (AT_TIME, "Now, to take effect at the time below"),
            (BY_HAND, "Later, by hand"),
        ]
        if self.draft.effective_at:
            self.fields["effective_at"].initial = self.draft.effective_at
            self.fields["when"].initial = AT_TIME

    def words(self) -> str:
        return f"You have read {self.draft} and stand for it. {self._asked()}"

    def clean(self) -> dict[str, Any]:
        typed = super().clean()
        if typed.get("when") == AT_TIME and not typed.get("effective_at"):
            raise forms.ValidationError("Choose the day and the time it takes effect.")
        return typed

    @property
    def starts(self) -> dict[str, Any]:
        """When it takes effect, as ``approve`` is told; by hand, the draft keeps its time."""
        typed = self.cleaned_data
        return {
            "effective_at": typed["effective_at"] if typed["when"] == AT_TIME else None,
            "at_once": typed["when"] == AT_ONCE,
        }

    @property
    def publishes(self) -> bool:
        return bool(self.cleaned_data["when"] != BY_HAND)

    def _asked(self) -> str:
        by = self.draft.review_asked_by.removeprefix("staff:")
        return f"{by} asked for this review." if by else ""


class SendBackDialog(DraftDialog):
    why = forms.CharField(
        label="What should change", max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )

    def words(self) -> str:
        return f"{self.draft} goes back to whoever writes it, with your words."

    def hurdles(self) -> list[str]:
        return []


class SucceedDialog(ConfirmDialog):
    """A public title is fixed; the same words go on under another one."""

    title = forms.CharField(max_length=120, widget=UnfoldAdminTextInputWidget, help_text="As fans will read it.")

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self.policy = Policy.objects.get(pk=object_id)
        self.fields["title"].initial = self.policy.title

    def consequence(self) -> dict[str, Any]:
        text = (
            f"“{self.policy}” is the title that fans were shown and that is sealed with each version, so it stays. A "
            "new policy opens as a draft with the same words, kind and place."
        )
        after = "" if retirement(self.policy.pk) else " Publish it, then retire this one."
        return {"text": f"{text}{after} Orders keep what they were placed under."}

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"]
        if title == self.policy.title:
            raise forms.ValidationError("That is its title now. Write the one it should have.")
        return title


class RetireDialog(ConfirmDialog):
    """Ends a policy: from when on, and why, which fans read."""

    why = forms.CharField(
        label="Why it ends, in plain words",
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Fans read it on its page, in the changelog and in the feed.",
    )
    effective_at = forms.SplitDateTimeField(
        label="From",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="In the shop's time. Empty: as soon as a material change may take effect.",
    )

    def consequence(self) -> dict[str, Any]:
        policy = Policy.objects.get(pk=self.object_id)
        hurdles = [] if policy.versions.filter(published_at__isnull=False) else ["Nothing of it is public yet."]
        text = (
            f"Orders placed from then on are made without “{policy}”. Those placed before keep their version. Nothing "
            "can follow in it: to promise it again, or elsewhere, start another policy."
        )
        return {"text": text, "hurdles": hurdles}


def _from(draft: PolicyVersion) -> str:
    at = now()
    return _on(starts_at(draft, at), at)


def _soonest(draft: PolicyVersion) -> str:
    at = now()
    return _on(earliest_start(draft, at), at)


def _on(starts: datetime, at: datetime) -> str:
    return f"on {with_utc(starts)}" if starts > at else "at once"
