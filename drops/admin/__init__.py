"""Drops, products and stock at the desk."""

from drops.admin.drops import DropAdmin
from drops.admin.products import ProductAdmin, VariantAdmin
from drops.admin.stock import StockItemAdmin

__all__ = ["DropAdmin", "ProductAdmin", "StockItemAdmin", "VariantAdmin"]
