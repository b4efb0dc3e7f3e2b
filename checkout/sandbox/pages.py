"""HTML of the sandbox: files with `$name` placeholders; whatever is put in is escaped first."""

from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse

HERE = Path(__file__).parent
# No inline script or style in the sandbox's own pages either; any local page may frame the card form.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'"
)


class Markup(str):
    """HTML that is safe already."""

    __slots__ = ()


def render(name: str, /, **values: object) -> Markup:
    text = (HERE / "templates" / name).read_text(encoding="utf-8")
    return Markup(Template(text).substitute({key: _safe(value) for key, value in values.items()}))


def page(name: str, /, *, status: int = 200, **values: object) -> HTMLResponse:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(render(name, **values), status_code=status, headers=headers)


def join(parts: list[Markup]) -> Markup:
    return Markup("".join(parts))


def money(amount: int, currency: str) -> str:
    """`$48.00` or `48.00 EUR`: enough for a sandbox."""
    number = f"{amount / 100:,.2f}"
    return f"${number}" if currency == "usd" else f"{number} {currency.upper()}"


def _safe(value: object) -> str:
    return value if isinstance(value, Markup) else escape(str(value))
