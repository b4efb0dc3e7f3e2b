"""The places of a rule, chosen by their names: countries and unions, states and regions, and postal codes as typed."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSelect2MultipleWidget, UnfoldAdminTextareaWidget

from policies import scope_choices
from policies.admin.parts import PartsField, PartsWidget, choices
from policies.places import (
    AREAS,
    MOST_PLACES,
    MOST_TEXT,
    addresses,
    country_names,
    gathered,
    read_postal_codes,
)

NO_COUNTRY = {"invalid_choice": "There is no such country. Choose from the list."}
LEFT_ALONE = "The delivery address decides. An order has to lie in one of them; with none, the rule holds everywhere."


class CountriesField(forms.MultipleChoiceField):
    """Countries chosen by their names, or a union for all of its countries; its value is a list of two-letter codes.

    ``none`` is what the empty field says: whatever no country at all means here."""

    def __init__(self, *, none: str, **options: Any) -> None:
        widget = UnfoldAdminSelect2MultipleWidget(attrs={"data-placeholder": none})
        super().__init__(widget=widget, required=False, error_messages=NO_COUNTRY, **options)

    def offer(self, saved: Sequence[str]) -> None:
        """Fill the list: unions, countries, and codes that are ``saved`` though nothing can be sent there."""
        names = addresses()
        kept = [(code, f"{country_names().get(code, code)} (not a country)") for code in saved if code not in names]
        lands = [(key.removeprefix("country:"), name) for key, name in scope_choices.lands()]
        self.choices = [*lands, *kept]

    def prepare_value(self, value: Any) -> Any:
        areas, others = gathered(value or [])
        return [*(f"area:{area}" for area in areas), *others]

    def clean(self, value: Any) -> list[str]:
        return _codes(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return set(initial or []) != set(_codes(data or []))


class PlacePicker(PartsWidget):
    name = "Places"
    parts = ("Countries", "States and regions", "Postal codes")
    helps = (
        "",
        "Of the countries that you deliver to.",
        "The country, then a code, its beginning, or a range; with commas or lines between: US 99500-99999, GB BT.",
    )

    def __init__(self) -> None:
        postal = {"rows": 2, "placeholder": "US 99500-99999", "maxlength": MOST_TEXT, "autocomplete": "off"}
        super().__init__(
            [
                UnfoldAdminSelect2MultipleWidget(attrs={"data-placeholder": "Any country, or none"}),
                UnfoldAdminSelect2MultipleWidget(attrs={"data-placeholder": "Any state or region, or none"}),
                UnfoldAdminTextareaWidget(attrs=postal),
            ]
        )

    def decompress(self, value: Sequence[str] | None) -> list[Any]:
        """Places taken apart by their kind; the countries of a whole union as that union."""
        areas, others = gathered(value or [])
        lands = [*(f"area:{area}" for area in areas), *(f"country:{each}" for each in others if len(each) == 2)]
        regions = [each for each in others if each[2:3] == "-"]
        return [lands, regions, ", ".join(each for each in others if each[2:3] == " ")]


class PostalCodesField(forms.CharField):
    """Its value is a list of places, each a country's code and a range: ``US 99500-99999``."""

    def clean(self, value: Any) -> list[str]:
        places, wrong = read_postal_codes(super().clean(value))
        if wrong:
            raise ValidationError(wrong)
        return places

    def has_changed(self, initial: Any, data: Any) -> bool:
        return read_postal_codes(str(initial or "")) != read_postal_codes(str(data or ""))


class PlacesField(PartsField):
    """Its value is a list of places as they are stored. ``offer`` fills its lists."""

    def __init__(self) -> None:
        lands = choices(NO_COUNTRY["invalid_choice"])
        regions = choices("There is no such state or region where you deliver to. Choose from the list.")
        super().__init__(
            (lands, regions, PostalCodesField(required=False)),
            widget=PlacePicker(),
            require_all_fields=False,
            required=False,
            label="Places",
            help_text=LEFT_ALONE,
        )

    def offer(self, saved: Sequence[str], *, ships_to: Iterable[str]) -> None:
        """Fill the lists: every country, and the regions of those that the shop delivers to or that ``saved`` names.

        An empty ``ships_to`` means everywhere."""
        self.fill(0, scope_choices.lands())
        self.fill(1, scope_choices.regions(ships_to or addresses(), [each for each in saved if each[2:3] == "-"]))

    def prepare_value(self, value: Any) -> Any:
        """Django takes any list for one that is in parts already; what is stored is a list of places."""
        in_parts = isinstance(value, list) and any(isinstance(part, list) for part in value)
        return value if in_parts else self.widget.decompress(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.widget.decompress(initial), data)

    def compress(self, data_list: list[Any]) -> list[str]:
        lands, regions, postal_codes = data_list or ([], [], [])
        countries = _codes(land.removeprefix("country:") for land in lands)
        places = list(dict.fromkeys([*countries, *regions, *postal_codes]))
        if len(places) > MOST_PLACES:
            raise ValidationError(f"At most {MOST_PLACES} places in one rule; a union counts as its countries.")
        return places


def _codes(lands: Iterable[str]) -> list[str]:
    """``DE`` → ``DE``; ``area:EU`` → its countries; each once."""
    areas = {f"area:{area}": sorted(members) for area, members in AREAS.items()}
    return list(dict.fromkeys(code for land in lands for code in areas.get(land, [land])))
