"""The desk's sidebar, in the merchant's words and order. Everyone sees the doors that open for them."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy

from merchant.store import current_store

Item = dict[str, Any]
# Pages that lie under a list's address and have another door in the sidebar.
ELSEWHERE = {"checkout_order_conversion": "", "checkout_order_rule_tester": "policies_rule_tester"}


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


def _list(title: str, icon: str, app: str, *models: str) -> Item:
    """The list of the first model; it is where one is on the pages of the others, too."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{models[0]}_changelist"),
        "permission": _may_view(app, models[0]),
        "active": lambda request: _where(request).startswith(tuple(f"{app}_{model}_" for model in models)),
    }


def _page(title: str, icon: str, address: str, app: str, model: str) -> Item:
    """A page of its own, for whoever may view ``model``."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(address),
        "permission": _may_view(app, model),
        "active": lambda request: request.path == reverse(address),
    }


def _where(request: HttpRequest) -> str:
    """The name of the address one is at, which begins with the app and the model whose page it is."""
    name = (request.resolver_match and request.resolver_match.url_name) or ""
    return ELSEWHERE.get(name, name)


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def may(request: HttpRequest) -> bool:
        return request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}")

    return may


GROUPS: list[dict[str, Any]] = [
    {
        "items": [
            {"title": "Today", "icon": "today", "link": reverse_lazy("admin:index"), "permission": lambda _: True},
            _list("Drops", "rocket_launch", "drops", "drop"),
            _list("Orders", "receipt_long", "checkout", "order"),
            _page("Conversion", "monitoring", "admin:checkout_order_conversion", "checkout", "order"),
        ]
    },
    {
        "title": "After the sale",
        "items": [
            _list("Requests", "assignment_return", "checkout", "fanrequest"),
            _list("New ship dates", "event_upcoming", "checkout", "delaynotice"),
            _list("Disputes", "balance", "checkout", "dispute"),
        ],
    },
    {
        "title": "Fans",
        "items": [
            _list("Fans", "group", "segments", "fan"),
            _list("Segments", "filter_alt", "segments", "segment"),
            _list("Messages", "mail", "segments", "message"),
            _list("Waiting lists", "hourglass_top", "checkout", "waitingplace"),
        ],
    },
    {
        "title": "What you promise",
        "items": [
            _list("Policies", "gavel", "policies", "policy", "policyversion"),
            _list("Rules", "rule", "policies", "rule", "ruleversion", "decision"),
        ],
    },
    {
        "title": "What you sell",
        "items": [
            _list("Products", "checkroom", "drops", "product", "variant"),
            _list("Stock", "inventory_2", "drops", "stockitem"),
            _list("Discounts", "percent", "checkout", "discount"),
        ],
    },
    {
        "title": "Settings",
        "items": [
            _list("Shop", "storefront", "merchant", "storeprofile"),
            _list("Delivery zones", "local_shipping", "checkout", "shippingzone"),
            _list("Pick-up points", "pin_drop", "checkout", "pickuppoint"),
            _list("Tax rates", "account_balance", "checkout", "taxrate"),
            _list("People", "badge", "auth", "user"),
            _list("Roles", "shield_person", "auth", "group"),
        ],
    },
    {
        "title": "Records",
        "items": [
            _list("Journal", "history", "merchant", "journalentry"),
            _list("Payment news", "webhook", "checkout", "webhookevent"),
            _list("Erasure requests", "person_off", "checkout", "erasurerequest"),
            _list("What is kept", "auto_delete", "checkout", "retentionperiod"),
        ],
    },
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar; Unfold hides what ``permission`` refuses."""
    return GROUPS
