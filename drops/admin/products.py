"""Products with their variants and pictures."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import Count, Prefetch, QuerySet
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from drops.models import Picture, Product, Variant
from merchant.desk import DeskAdmin


def thumb(file: FieldFile | None, alt: str = "", size: str = "desk-thumb") -> SafeString | str:
    """A small picture, or a dash."""
    return format_html('<img class="{}" src="{}" alt="{}">', size, file.url, alt) if file else "–"


class VariantInline(TabularInline):
    model = Variant
    fields = ("sku", "title", "picture", "weight_grams", "position")
    ordering_field = "position"
    hide_ordering_field = True
    hide_title = True
    extra = 0


class PictureInline(TabularInline):
    model = Picture
    fields = ("preview", "file", "alt", "position")
    readonly_fields = ("preview",)
    ordering_field = "position"
    hide_ordering_field = True
    hide_title = True
    extra = 0

    @display(description="")
    def preview(self, picture: Picture) -> SafeString | str:
        return thumb(picture.file, picture.alt)


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    tags = SimpleArrayField(
        forms.SlugField(),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="With commas: sleepwear, robe. A policy or a rule can apply to a tag. Some mean more: age-18 or "
        "adult, digital, personalised, perishable, final-sale. Orders keep the tags they were placed under.",
    )

    class Meta:
        model = Product
        fields = ("title", "slug", "description", "tags")


@admin.register(Product)
class ProductAdmin(DeskAdmin):
    actions = None
    form = ProductForm
    inlines = (VariantInline, PictureInline)
    when_empty = "What you sell, with its sizes, pictures and weights."
    list_display = ("picture", "title", "skus", "drops")
    list_display_links = ("picture", "title")
    search_fields = ("title", "slug", "variants__sku")
    prepopulated_fields = {"slug": ("title",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        products: QuerySet[Product] = super().get_queryset(request)
        return products.annotate(drop_count=Count("variants__offers__drop", distinct=True)).prefetch_related(
            Prefetch("pictures", to_attr="all_pictures"), "variants"
        )

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    @display(description="")
    def picture(self, product: Any) -> SafeString | str:
        first = product.all_pictures[0] if product.all_pictures else None
        return thumb(first.file, first.alt) if first else "–"

    @display(description="SKUs")
    def skus(self, product: Product) -> str:
        return ", ".join(variant.sku for variant in product.variants.all()) or "–"

    @display(description="In drops", ordering="drop_count")
    def drops(self, product: Any) -> int:
        return int(product.drop_count)


@admin.register(Variant)
class VariantAdmin(DeskAdmin):
    """Only searched, from a drop's offers; edited on its product's page."""

    search_fields = ("sku", "title", "product__title")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Variant]:
        variants: QuerySet[Variant] = super().get_queryset(request)
        return variants.select_related("product")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False
