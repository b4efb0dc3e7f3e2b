from django.urls import path

from drops import views

app_name = "drops"
urlpatterns = [
    path("", views.home, name="home"),
    path("drops/<slug:slug>/", views.drop, name="drop"),
    path("drops/<slug:slug>/tell-me/", views.tell_me, name="tell_me"),
    path("tell-me/<str:token>/", views.tell_me_confirm, name="tell_me_confirm"),
]
