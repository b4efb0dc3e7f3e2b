"""Which page of the desk shows which table. The pages themselves stand in ``checkout/desk/``."""

from django.contrib import admin

from checkout.after_sale import DelayNotice, FanRequest
from checkout.desk.delivery import PickupPointAdmin, ShippingZoneAdmin
from checkout.desk.discounts import DiscountAdmin
from checkout.desk.disputes import DisputeAdmin
from checkout.desk.news import WebhookEventAdmin
from checkout.desk.orders import OrderAdmin
from checkout.desk.privacy import ErasureAdmin, RetentionAdmin
from checkout.desk.requests import FanRequestAdmin
from checkout.desk.ship_dates import DelayNoticeAdmin
from checkout.desk.taxes import TaxRateAdmin
from checkout.desk.waiting import WaitingPlaceAdmin
from checkout.models import Discount, Dispute, Order, PickupPoint, ShippingZone, TaxRate, WebhookEvent
from checkout.privacy_models import ErasureRequest, RetentionPeriod
from checkout.waiting_models import WaitingPlace

admin.site.register(Order, OrderAdmin)
admin.site.register(WebhookEvent, WebhookEventAdmin)
admin.site.register(Dispute, DisputeAdmin)
admin.site.register(WaitingPlace, WaitingPlaceAdmin)

admin.site.register(FanRequest, FanRequestAdmin)
admin.site.register(DelayNotice, DelayNoticeAdmin)

admin.site.register(ErasureRequest, ErasureAdmin)
admin.site.register(RetentionPeriod, RetentionAdmin)

admin.site.register(ShippingZone, ShippingZoneAdmin)
admin.site.register(PickupPoint, PickupPointAdmin)
admin.site.register(TaxRate, TaxRateAdmin)
admin.site.register(Discount, DiscountAdmin)
