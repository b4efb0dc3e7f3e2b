"""Installs the locked dependencies into `.venv`, and does nothing when they are there already.

Run by whatever Python the machine has, before anything is installed: it uses the standard library alone.

    python3 merchant/demo/install.py [dev]
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
NEEDED_MB = {"demo": 600, "dev": 1000}
REQUIREMENTS = {"demo": "requirements.txt", "dev": "requirements-dev.txt"}


class CannotInstall(Exception):
    """One line that says what is in the way and what to do about it."""


def main() -> None:
    wanted = "dev" if "dev" in sys.argv[1:] else "demo"
    try:
        install(wanted)
    except CannotInstall as problem:
        sys.exit(f"{problem}")
    except OSError as problem:
        sys.exit(f"The dependencies could not be installed into {VENV}: {problem.strerror}.")
    except KeyboardInterrupt:
        sys.exit("Stopped.")


def install(wanted: str) -> None:
    """Leaves `.venv` with what the requirements file pins. Of two at once in one checkout the second waits."""
    if is_installed(wanted):
        return
    with alone():
        if not is_installed(wanted):
            install_alone(wanted)


@contextmanager
def alone() -> Iterator[None]:
    """The system lets go of the lock when the process ends, however it ends."""
    folder = os.open(CHECKOUT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def install_alone(wanted: str) -> None:
    check_disk(wanted)
    make_venv()
    # A pip that fails half-way must not be taken for finished.
    for name in REQUIREMENTS:
        stamp(name).unlink(missing_ok=True)
    say(f"Installing {REQUIREMENTS[wanted]} into .venv (a minute or two, the first time) …")
    pip_install(wanted)
    stamp(wanted).write_text(fingerprint(wanted))


def is_installed(wanted: str) -> bool:
    """The developer's requirements hold the demo's too."""
    enough = {"demo": ("demo", "dev"), "dev": ("dev",)}[wanted]
    return PYTHON.exists() and any(
        stamp(name).exists() and stamp(name).read_text() == fingerprint(name) for name in enough
    )


def stamp(name: str) -> Path:
    return VENV / f".installed-{name}"


def fingerprint(name: str) -> str:
    """Changes when any of the pinned versions does, or the Python below them."""
    digest = hashlib.sha256((CHECKOUT / "requirements.txt").read_bytes())
    digest.update((CHECKOUT / REQUIREMENTS[name]).read_bytes())
    version = next((line for line in config_lines() if line.startswith("version")), "")
    return f"{digest.hexdigest()} {version}\n"


def config_lines() -> list[str]:
    config = VENV / "pyvenv.cfg"
    return config.read_text().splitlines() if config.exists() else []


def check_disk(wanted: str) -> None:
    free = shutil.disk_usage(CHECKOUT).free // 1024**2
    if free < NEEDED_MB[wanted]:
        raise CannotInstall(f"Only {free} MB are free on the disk of {CHECKOUT}; {NEEDED_MB[wanted]} MB are needed.")


def make_venv() -> None:
    if PYTHON.exists() and run(PYTHON, "-m", "pip", "--version").returncode == 0:
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise CannotInstall(without_venv())
    say(f"Making .venv with Python {sys.version.split()[0]} …")
    made = run(sys.executable, "-m", "venv", "--clear", VENV)
    if made.returncode != 0:
        reason = " ".join(made.stderr.split()[-12:]) or without_venv()
        raise CannotInstall(f"The virtual environment could not be made in {VENV}: {reason}")


def without_venv() -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"This Python ({sys.executable}) comes without venv: on Debian `apt-get install python{version}-venv`, "
        "then again."
    )


def pip_install(wanted: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    done = run(PYTHON, "-m", "pip", "install", *quiet, "--require-hashes", "-r", CHECKOUT / REQUIREMENTS[wanted])
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line] or lines or ["no reason given"]
        raise CannotInstall(f"pip could not install {REQUIREMENTS[wanted]}: {errors[-1].removeprefix('ERROR: ')}")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    # --user in somebody's pip configuration would install beside the .venv.
    environment = {**os.environ, "PIP_USER": "0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
