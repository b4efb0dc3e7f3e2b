from django.urls import path

app_name = "drops"
urlpatterns: list[object] = []
