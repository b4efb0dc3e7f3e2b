from django.urls import path, re_path

from policies import views
from policies.feed import ChangelogFeed

app_name = "policies"
urlpatterns = [
    path("", views.index, name="index"),
    path("changelog/", views.changelog_page, name="changelog"),
    path("changelog.atom", ChangelogFeed(), name="feed"),
    path("changelog.json", views.changelog_json, name="changelog-json"),
    re_path(r"^verify/(?P<sha256>[0-9a-fA-F]{64})/$", views.verify, name="verify"),
    re_path(r"^verify/(?P<sha256>[0-9a-fA-F]{64})/text$", views.exact_bytes, name="exact-bytes"),
    path("<slug:slug>/", views.policy, name="policy"),
    path("<slug:slug>/v<int:number>/", views.policy, name="version"),
]
