"""Two versions of a policy beside each other at the desk, with the orders that each holds for."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from policies.diffs import changes, headlines, side_by_side
from policies.models import Acceptance, PolicyVersion
from policies.publishing import predecessor


def compare(request: HttpRequest, pk: int, site: admin.AdminSite) -> HttpResponse:
    """GET ``?with=<number>&as=inline``: a version beside another one, by default its predecessor."""
    if not request.user.has_perm("policies.view_policyversion"):
        raise PermissionDenied
    version = get_object_or_404(PolicyVersion.objects.select_related("policy"), pk=pk)
    others = list(PolicyVersion.objects.select_related("policy").filter(policy=version.policy_id).exclude(pk=pk))
    other = _chosen(request.GET.get("with", ""), others) or predecessor(version) or next(iter(others), None)
    pair = sorted([other, version], key=lambda each: each.number) if other else []
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": f"{version.policy.title}: what differs",
        "version": version,
        "other": other,
        "others": others,
        "pair": [(each, orders_under(each)) for each in pair],
        "inline": request.GET.get("as") == "inline",
    }
    if pair:
        old, new = pair
        context |= {"rows": side_by_side(old, new), "pieces": changes(old, new), "headlines": headlines(old, new)}
    return render(request, "policies/desk/compare.html", context)


def orders_under(version: PolicyVersion) -> int:
    """How many orders stand under this version."""
    stands = Acceptance.objects.filter(rendering__version=version, replaced=False)
    return int(stands.aggregate(orders=Count("order_ref", distinct=True))["orders"])


def _chosen(number: str, versions: list[PolicyVersion]) -> PolicyVersion | None:
    return next((each for each in versions if str(each.number) == number), None)
