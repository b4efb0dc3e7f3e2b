"""The headless door: the same verbs as the pages, for machines."""

from ninja import NinjaAPI

api = NinjaAPI(
    title="Frontrow storefront", version="1", docs_url="docs", openapi_url="openapi.json", urls_namespace="api"
)
