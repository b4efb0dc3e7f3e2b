"""The page that compares drops: visits, carts, orders, paid."""

import json

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from checkout.conversion import PERIODS, Funnel, report
from checkout.models import Order
from merchant.clock import now
from merchant.desk import desk_context

USUAL = 30


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """``days``: 7, 30 or 90."""
    if not (request.user.has_perm("checkout.view_order") and request.user.has_perm("drops.view_drop")):
        raise PermissionDenied
    asked = request.GET.get("days", "")
    days = next((period for period in PERIODS if str(period) == asked), USUAL)
    found = report(days, now())
    shown = [row for row in found.rows if row.rate is not None]
    context = desk_context(
        request,
        "Conversion",
        Order,
        report=found,
        both=(found.standing, found.timed),
        periods=PERIODS,
        chart=_chart(shown),
        chart_says="; ".join(f"{row.title}: {row.rate:.1f}" for row in shown),
    )
    return render(request, "desk/conversion.html", context)


def _chart(rows: list[Funnel]) -> str:
    """The same numbers for Chart.js."""
    bars = {
        "label": "Paid orders of 100 visits",
        "data": [round(row.rate or 0, 1) for row in rows],
        "backgroundColor": "var(--color-primary-600)",
    }
    return json.dumps({"labels": [row.title for row in rows], "datasets": [bars]})
