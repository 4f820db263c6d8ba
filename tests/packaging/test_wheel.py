"""The wheel carries everything.

It works outside the checkout, and its four package names belong to it alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tracked tree, so that the checkout stays clean."""
    source, out = tmp_path_factory.mktemp("source") / "tree", tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns(
        ".git",
        ".venv",
        ".venv-docs",
        ".site",
        "node_modules",
        "__pycache__",
        ".data",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
    )
    shutil.copytree(repository, source, ignore=ignore)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and the dependencies of the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    (site,) = (folder / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # Dependencies are borrowed from the running environment, after the wheel on the path; its editable hook is a .pth
    # file, which is not read this way.
    dependencies = Path(pytest.__file__).resolve().parents[1]
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return python


def _run(python: Path, *arguments: str, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(python), *arguments], capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_four_packages_the_data_and_the_map(wheel: Path, repository: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert tops == {"engine", "actors", "api", "cli"}
    assert {
        "engine/data/liechtenstein.npz",
        "engine/data/ancestor.json",
        "engine/data/scenarios/liechtenstein.toml",
        "engine/py.typed",
    } <= set(names)
    if (repository / "ui" / "dist" / "index.html").exists():
        assert "api/static/index.html" in names


def test_the_four_names_belong_to_this_distribution_alone(installed: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.metadata as m, json; d = m.packages_distributions(); "
        "print(json.dumps({n: d.get(n) for n in ('engine', 'actors', 'api', 'cli')}))"
    )
    owners = json.loads(_run(installed, "-c", code, cwd=tmp_path))
    assert owners == {name: ["code-delivery"] for name in ("engine", "actors", "api", "cli")}


def test_the_command_runs_outside_the_checkout(installed: Path, tmp_path: Path, repository: Path) -> None:
    where = _run(installed, "-c", "import engine; print(engine.__file__)", cwd=tmp_path)
    assert not where.startswith(str(repository / "engine"))
    assert json.loads(_run(installed, "-m", "cli", "version", "--json", cwd=tmp_path))["version"]
    findings = json.loads(_run(installed, "-m", "cli", "doctor", "--json", "--port", "1024", cwd=tmp_path))
    assert {f["name"] for f in findings if f["required"] and not f["ok"]} <= {"port 1024", "memory", "disk"}


def test_a_route_file_is_read_by_the_installed_command(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "way.txt"
    file.write_text("47.14,9.52\n47.15,9.53\n")
    told = json.loads(_run(installed, "-m", "cli", "routes", "import", str(file), "--check", "--json", cwd=tmp_path))
    assert [route["points"] for route in told["routes"]] == [3]
