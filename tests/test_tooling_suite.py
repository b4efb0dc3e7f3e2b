"""The guards around the suite itself."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers import scope

CHECKOUT = Path(__file__).resolve().parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "conftest")


def pytest_in(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of its own on the services of this one, with the repository's configuration and conftest."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "CI", "CHROMIUM"))}
    return subprocess.run(
        [
            *PYTEST,
            f"--rootdir={CHECKOUT}",
            f"--confcutdir={CHECKOUT}",
            f"--config-file={CHECKOUT}/pyproject.toml",
            *arguments,
        ],
        cwd=CHECKOUT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def no_chromium(tmp_path: Path) -> dict[str, str]:
    """A machine without any Chromium."""
    return {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}


@pytest.fixture
def browser_test(tmp_path: Path) -> str:
    file = tmp_path / "test_page.py"
    file.write_text("import pytest\n\n@pytest.mark.browser\ndef test_page() -> None: ...\n")
    return str(file)


def test_without_a_browser_one_loud_line_says_so(browser_test: str, no_chromium: dict[str, str]) -> None:
    result = pytest_in(CHECKOUT, browser_test, **no_chromium)
    assert result.returncode == 0
    loud = [line for line in result.stdout.splitlines() if line.startswith("NO BROWSER TEST RUNS")]
    assert loud == [
        "NO BROWSER TEST RUNS: no Chromium was found. `make browser` installs one; CHROMIUM_PATH names one. (1 skipped)"
    ]


def test_in_ci_a_missing_browser_is_a_failure(browser_test: str, no_chromium: dict[str, str]) -> None:
    result = pytest_in(CHECKOUT, browser_test, CI="true", **no_chromium)
    assert result.returncode == 4
    assert "NO BROWSER TEST RUNS" in result.stderr


def test_a_python_socket_reaches_this_machine_only() -> None:
    with pytest.raises(RuntimeError, match=r"A test wanted to reach 192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(RuntimeError, match=r"A test wanted to reach shop\.example"):
        socket.getaddrinfo("shop.example", 443)


def test_ci_fails_when_no_test_runs_or_one_fails(tmp_path: Path) -> None:
    """Its three steps, the first two at the same time, with make played by a script that fails in the named one."""
    fake = tmp_path / "make"
    fake.write_text('#!/bin/sh\necho "$1"; test "$1" != "$FAIL"\n')
    fake.chmod(0o755)

    def steps(fail: str) -> tuple[set[str], list[str], bool]:
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAIL": fail}
        result = subprocess.run(
            [CHECKOUT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False
        )
        made = result.stdout.split()
        return set(made[:2]), made[2:], result.returncode == 0

    both = {"browser", "check"}
    assert steps("") == (both, ["test"], True)
    assert steps("browser") == (both, [], False)
    assert steps("check") == (both, [], False)
    assert steps("test") == (both, ["test"], False)


def test_workers_take_whole_files_and_two_of_them_what_needs_the_running_shop() -> None:
    assert scope("checkout/tests/test_carts.py::TestIt::test_a[x::y]") == "checkout/tests/test_carts.py"
    files = [file for folder in ("browser", "faults") for file in (CHECKOUT / "tests" / folder).glob("test_*.py")]
    halves = [scope(f"{file.relative_to(CHECKOUT)}::test_a[chromium]") for file in files]
    assert len(halves) > len(set(halves)) == 2
    assert not {scope("tests/test_bench.py::test_a"), scope("merchant/tests/test_desk.py::test_a")} & set(halves)


def test_a_selection_without_tests_is_an_error(tmp_path: Path) -> None:
    result = pytest_in(CHECKOUT, str(tmp_path))
    assert result.returncode == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")
def test_help_explains_every_target() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    public = set(re.findall(r"^\.PHONY: (help .+)$", makefile, re.MULTILINE)[0].split())
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in shown.splitlines()} == public


def test_the_requirements_name_no_index_and_pin_with_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (CHECKOUT / name).read_text()
        pins = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
        assert re.search(r"https?://|--index-url|--find-links|file:", text) is None
        assert len(pins) > 20
        assert all(re.match(r"[a-z0-9._-]+==\S+ .*\\$", line) for line in pins), name
