"""Stripe's search language, as much of it as a shop needs: `status:'succeeded' AND metadata['order']:'A1'`."""

import re

from .errors import Json, invalid
from .params import Params

CLAUSE = re.compile(
    r"""^(?P<negated>-)?(?P<field>[a-z_]+)(\[["'](?P<key>[^"']+)["']\])?(?P<operator>:|>=|<=|>|<)(?P<quote>["']?)(?P<value>.*?)(?P=quote)$"""
)
FIELDS = {"amount", "created", "currency", "customer", "status", "metadata"}


def search(params: Params, objects: list[Json], url: str) -> Json:
    """All that match, newest first. The real search lags behind by up to a minute; this one does not."""
    params.only("query", "limit", "page")
    limit = params.integer("limit", least=1, most=100) or 10
    start = params.integer("page", least=0) or 0
    clauses = [_clause(text) for text in re.split(r"\s+AND\s+", params.required("query").strip())]
    found = [obj for obj in reversed(objects) if all(_holds(obj, clause) for clause in clauses)]
    more = len(found) > start + limit
    return {
        "object": "search_result",
        "data": found[start : start + limit],
        "has_more": more,
        "next_page": str(start + limit) if more else None,
        "url": url,
    }


def _clause(text: str) -> re.Match[str]:
    match = CLAUSE.match(text)
    if match is None or match["field"] not in FIELDS:
        raise invalid(f"We were unable to parse your search query: {text}", param="query")
    return match


def _holds(obj: Json, clause: re.Match[str]) -> bool:
    actual = obj["metadata"].get(clause["key"]) if clause["field"] == "metadata" else obj.get(clause["field"])
    return _compare(actual, clause["operator"], clause["value"]) != bool(clause["negated"])


def _compare(actual: object, operator: str, wanted: str) -> bool:
    if operator == ":":
        return actual is not None and str(actual) == wanted
    if not isinstance(actual, int) or not wanted.isdigit():
        return False
    number = int(wanted)
    return {">": actual > number, "<": actual < number, ">=": actual >= number, "<=": actual <= number}[operator]
