"""The sandbox as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from .api import Api, preflight, unknown_url
from .config import Config
from .console import Console
from .elements import Elements
from .hosted_page import HostedPage
from .idempotency import IdempotencyKeys
from .operations import OPERATIONS
from .pages import HERE
from .state import Sandbox
from .switches import Switches, sweep
from .three_d_secure import ThreeDSecure

SWEEP_EVERY = 1.0


def build(config: Config) -> Starlette:
    """The application for one account, whose state it reads from `config.state` if there is one."""
    box = Sandbox(config)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(_sweep_forever(box))
        yield
        sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await sweeper
        await box.webhooks.close()
        box.store.close()

    return Starlette(routes=[*_api(box), *_browser(box), *_switches(box)], lifespan=lifespan)


def _api(box: Sandbox) -> list[BaseRoute]:
    api = Api(box, IdempotencyKeys(box.store, box.clock))
    return [
        Route("/v1/{path:path}", preflight, methods=["OPTIONS"]),
        *(Route(operation.path, api.endpoint(operation), methods=[operation.method]) for operation in OPERATIONS),
        Route("/v1/{path:path}", unknown_url, methods=["GET", "POST", "DELETE", "PUT", "PATCH"]),
    ]


def _browser(box: Sandbox) -> list[BaseRoute]:
    elements, bank, hosted = Elements(box), ThreeDSecure(box), HostedPage(box)
    return [
        Route("/", Console(box).show),
        Route("/sandbox/stripe.js", elements.script),
        Route("/sandbox/elements/card", elements.card_form),
        Route("/sandbox/receipts/{id}", elements.receipt),
        Route("/sandbox/3ds/{id}", bank.show, methods=["GET"]),
        Route("/sandbox/3ds/{id}", bank.answer, methods=["POST"]),
        Route("/c/pay/{id}", hosted.show, methods=["GET"]),
        Route("/c/pay/{id}", hosted.pay, methods=["POST"]),
        Route("/c/pay/{id}/3ds", hosted.bank, methods=["GET"]),
        Route("/c/pay/{id}/3ds", hosted.answer_bank, methods=["POST"]),
        Mount("/sandbox/static", StaticFiles(directory=HERE / "static")),
        Route("/favicon.ico", _icon),
    ]


def _switches(box: Sandbox) -> list[BaseRoute]:
    switches = Switches(box)
    return [
        Route("/sandbox/health", _healthy),
        Route("/sandbox/faults", switches.faults, methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/faults/clear", switches.clear_faults, methods=["POST"]),
        Route("/sandbox/faults/{id:int}", switches.faults, methods=["DELETE"]),
        Route("/sandbox/requests", switches.requests, methods=["GET", "DELETE"]),
        Route("/sandbox/charges", switches.charges),
        Route("/sandbox/clock", switches.clock, methods=["POST"]),
        Route("/sandbox/webhook", switches.webhook, methods=["POST"]),
        Route("/sandbox/reset", switches.reset, methods=["POST"]),
        Route("/sandbox/payment_intents/{id}/settle", switches.settle, methods=["POST"]),
        Route("/sandbox/payment_intents/{id}/authenticate", switches.authenticate, methods=["POST"]),
        Route("/sandbox/disputes", switches.open_dispute, methods=["POST"]),
        Route("/sandbox/disputes/{id}/decide", switches.decide_dispute, methods=["POST"]),
    ]


async def _healthy(request: Request) -> Response:
    return JSONResponse({"ok": True})


async def _icon(request: Request) -> Response:
    return FileResponse(HERE / "static" / "icon.svg", media_type="image/svg+xml")


async def _sweep_forever(box: Sandbox) -> None:
    while True:
        sweep(box)
        await asyncio.sleep(SWEEP_EVERY)
