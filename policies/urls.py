from django.urls import path, re_path
from django.views.decorators.http import conditional_page

from policies import views
from policies.feed import ChangelogFeed

app_name = "policies"
urlpatterns = [
    path("", views.index, name="index"),
    path("changelog/", views.changelog_page, name="changelog"),
    path("changelog.atom", conditional_page(ChangelogFeed()), name="feed"),
    path("changelog.json", views.changelog_json, name="changelog-json"),
    re_path(r"^verify/(?P<sha256>[0-9a-fA-F]{64})/$", views.verify, name="verify"),
    re_path(r"^verify/(?P<sha256>[0-9a-fA-F]{64})/text$", views.exact_bytes, name="exact-bytes"),
    path("chain.jsonl", views.chain_lines, name="chain"),
    path("verify_chain.py", views.verifier, name="verifier"),
    path("<slug:slug>/compare/<int:old>/<int:new>/", views.compare, name="compare"),
    path("<slug:slug>/", views.policy, name="policy"),
    path("<slug:slug>/v<int:number>/", views.policy, name="version"),
]
