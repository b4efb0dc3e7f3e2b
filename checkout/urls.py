from django.urls import path

from checkout.views import after_sale, cart, checkout, device, embed, order, waiting, webhook

app_name = "checkout"
urlpatterns = [
    path("drops/<slug:slug>/cart/", cart.cart, name="cart"),
    path("drops/<slug:slug>/cart/lines/<str:sku>/", cart.line, name="cart_line"),
    path("drops/<slug:slug>/cart/keep/", checkout.keep, name="keep"),
    path("drops/<slug:slug>/checkout/", checkout.checkout, name="checkout"),
    path("drops/<slug:slug>/checkout/quote/", checkout.requote, name="requote"),
    path("drops/<slug:slug>/checkout/kept/", device.kept_order, name="kept_order"),
    path("drops/<slug:slug>/waiting/", waiting.waiting, name="waiting"),
    path("waiting/<str:token>/", waiting.place, name="place"),
    path("waiting/<str:token>/buy", waiting.buy, name="place_buy"),
    path("waiting/<str:token>/leave", waiting.leave, name="place_leave"),
    path("orders/<str:token>/", order.order, name="order"),
    path("orders/<str:token>/returned/", order.returned, name="returned"),
    path("orders/<str:token>/pay", order.pay, name="pay"),
    path("orders/<str:token>/card", order.card, name="card"),
    path("orders/<str:token>/cancel", order.cancel, name="cancel"),
    path("embed/v1.js", embed.script, name="embed"),
    path("embed/demo/", embed.demo, name="embed_demo"),
    path("orders/<str:token>/withdraw/", after_sale.withdraw, name="withdraw"),
    path("orders/<str:token>/return/", after_sale.give_back, name="give_back"),
    path("orders/<str:token>/cancel-some/", after_sale.cancel_some, name="cancel_some"),
    path("orders/<str:token>/delay/", after_sale.delay, name="delay"),
    path("webhooks/stripe/", webhook.stripe_webhook, name="stripe_webhook"),
]
