"""Promises at the desk: policies, rules, their versions, what buyers answered, and what the rules decided."""

from policies.admin.acceptances import AcceptanceAdmin
from policies.admin.policies import PolicyAdmin
from policies.admin.rules import DecisionAdmin, RuleAdmin, RuleVersionAdmin
from policies.admin.versions import PolicyVersionAdmin

__all__ = [
    "AcceptanceAdmin",
    "DecisionAdmin",
    "PolicyAdmin",
    "PolicyVersionAdmin",
    "RuleAdmin",
    "RuleVersionAdmin",
]
