"""The place of a policy, chosen in words: which drop, which tags, shipped where, pre-orders or everything."""

from collections.abc import Set
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import get_default_renderer
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils.safestring import SafeString, mark_safe
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from policies import scope_choices, scopes
from policies.models import Policy
from policies.places import country_in_words, region_code, region_name

PARTS = ("Drop", "With something tagged", "Shipped to", "State or region", "Kind of order")
LAND_AND_REGION = frozenset([2, 3])
PLACE = "place"  # the code of a refusal that is about these two
LEFT_ALONE = (
    "Left as it is, it applies to everything the shop sells. Each choice narrows it: an order must meet all of them."
)
CHANGED = "Each choice narrows it: an order must meet all of them. Without any, it is everything the shop sells."
LONGEST = Policy._meta.get_field("scope").max_length or 0


class ScopePicker(forms.MultiWidget):
    """Five plain form controls with a label each. JavaScript makes the long lists searchable, and no more."""

    wrong: Set[int] = frozenset()  # which of the five are refused; all of them where they do not go together

    def __init__(self) -> None:
        # Asked when the field is entered: which regions there are depends on the country chosen beside it.
        asks = {
            "hx-get": reverse_lazy("admin:policies_policy_regions"),
            "hx-trigger": "focus",
            "hx-include": "[name=scope_2]",
            "hx-target": "#scope-regions",
        }
        region = {"list": "scope-regions", "autocomplete": "off", "placeholder": "All of it", "maxlength": 80, **asks}
        super().__init__(
            [
                UnfoldAdminSelect2Widget(),
                UnfoldAdminSelect2MultipleWidget(attrs={"data-placeholder": "Any tag, or none"}),
                UnfoldAdminSelect2Widget(),
                UnfoldAdminTextInputWidget(attrs=region),
                UnfoldAdminSelectWidget(),
            ]
        )

    def decompress(self, value: str | None) -> list[Any]:
        """A scope taken apart. Of what lies in each other, the narrowest: California, not the United States as well."""
        named: dict[str, list[str]] = {}
        for key in scopes.keys(value or scopes.SHOP):
            kind, _, name = key.partition(":")
            named.setdefault(kind, []).append(name)
        region = max(named.get("region", []), default="")
        country = region[:2] or max(named.get("country", []), default="")
        area = max(named.get("area", []), default="")
        return [
            max(named.get("drop", []), default=""),
            sorted(named.get("tag", [])),
            f"country:{country}" if country else f"area:{area}" if area else "",
            region_name(region),
            scopes.PREORDER if scopes.PREORDER in named else "",
        ]

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        widgets = self.get_context(name, value, attrs)["widget"]["subwidgets"]
        renderer = renderer or get_default_renderer()
        # Django's own widgets escape what they show.
        controls = [mark_safe(renderer.render(each["template_name"], {"widget": each})) for each in widgets]  # noqa: S308
        ids = [each["attrs"].get("id", "") for each in widgets]
        refused = [number in self.wrong for number in range(len(PARTS))]
        parts = list(zip(PARTS, ids, controls, refused, strict=True))
        return render_to_string("policies/desk/_scope.html", {"parts": parts})


class ScopeField(forms.MultiValueField):
    """Its value is a scope as it is stored, such as ``drop:winter-robe + country:DE``. ``offer`` fills its lists."""

    def __init__(self) -> None:
        drop = _choice("There is no such drop. Choose one from the list.")
        tags = forms.MultipleChoiceField(
            required=False,
            error_messages={"invalid_choice": "No product has the tag “%(value)s”. Choose from the list."},
        )
        land = _choice("There is no such country. Choose one from the list.")
        region = forms.CharField(required=False, max_length=80)
        kind = _choice("Choose all orders, or pre-orders only.")
        super().__init__(
            (drop, tags, land, region, kind),
            widget=ScopePicker(),
            require_all_fields=False,
            required=False,
            initial=scopes.SHOP,
            label="Applies to",
            help_text=LEFT_ALONE,
        )

    def offer(self, saved: str) -> None:
        """Fill the lists from what there is. What ``saved`` names stays on them, though it may be gone by now."""
        drop, tags, *_ = self.widget.decompress(saved)
        lists = {
            0: [("", "Every drop"), *scope_choices.drops([drop] if drop else [])],
            1: scope_choices.tags(tags),
            2: [("", "Anywhere"), *scope_choices.lands()],
            4: [("", "All orders"), (scopes.PREORDER, "Pre-orders only")],
        }
        for part, choices in lists.items():
            field = self.fields[part]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  # told to the type checker
            field.choices = self.widget.widgets[part].choices = choices

    def clean(self, value: Any) -> str:
        try:
            scope: str = super().clean(value)
        except ValidationError as refusal:
            alone = {number for number, field in enumerate(self.fields) if not _accepts(field, value[number])}
            is_about_place = any(each.code == PLACE for each in refusal.error_list)
            self.widget.wrong = alone or (LAND_AND_REGION if is_about_place else frozenset(range(len(PARTS))))
            raise
        return scope

    def compress(self, data_list: list[Any]) -> str:
        if not data_list:
            return scopes.SHOP
        drop, tags, land, region, kind = data_list
        keys = [f"drop:{drop}" if drop else "", *(f"tag:{tag}" for tag in tags), kind]
        chosen = [*filter(None, keys), *_place(land or "", region or "")]
        scope = scopes.written(chosen)
        if len(chosen) > scopes.MOST_KEYS or len(scope) > LONGEST:
            raise ValidationError(f"At most {scopes.MOST_KEYS} of these together. Take one out.")
        return scope


def _choice(refusal: str) -> forms.ChoiceField:
    return forms.ChoiceField(required=False, error_messages={"invalid_choice": refusal})


def _accepts(field: forms.Field, value: Any) -> bool:
    try:
        field.clean(value)
    except ValidationError:
        return False
    return True


def _place(land: str, region: str) -> list[str]:
    """The key of a country, a union, or a region of a country."""
    if not region:
        return [land] if land else []
    kind, _, country = land.partition(":")
    if kind != "country":
        raise ValidationError(f"Choose the country that “{region}” lies in.", code=PLACE)
    code = region_code(country, region)
    if code is None:
        where = country_in_words(country)
        words = f"There is no state or region “{region}” in {where}. Choose one that the field proposes."
        raise ValidationError(words, code=PLACE)
    return [f"region:{code}"]
