"""Lists as Stripe pages them: newest first, cursors by id, filters by creation time; and `expand`."""

from collections.abc import Sequence

from .errors import Json, invalid, no_such
from .params import Params
from .store import Store, public

CURSORS = ("limit", "starting_after", "ending_before", "created")


def page(params: Params, objects: list[Json], url: str, *, extra: Sequence[str] = ()) -> Json:
    """One page of `objects` (given oldest first). `extra` names the endpoint's own filters, already applied."""
    params.only(*CURSORS, *extra)
    newest_first = _created(params, objects[::-1])
    limit = params.integer("limit", least=1, most=100) or 10
    chosen, more = _window(params, newest_first, limit)
    return {"object": "list", "data": chosen, "has_more": more, "url": url}


def _window(params: Params, objects: list[Json], limit: int) -> tuple[list[Json], bool]:
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        raise invalid("You can only provide one of starting_after or ending_before.", param="starting_after")
    if before:
        end = _position(objects, before, "ending_before")
        return objects[max(end - limit, 0) : end], end > limit
    start = _position(objects, after, "starting_after") + 1 if after else 0
    return objects[start : start + limit], len(objects) > start + limit


def _position(objects: list[Json], identifier: str, param: str) -> int:
    for index, obj in enumerate(objects):
        if obj["id"] == identifier:
            return index
    raise no_such("object", identifier, param=param, status=400)


def _created(params: Params, objects: list[Json]) -> list[Json]:
    if isinstance(params.values.get("created"), str):
        exact = params.integer("created")
        return [obj for obj in objects if obj["created"] == exact]
    bounds = params.nested("created")
    bounds.only("gt", "gte", "lt", "lte")
    gt, gte, lt, lte = (bounds.integer(name) for name in ("gt", "gte", "lt", "lte"))
    return [
        obj
        for obj in objects
        if (gt is None or obj["created"] > gt)
        and (gte is None or obj["created"] >= gte)
        and (lt is None or obj["created"] < lt)
        and (lte is None or obj["created"] <= lte)
    ]


def expanded(store: Store, obj: Json, paths: list[str]) -> Json:
    """A copy for the wire: private parts removed, every id on an `expand` path replaced by its object."""
    copy = public(obj)
    for path in paths:
        _expand(store, copy, path.split("."), path)
    return copy


def _expand(store: Store, obj: Json, parts: list[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if name not in obj:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = obj[name]
    if isinstance(value, str):
        found = store.anywhere(value)
        if found is None:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        value = obj[name] = public(found)
    if rest:
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                _expand(store, child, rest, path)
