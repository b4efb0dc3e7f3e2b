"""A field of several labelled controls, each refused on its own: the part that is wrong is the one that is reddened."""

from collections.abc import Sequence, Set
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import get_default_renderer
from django.forms.widgets import ChoiceWidget
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils.safestring import SafeString, mark_safe

from policies.places import country_in_words, region_code

PLACE = "place"  # the code of a refusal that is about a country and its region


class PartsWidget(forms.MultiWidget):
    """Plain form controls with a label each. JavaScript makes the long lists searchable, and no more."""

    name = ""  # of all of them together
    parts: Sequence[str] = ()
    helps: Sequence[str] = ()  # a sentence below a control, or nothing
    wrong: Set[int] = frozenset()  # which of them are refused; all of them where they do not go together

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        widgets = self.get_context(name, value, attrs)["widget"]["subwidgets"]
        renderer = renderer or get_default_renderer()
        # Django's own widgets escape what they show.
        controls = [mark_safe(renderer.render(each["template_name"], {"widget": each})) for each in widgets]  # noqa: S308
        ids = [each["attrs"].get("id", "") for each in widgets]
        refused = [number in self.wrong for number in range(len(self.parts))]
        helps = [*self.helps, *("" for _ in self.parts[len(self.helps) :])]
        parts = list(zip(self.parts, ids, controls, refused, helps, strict=True))
        return render_to_string("policies/desk/_parts.html", {"name": self.name, "parts": parts})


class PartsField(forms.MultiValueField):
    """Tells its widget which of its parts are refused."""

    widget: PartsWidget

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except ValidationError as refusal:
            alone = {number for number, field in enumerate(self.fields) if not _accepts(field, value[number])}
            self.widget.wrong = alone or self.about(refusal)
            raise

    def about(self, refusal: ValidationError) -> Set[int]:
        """The parts that do not go together."""
        return frozenset(range(len(self.fields)))

    def fill(self, part: int, choices: Sequence[Any]) -> None:
        """Give a list its choices, in the field and in its control."""
        field, control = self.fields[part], self.widget.widgets[part]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # told to the type checker
        assert isinstance(control, ChoiceWidget)  # noqa: S101  # the same
        field.choices = control.choices = choices


def choice(refusal: str) -> forms.ChoiceField:
    return forms.ChoiceField(required=False, error_messages={"invalid_choice": refusal})


def choices(refusal: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(required=False, error_messages={"invalid_choice": refusal})


def proposes_regions(country_field: str, datalist: str) -> dict[str, Any]:
    """What makes a text field propose regions, from a list in the page; and be a plain text field without a script.

    Asked when the field is entered: which regions there are depends on the country chosen beside it."""
    return {
        "list": datalist,
        "autocomplete": "off",
        "maxlength": 80,
        "hx-get": reverse_lazy("admin:policies_policy_regions"),
        "hx-trigger": "focus",
        "hx-include": f"[name={country_field}]",
        "hx-target": f"#{datalist}",
        "hx-swap": "innerHTML",
        "hx-push-url": "false",
    }


def region_of(country: str, said: str) -> str:
    """The code of a region as somebody typed it. Raises ValidationError, with the code PLACE, where there is none."""
    if not country:
        raise ValidationError(f"Choose the country that “{said}” lies in.", code=PLACE)
    if code := region_code(country, said):
        return code
    where = country_in_words(country)
    words = f"There is no state or region “{said}” in {where}. Choose one that the field proposes."
    raise ValidationError(words, code=PLACE)


def _accepts(field: forms.Field, value: Any) -> bool:
    try:
        field.clean(value)
    except ValidationError:
        return False
    return True
