"""As in production: every module asks for what it imports by the name with the hash, and finds it."""

import re
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.test import override_settings

HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


def test_modules_import_each_other_by_their_hashed_names(tmp_path: Path, settings: Any) -> None:
    storages = settings.STORAGES | {"staticfiles": {"BACKEND": "merchant.static_files.HashedModules"}}
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    modules = [path for path in (tmp_path / "js").rglob("*.js") if HASHED.search(path.name)]
    imports = [(path, name) for path in modules for name in re.findall(r'from "(\.[^"]+)"', path.read_text())]
    assert len(imports) > 20
    assert [name for _, name in imports if not HASHED.search(name)] == []
    assert [name for path, name in imports if not (path.parent / name).is_file()] == []
