"""Who may do what at the desk. One table; ``ensure_roles()`` brings the database in line with it.

A role is a Django group. Nobody is given more than the table says: a permission that was added by hand to one of these
groups goes at the next run. A shop that needs another mix makes a group of its own beside them.
"""

from typing import Final

from django.contrib.auth.models import Group, Permission

OWNER: Final = "Owner"
DROP_MANAGER: Final = "Drop manager"
POLICY_EDITOR: Final = "Policy editor"
POLICY_REVIEWER: Final = "Policy reviewer"
SUPPORT: Final = "Support"
DOOR_STAFF: Final = "Door staff"

SEE_DROPS = "drops: view drop offer offercomponent salewindow product picture variant stockitem"
SEE_POLICIES = "policies: view policy policyversion rendering rule ruleversion"
SEE_ORDERS = (
    "checkout: view order orderline payment refund dispute redemption waitingplace"
    " evidencepack shipment fanrequest delaynotice"
)
SEE_TOTALS = "checkout: view shippingzone shippingrate pickuppoint taxrate discount discountdrop"
SEE_FANS = "segments: view fan consent footprint segment membershipsnapshot message"

EVERYTHING = "*"
ROLES: Final[dict[str, tuple[str, ...]]] = {
    OWNER: (EVERYTHING,),
    DROP_MANAGER: (
        SEE_DROPS,
        "drops: add drop offer product picture variant",
        "drops: change drop offer product picture variant stockitem",
        "drops: delete drop offer product picture variant",
        SEE_POLICIES,
        SEE_ORDERS,
        "checkout: change waitingplace",
        SEE_FANS,
        SEE_TOTALS,
        "checkout: add discount discountdrop",
        "checkout: change discount discountdrop",
        "checkout: delete discountdrop",
        "checkout: ship order",
        "checkout: add delaynotice",
        "segments: add segment",
        "segments: change segment",
        "checkout: view webhookevent",
        "merchant: view storeprofile journalentry",
    ),
    POLICY_EDITOR: (
        SEE_POLICIES,
        "policies: add policy policyversion rule ruleversion",
        "policies: change policy policyversion rule ruleversion",
        "policies: delete policyversion ruleversion",  # a draft; the database keeps what was published
        SEE_DROPS,
    ),
    POLICY_REVIEWER: (
        SEE_POLICIES,
        "policies: publish policyversion ruleversion",
        "policies: view acceptance decision",
        "checkout: submit evidencepack",
        SEE_DROPS,
        SEE_ORDERS,
        "merchant: view journalentry",
    ),
    SUPPORT: (
        SEE_DROPS,
        SEE_POLICIES,
        "policies: view acceptance decision",
        SEE_ORDERS,
        SEE_FANS,
        SEE_TOTALS,
        "checkout: refund order",
        "checkout: ship order",
        "checkout: submit evidencepack",
        "checkout: erase person",
        "checkout: view erasurerequest",
        "checkout: change allowance waitingplace",
        "checkout: view webhookevent",
        "merchant: view journalentry",
    ),
    DOOR_STAFF: ("drops: view drop",),
}
APPS = ("merchant", "policies", "segments", "drops", "checkout", "auth")


def ensure_roles() -> None:
    """Make every role, with exactly the permissions of the table. Safe to run again and again."""
    known = _known()
    for name, lines in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(_permissions(lines, known))


def _known() -> dict[tuple[str, str], Permission]:
    found = Permission.objects.filter(content_type__app_label__in=APPS).select_related("content_type")
    return {(each.content_type.app_label, each.codename): each for each in found}


def _permissions(lines: tuple[str, ...], known: dict[tuple[str, str], Permission]) -> list[Permission]:
    if EVERYTHING in lines:
        return list(known.values())
    wanted = {(app, codename) for line in lines for app, codename in _codenames(line)}
    if missing := wanted - known.keys():
        raise LookupError(f"No such permissions (are the migrations applied?): {sorted(missing)}")
    return [known[each] for each in wanted]


def _codenames(line: str) -> list[tuple[str, str]]:
    """``"drops: view drop offer"`` → ``[("drops", "view_drop"), ("drops", "view_offer")]``."""
    app, words = line.split(": ")
    deed, *models = words.split()
    return [(app, f"{deed}_{model}") for model in models]
