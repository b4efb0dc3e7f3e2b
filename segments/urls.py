from django.urls import path

from segments import views

app_name = "segments"
urlpatterns = [
    path("", views.follow, name="policy-news"),
    path("confirm/<str:token>/", views.confirm, name="policy-news-confirm"),
    path("leave/<str:token>/", views.leave, name="policy-news-leave"),
]
