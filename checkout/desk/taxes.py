"""Tax at the desk: a rate for each place."""

from django import forms
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2Widget

from checkout.desk.tables import COUNTRY_CHOICES, TableAdmin
from checkout.models import TaxRate
from checkout.totals.taxes import percent
from merchant.desk import COUNTRIES, PercentField


class TaxForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    country = forms.ChoiceField(choices=COUNTRY_CHOICES, widget=UnfoldAdminSelect2Widget)
    basis_points = PercentField(label="Rate, %", help_text="19 for 19 %.")

    class Meta:
        model = TaxRate
        fields = ("title", "country", "region", "basis_points", "on_shipping")


class TaxRateAdmin(TableAdmin):
    """Without any rate the shop's one tax counts everywhere; with one, places that are not in the table have none."""

    form = TaxForm
    fields = ("title", ("country", "region"), "basis_points", "on_shipping")
    when_empty = "Until there is a rate, the tax of the shop's settings holds everywhere."
    list_display = ("title", "place", "rate", "on_shipping")
    search_fields = ("title", "country", "region")

    @display(description="Where", ordering="country")
    def place(self, tax: TaxRate) -> str:
        country = COUNTRIES.get(tax.country, tax.country)
        return f"{country}, {tax.region}" if tax.region else country

    @display(description="Rate", ordering="basis_points")
    def rate(self, tax: TaxRate) -> str:
        return percent(tax.basis_points)
