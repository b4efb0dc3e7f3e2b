"""Every column that can name a person, and what becomes of it. A test compares this with the database.

Whoever adds a column with somebody's address in it finds that test red, and says here how it goes.
"""

from typing import Final

ORDER, PERSON, TIME, STAFF, NOBODY = "its order's erasure", "the person's erasure", "time", "staff", "nobody"
# "table.column": by what it goes. STAFF: people who work here. NOBODY: it looks personal and is not.
PERSONAL: Final[dict[str, str]] = {
    "checkout_order.email": ORDER,
    "checkout_order.name": ORDER,
    "checkout_order.phone": ORDER,
    "checkout_order.address": ORDER,
    "checkout_payment.client_secret": ORDER,
    "checkout_payment.card_key": ORDER,
    "checkout_cardindrop.card_key": ORDER,
    "checkout_webhookevent.payload": ORDER,
    "checkout_allowance.person_key": PERSON,
    "checkout_erasurerequest.email": PERSON,
    "checkout_erasurerequest.email_key": NOBODY,  # of an address that is gone; useless without our key
    "policies_acceptanceperson.ip": ORDER,
    "policies_acceptanceperson.user_agent": ORDER,
    "policies_acceptanceperson.email_hmac": ORDER,
    "segments_fan.email": PERSON,
    "segments_fan.name": PERSON,
    "segments_fan.phone": PERSON,
    "segments_segment.name": NOBODY,
    "segments_message.to": PERSON,
    "segments_message.text": PERSON,
    "segments_message.html": PERSON,
    "django_admin_log.object_repr": PERSON,
    "django_admin_log.change_message": PERSON,
    "drops_drop.creator_name": NOBODY,  # published with the drop
    "policies_rendering.html": NOBODY,
    "merchant_storeprofile.limit_by_address": NOBODY,
    "merchant_storeprofile.ships_to": NOBODY,
    "merchant_storeprofile.name": NOBODY,
    "merchant_storeprofile.support_email": NOBODY,
    "auth_user.email": STAFF,
    "auth_user.first_name": STAFF,
    "auth_user.last_name": STAFF,
    "auth_user.username": STAFF,
    "auth_group.name": NOBODY,
    "auth_permission.name": NOBODY,
    "axes_accessattempt.ip_address": TIME,
    "axes_accessattempt.user_agent": TIME,
    "axes_accessattempt.username": TIME,
    "axes_accesslog.ip_address": TIME,
    "axes_accesslog.user_agent": TIME,
    "axes_accesslog.username": TIME,
    "axes_accessfailurelog.ip_address": TIME,
    "axes_accessfailurelog.user_agent": TIME,
    "axes_accessfailurelog.username": TIME,
}
