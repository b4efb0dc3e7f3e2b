"""The desk's sidebar, in the merchant's words and order. Everyone sees the doors that open for them."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy

from merchant.store import current_store

Item = dict[str, Any]


def shop_name(request: HttpRequest) -> str:
    return current_store().name


def environment(request: HttpRequest) -> list[str] | None:
    """A label at the top of every page while no real money moves."""
    if settings.DEMO:
        return ["Demo", "info"]
    if settings.STRIPE_SECRET_KEY.startswith("sk_test_"):
        return ["Test payments", "warning"]
    return None


def icon(request: HttpRequest) -> str:
    return static("img/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    return static("css/desk.css")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar; Unfold hides what ``permission`` refuses."""
    return [
        {
            "items": [
                {"title": "Today", "icon": "today", "link": reverse("admin:index"), "permission": lambda _: True},
                _list("Drops", "rocket_launch", "drops", "drop"),
                _list("Orders", "receipt_long", "checkout", "order"),
                {
                    "title": "Conversion",
                    "icon": "monitoring",
                    "link": reverse_lazy("admin:checkout_order_conversion"),
                    "permission": _may_view("checkout", "order"),
                },
                _list("Waiting lists", "hourglass_top", "checkout", "waitingplace"),
                _list("Requests", "assignment_return", "checkout", "fanrequest"),
                _list("Disputes", "balance", "checkout", "dispute"),
                _list("Ship dates", "event_upcoming", "checkout", "delaynotice"),
                _list("Fans", "group", "segments", "fan"),
                _list("Segments", "filter_alt", "segments", "segment"),
                _list("Messages", "mail", "segments", "message"),
                _list("Policies", "gavel", "policies", "policy"),
                _list("Rules", "rule", "policies", "rule"),
            ]
        },
        {
            "title": "What you sell",
            "items": [
                _list("Products", "checkroom", "drops", "product"),
                _list("Stock", "inventory_2", "drops", "stockitem"),
                _list("Discounts", "percent", "checkout", "discount"),
            ],
        },
        {
            "title": "Settings",
            "items": [
                _list("Shop", "storefront", "merchant", "storeprofile"),
                _list("Delivery", "local_shipping", "checkout", "shippingzone"),
                _list("Pick-up points", "pin_drop", "checkout", "pickuppoint"),
                _list("Tax", "account_balance", "checkout", "taxrate"),
                _list("People", "badge", "auth", "user"),
                _list("Roles", "shield_person", "auth", "group"),
                _list("Payment news", "webhook", "checkout", "webhookevent"),
                _list("Erasure", "person_off", "checkout", "erasurerequest"),
                _list("What is kept", "auto_delete", "checkout", "retentionperiod"),
                _list("Journal", "history", "merchant", "journalentry"),
            ],
        },
    ]


def _list(title: str, icon: str, app: str, model: str) -> Item:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_view(app, model),
    }


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def may(request: HttpRequest) -> bool:
        return request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}")

    return may
