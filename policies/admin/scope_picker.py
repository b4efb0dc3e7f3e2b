"""The place of a policy, chosen in words: which drop, which tags, shipped where, pre-orders or everything."""

from collections.abc import Set
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from policies import scope_choices, scopes
from policies.admin.parts import PLACE, PartsField, PartsWidget, choice, choices, proposes_regions, region_of
from policies.models import Policy
from policies.places import region_name

LAND_AND_REGION = frozenset([2, 3])
LEFT_ALONE = (
    "Left as it is, it applies to everything the shop sells. Each choice narrows it: an order must meet all of them."
)
CHANGED = "Each choice narrows it: an order must meet all of them. Without any, it is everything the shop sells."
LONGEST = Policy._meta.get_field("scope").max_length or 0


class ScopePicker(PartsWidget):
    name = "Applies to"
    parts = ("Drop", "With something tagged", "Shipped to", "State or region", "Kind of order")

    def __init__(self) -> None:
        region = {"placeholder": "All of it", **proposes_regions("scope_2", "scope-regions")}
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


class ScopeField(PartsField):
    """Its value is a scope as it is stored, such as ``drop:winter-robe + country:DE``. ``offer`` fills its lists."""

    widget: ScopePicker

    def __init__(self) -> None:
        drop = choice("There is no such drop. Choose one from the list.")
        tags = choices("No product has the tag “%(value)s”. Choose from the list.")
        land = choice("There is no such country. Choose one from the list.")
        region = forms.CharField(required=False, max_length=80)
        kind = choice("Choose all orders, or pre-orders only.")
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
        for part, offered in lists.items():
            self.fill(part, offered)

    def about(self, refusal: ValidationError) -> Set[int]:
        is_about_place = any(each.code == PLACE for each in refusal.error_list)
        return LAND_AND_REGION if is_about_place else super().about(refusal)

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


def _place(land: str, region: str) -> list[str]:
    """The key of a country, a union, or a region of a country."""
    if not region:
        return [land] if land else []
    kind, _, country = land.partition(":")
    return [f"region:{region_of(country if kind == 'country' else '', region)}"]
