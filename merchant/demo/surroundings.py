"""What the demo runs on: ports, secrets, and the services that the environment names or that it starts itself."""

import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import environ
import psutil
import psycopg
import redis

from merchant.embedded.addresses import announce, withdraw
from merchant.embedded.errors import CannotStart
from merchant.embedded.places import CHECKOUT, private_folder, write_private
from merchant.embedded.services import lasting

HOST = "127.0.0.1"
FILES = "filemail:"
MARK = "FRONTROW_DEMO_OF"  # in the environment of every process of a demo: the checkout it belongs to


@dataclass
class Surroundings:
    """The environment of every process, and what is ours to stop."""

    port: int
    variables: dict[str, str] = field(default_factory=dict)
    own_services: bool = True
    own_stripe: bool = True

    @property
    def home_page(self) -> str:
        return f"http://{HOST}:{self.port}/"

    @property
    def mails(self) -> Path | None:
        """Where the mails lie as files; None where they go out."""
        return mail_folder() if self.variables.get("EMAIL_URL", "").startswith(FILES) else None

    @property
    def sandbox(self) -> str:
        return f"http://{HOST}:{self.port + 2}"


def look_around() -> Surroundings:
    """Reads the environment, `.env` and our own secrets; raises CannotStart for what cannot work. Starts nothing."""
    read_env(CHECKOUT / ".env")
    surroundings = Surroundings(_port())
    surroundings.own_services = not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
    surroundings.own_stripe = not os.environ.get("STRIPE_SECRET_KEY")
    if surroundings.own_services and (os.environ.get("DATABASE_URL") or os.environ.get("REDIS_URL")):
        raise CannotStart("Set both DATABASE_URL and REDIS_URL, or neither: then the demo starts both itself.")
    ports = range(surroundings.port, surroundings.port + (3 if surroundings.own_stripe else 2))
    for port in ports:
        _check_free(port)
    _settle(surroundings)
    return surroundings


def start_services(surroundings: Surroundings) -> None:
    """Starts PostgreSQL and Redis, or makes sure that the named ones answer."""
    if surroundings.own_services:
        addresses = lasting().start()
        announce(addresses)
        surroundings.variables |= {"DATABASE_URL": addresses.database_url, "REDIS_URL": addresses.redis_url}
    else:
        _check_answers(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
    os.environ.update(surroundings.variables)
    _write_for_manage(surroundings)


def stop_services(surroundings: Surroundings) -> None:
    """The opposite of start_services(); what was not ours runs on."""
    if surroundings.own_services:
        withdraw()
        lasting().stop()


def read_env(path: Path) -> None:
    """Adds a file's variables to the environment; what is set already wins."""
    if path.exists():
        environ.Env.read_env(str(path))


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65533:
        raise CannotStart(f"PORT={text} is no port: it must be a number from 1 to 65533.")
    return int(text)


def _check_free(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except PermissionError:
        raise CannotStart(f"Port {port} may only be used by root: PORT=9000 make demo starts elsewhere.") from None
    except OSError:
        other = 9000 if port < 9000 else 7000
        raise CannotStart(f"Port {port} is in use{_by_whom(port)}: PORT={other} make demo starts elsewhere.") from None


def _by_whom(port: int) -> str:
    try:
        users = [
            c.pid for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port and c.pid
        ]
        return f" by {psutil.Process(users[0]).name()}, process {users[0]}" if users else ""
    except psutil.Error:
        return ""


def _settle(surroundings: Surroundings) -> None:
    """Everything that the settings will ask for. What the environment or `.env` says wins."""
    port = surroundings.port
    variables = {
        MARK: str(CHECKOUT),
        "FRONTROW_DEMO": "true",
        "FRONTROW_ENV_FILE": os.devnull,  # read here already
        "PORT": str(port),
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "LIVE_URL": f"http://{HOST}:{port + 1}",
        "PYTHONUNBUFFERED": "1",
        "CELERY_SKIP_CHECKS": "1",  # `migrate` has run them, and they take a second in each process
        **_secrets(),
    }
    if surroundings.own_stripe:
        variables |= {
            "STRIPE_SECRET_KEY": "sk_test_frontrow_demo",
            "STRIPE_PUBLISHABLE_KEY": "pk_test_frontrow_demo",
            "STRIPE_API_BASE": surroundings.sandbox,
            "STRIPE_JS_URL": f"{surroundings.sandbox}/sandbox/stripe.js",
        }
    if not os.environ.get("EMAIL_BACKEND"):
        # Printed among the logs their links would be cut short, as every secret address there.
        variables["EMAIL_URL"] = f"{FILES}///{quote(str(mail_folder()))}"
    surroundings.variables = {name: os.environ.get(name) or value for name, value in variables.items()}
    surroundings.variables["FRONTROW_ENV_FILE"] = os.devnull


def mail_folder() -> Path:
    """Where a demo that sends no mail keeps what it would have sent."""
    return private_folder() / "demo" / "mail"


def _secrets() -> dict[str, str]:
    """Made at the first start, then kept in a file that its owner alone can read."""
    path = private_folder() / "secrets.env"
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
            "FRONTROW_DEMO_PASSWORD": secrets.token_urlsafe(9),
        }
        write_private(path, "".join(f"{name}={value}\n" for name, value in made.items()))
    kept = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return kept | {"STRIPE_WEBHOOK_SECRETS": kept["STRIPE_WEBHOOK_SECRET"]}


def _check_answers(database_url: str, redis_url: str) -> None:
    try:
        psycopg.connect(database_url, connect_timeout=5).close()
    except psycopg.Error as problem:
        raise CannotStart(f"The database of DATABASE_URL does not answer: {' '.join(str(problem).split())}") from None
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as problem:
        raise CannotStart(f"The Redis of REDIS_URL does not answer: {problem}") from None


def _write_for_manage(surroundings: Surroundings) -> None:
    """`make manage` runs commands in the same surroundings."""
    hidden = {MARK, "FRONTROW_ENV_FILE"}
    lines = [f"{name}={value}\n" for name, value in surroundings.variables.items() if name not in hidden]
    write_private(private_folder() / "demo.env", "".join(lines))
