"""What a drop can refuse, in its own words. Doors translate these for fans, staff and machines."""

from datetime import datetime


class DropError(Exception):
    """Something a drop refused."""


class SoldOut(DropError):
    """Not enough units of ``sku``. With ``in_other_carts`` there would be, if what others hold came back."""

    def __init__(self, sku: str, *, in_other_carts: bool) -> None:
        super().__init__(f"{sku} is {'in other carts' if in_other_carts else 'sold out'}.")
        self.sku = sku
        self.in_other_carts = in_other_carts


class StillThere(DropError):
    """There is nothing to wait for: it is on sale."""


class HoldExpired(DropError):
    """The units are no longer kept for this owner."""


class NotOpen(DropError):
    """Nobody can buy now. ``opens_at`` says when one can; None: not known, or never again."""

    def __init__(self, opens_at: datetime | None = None) -> None:
        super().__init__("The drop is not open." if opens_at is None else f"The drop opens at {opens_at.isoformat()}.")
        self.opens_at = opens_at


class LimitReached(DropError):
    """More units of ``sku`` than one person may have."""

    def __init__(self, sku: str, limit: int) -> None:
        super().__init__(f"One person can have {limit} of {sku}.")
        self.sku = sku
        self.limit = limit


class IllegalMove(DropError):
    """A drop cannot go from the state it is in to the wanted one; the message says why."""


class UnknownOffer(DropError):
    """This is not (or no longer) on offer in the drop."""


class UnitsInUse(DropError):
    """Units that are held or sold cannot be taken out of the stock. ``free`` units could be."""

    def __init__(self, code: str, free: int) -> None:
        super().__init__(f"Only {free} units of {code} are free; the others are held or sold.")
        self.code = code
        self.free = free


class StockMoved(DropError):
    """Somebody else changed this stock since a form was shown; the message says what it is now, in words for staff."""


class NotSold(DropError):
    """Fewer units than that were sold to this owner, or they came back before."""


class NotReady(IllegalMove):
    """The checklist forbids scheduling; ``hurdles`` says what is missing, in the merchant's words."""

    def __init__(self, hurdles: list[str]) -> None:
        super().__init__(" ".join(hurdles))
        self.hurdles = hurdles


class SignUpRefused(DropError):
    """An address to hear of a drop was not taken; ``problems`` says why, by field, for the fan."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems
