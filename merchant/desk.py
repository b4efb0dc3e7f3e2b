"""What the pages of the merchant's desk share: read-only pages, money as people type it, the story of a thing."""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from babel import Locale
from django import forms
from django.contrib import admin
from django.contrib.admin.checks import ModelAdminChecks
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from merchant import journal
from merchant.clock import now
from merchant.models import JournalEntry
from merchant.money import Money, exponent
from merchant.store import current_store
from merchant.templatetags.desk import as_in_the_sidebar, when

COUNTRIES = {code: name for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}


class DeskAdmin(ModelAdmin):
    """A page of the desk. Saving writes only what the form shows: counters and states have writers of their own."""

    # Unfold's own checks ask the database for permissions; `migrate` runs the checks before there are any.
    checks_class = ModelAdminChecks
    compressed_fields = True
    warn_unsaved_form = True
    list_filter_submit = True
    list_per_page = 50
    when_empty = ""  # what fills this list, said while nothing is in it

    def around(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """What the panels around the form of one row show; nothing where the row is gone."""
        return {}

    def fitting(self, object_id: int) -> Iterable[str] | None:
        """The deeds of ``actions_detail`` that make sense for a row as it is now; None for all of them."""
        return None

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if object_id:
            extra_context = {**(extra_context or {}), **self.around(request, object_id)}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        offered, fitting = list(super().get_actions_detail(request, object_id)), self.fitting(object_id)
        if fitting is None:
            return offered
        names = {f"{self.opts.app_label}_{self.opts.model_name}_{deed}" for deed in fitting}
        return [each for each in offered if each.action_name in names]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if any("\0" in value for values in request.GET.lists() for value in values[1]):
            return redirect(request.path)  # the database takes no NUL: the list, without any filter
        title = as_in_the_sidebar(self.opts.verbose_name_plural)
        answer: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        own = {field.name for field in obj._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.changed_data if name in own])

    def get_urls(self) -> list[Any]:
        """Each page and each deed of a row survives that the row is gone: a colleague deleted it in another tab."""
        urls = super().get_urls()
        for each in urls:
            if "object_id" in each.pattern.converters:
                each.callback = self._unless_gone(each.callback)
        return list(urls)

    def _unless_gone(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except (ObjectDoesNotExist, ValueError, NoReverseMatch):
                object_id = kwargs["object_id"]
                if self.get_object(request, object_id) is not None:
                    raise
                answer: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
                return answer

        return guarded


def actor(request: HttpRequest) -> str:
    """Who acts, as the journal names them."""
    return journal.staff(request.user.get_username())


class ReadOnlyAdmin(DeskAdmin):
    """A page to look at: what it shows is written by the shop's verbs alone."""

    actions = None
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class PanelAdmin(ReadOnlyAdmin):
    """The same without any fields: the panels around them show it all."""

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return []


class MoneyField(forms.DecimalField):
    """An amount as people type it ("48.00"); its value is minor units of the shop's currency."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "class": "desk-money"}))
        super().__init__(min_value=Decimal(0), max_digits=10, **options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return str(Money(value, _currency()).as_decimal())
        return value

    def clean(self, value: Any) -> int | None:
        amount: Decimal | None = super().clean(value)
        if amount is None:
            return None
        minor = amount.scaleb(exponent(_currency()))
        if minor != minor.to_integral_value():
            raise ValidationError(f"{_currency()} has {exponent(_currency())} digits after the point.")
        return int(minor)

    def has_changed(self, initial: Any, data: Any) -> bool:
        before = Money(initial, _currency()).as_decimal() if isinstance(initial, int) else initial
        return super().has_changed(before, data)


def _currency() -> str:
    return current_store().currency


class WhyField(forms.CharField):
    """Why somebody does it, in one line."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, label: str = "Why", **options: Any) -> None:
        super().__init__(label=label, max_length=200, **options)


class PercentField(forms.DecimalField):
    """A percentage as people type it ("19"); its value is hundredths of a percent."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", UnfoldAdminDecimalFieldWidget)
        super().__init__(min_value=Decimal(0), max_value=Decimal(100), decimal_places=2, **options)

    def prepare_value(self, value: Any) -> Any:
        return f"{Decimal(value).scaleb(-2):f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        return int((super().clean(value) or Decimal(0)).scaleb(2))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(Decimal(initial).scaleb(-2) if isinstance(initial, int) else initial, data)


class ConfirmDialog(BaseDialogForm):
    """Asks before a deed and names what it will do, in the words of ``consequence``."""

    form_before_template = "desk/_confirm.html"

    def consequence(self) -> dict[str, Any]:
        """``text`` and, if something stands against it, ``hurdles``."""
        raise NotImplementedError

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {**self.consequence(), "errors": self.non_field_errors() if self.is_bound else []}


def dialog(title: str, form: type[ConfirmDialog], submit: str) -> dict[str, Any]:
    """How Unfold is told of a dialog."""
    return {"title": title, "description": "", "form_class": form, "form_submit_text": submit}


def desk_context(request: HttpRequest, title: str, of: type[Model], **shown: Any) -> dict[str, Any]:
    """What a page of the desk beside its tables' own shows, under the menu's entry of ``of``."""
    return {
        **admin.site.each_context(request),
        "title": title,
        "opts": of._meta,
        "server_now": now(),
        **shown,
    }


def form_page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page around ``form``: 422 where something in it is wrong."""
    return render(request, template, context, status=422 if context["form"].errors else status)


def done(url: str) -> HttpResponse:
    """The answer to a dialog that did its deed: htmx goes to ``url``."""
    return HttpResponse(headers={"HX-Redirect": url})


def moment_cell(at: datetime | None) -> str:
    """A time in a table: with its zone, and below it how far away it is."""
    return panel("desk/_moment.html", at=at, server_now=now()) if at else "–"


def moment_words(at: datetime | None) -> str:
    """The same in a sentence."""
    return when(at, now()) if at else "at no set time"


def story_of(subject: str) -> SafeString:
    """The journal of one thing, oldest first."""
    entries = JournalEntry.objects.filter(subject=subject).order_by("id")[:200]
    return render_to_string("desk/_story.html", {"entries": entries})


def panel(template: str, **context: Any) -> SafeString:
    """A rendered panel inside a page of the desk."""
    return render_to_string(template, context)


def listing(page: str, **filters: Any) -> str:
    """The address of a list at the desk: ``listing("checkout_order", state__exact="deferred")``."""
    return reverse(f"admin:{page}_changelist") + (f"?{urlencode(filters)}" if filters else "")
