"""Imports go down only, and the guard that says so is awake."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest
from django.apps import apps

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("merchant", "policies", "segments", "drops", "checkout")
UPWARDS = ("merchant", "policies", "segments", "drops", "checkout")
LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(CHECKOUT / package, tmp_path / package, ignore=ignored)
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def test_no_import_goes_up() -> None:
    result = lint(CHECKOUT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("planted", "line", "named"),
    [
        ("policies/planted.py", "import checkout.models", "policies.planted -> checkout.models"),
        ("merchant/money.py", "import merchant.models", "merchant.money -> merchant.models"),
        ("merchant/journal.py", "import drops.models", "merchant.journal -> drops.models"),
        ("checkout/planted.py", "import stripe", "checkout.planted -> stripe"),
        ("checkout/planted.py", "import checkout.gateway.api", "checkout.planted -> checkout.gateway.api"),
        ("checkout/sandbox/planted.py", "import merchant.money", "checkout.sandbox.planted -> merchant.money"),
    ],
)
def test_a_planted_violation_is_named(copy: Path, planted: str, line: str, named: str) -> None:
    with (copy / planted).open("a") as file:
        file.write(f"\n{line}\n")

    result = lint(copy)

    assert result.returncode == 1
    assert named in result.stdout


def test_every_module_of_merchant_has_a_layer() -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = {name.strip(" ()") for layer in contracts[0]["layers"] for name in layer.split(":")}
    modules = {
        f"merchant.{path.stem}"
        for path in (CHECKOUT / "merchant").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert modules - named - {"merchant.__init__", "merchant.tests", "merchant.migrations"} == set()


def test_no_foreign_key_points_up() -> None:
    """A key written as a string is no import, so import-linter cannot see it."""
    upward = [
        str(field)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model in set(apps.get_models())
        if _height(model._meta.app_label) < _height(field.related_model._meta.app_label)
    ]
    assert upward == []


def test_the_sandbox_uses_nothing_of_checkout() -> None:
    graph = grimp.build_graph("checkout")
    sandbox = {name for name in graph.modules if name.startswith("checkout.sandbox")}
    imported = {name for module in sandbox for name in graph.find_modules_directly_imported_by(module)}
    assert imported - sandbox - {"checkout"} == set()


def _height(label: str) -> int:
    """Django's own and third-party apps lie below everything."""
    return UPWARDS.index(label) if label in UPWARDS else -1
