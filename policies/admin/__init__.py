"""Promises at the desk: policies, their versions, and what buyers answered."""

from policies.admin.acceptances import AcceptanceAdmin
from policies.admin.policies import PolicyAdmin
from policies.admin.versions import PolicyVersionAdmin

__all__ = ["AcceptanceAdmin", "PolicyAdmin", "PolicyVersionAdmin"]
