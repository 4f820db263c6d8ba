"""What the code imports is declared, floor by floor, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import lru_cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

FLOORS = ("engine", "actors", "api", "cli")
LOADED_BY_NAME = {
    "python-multipart": "fastapi reads uploads with it",
    "uvloop": "uvicorn chooses it",
    "websockets": "uvicorn's socket protocol",
}
"""Packages that another package imports, and which one."""

PRIVATE_LAYOUTS = ("confluent-kafka", "motor", "ray", "uvicorn", "websockets")
"""Packages of which more than the public interface is relied on: their next major version may differ."""

_owners = lru_cache(packages_distributions)


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return found.group().lower().replace("_", "-")


@lru_cache
def _declared(repository: Path) -> dict[str, tuple[str, ...]]:
    """Return the requirements of each floor, those of the engine included in all."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base, extras = project["dependencies"], project["optional-dependencies"]
    return {"engine": tuple(base)} | {floor: (*base, *extras[floor]) for floor in FLOORS if floor != "engine"}


@lru_cache
def _imported(repository: Path, floor: str) -> dict[str, str]:
    """Return the distributions that a floor imports, each with one place."""
    owners, found = _owners(), {}
    for file in sorted((repository / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and node.level == 0
                else []
            )
            for top in {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - set(FLOORS):
                distributions = {_name(owner) for owner in owners[top]}
                assert len(distributions) == 1, f"{top} belongs to {distributions}"
                found[distributions.pop()] = f"{file.relative_to(repository)}:{getattr(node, 'lineno', 0)}"
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_declares_what_it_imports(repository: Path, floor: str) -> None:
    declared = {_name(requirement) for requirement in _declared(repository)[floor]}
    assert {name: place for name, place in _imported(repository, floor).items() if name not in declared} == {}


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_what_it_declares(repository: Path, floor: str) -> None:
    base = set() if floor == "engine" else {_name(requirement) for requirement in _declared(repository)["engine"]}
    declared = {_name(requirement) for requirement in _declared(repository)[floor]} - base - {"code-delivery"}
    assert declared - set(_imported(repository, floor)) <= set(LOADED_BY_NAME)


def test_the_whole_is_every_floor(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["all"] == ["code-delivery[cli]"]
    assert "code-delivery[actors,api]" in project["optional-dependencies"]["cli"]


def test_one_package_is_bounded_alike_everywhere(repository: Path) -> None:
    bounds: dict[str, set[str]] = {}
    for requirements in _declared(repository).values():
        for requirement in requirements:
            bounds.setdefault(_name(requirement), set()).add(requirement)
    assert {name: sorted(found) for name, found in bounds.items() if len(found) > 1} == {}


def test_what_relies_on_a_private_layout_is_capped_and_says_why(repository: Path) -> None:
    lines = (repository / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for name in PRIVATE_LAYOUTS:
        found = [line for line in lines if re.match(rf'  "{name}[\[><]', line)]
        assert found, name
        assert all(re.search(r'<\d+[;"]', line) and " # " in line for line in found), found


@pytest.mark.parametrize("lock", ["run", "dev", "docs"])
def test_a_lock_is_hashed_and_names_no_place(repository: Path, lock: str) -> None:
    text = (repository / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    for requirement in re.sub(r"\\\n", " ", text).strip().splitlines():
        assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", requirement), requirement
    assert "://" not in text
    assert "--index" not in text


def test_the_lock_of_a_run_holds_every_floor(repository: Path) -> None:
    text = (repository / "requirements" / "run.txt").read_text(encoding="utf-8")
    locked = {_name(line) for line in text.splitlines() if re.match(r"[a-z]", line)}
    assert {_name(r) for rs in _declared(repository).values() for r in rs} - {"code-delivery"} <= locked


def _without(packages: set[str], code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter to which some packages are not installed."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({sorted(packages)!r}, None)); "
    return subprocess.run(
        [sys.executable, "-c", blocked + code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("floor", "package", "command"),
    [
        ("actors", "pydantic", "import actors.__main__"),
        ("actors", "ray", "from actors.__main__ import main; main(['--scenario', 'liechtenstein'])"),
        ("api", "uvicorn", "import api.__main__"),
        ("cli", "typer", "import cli.__main__; cli.__main__.main()"),
        (
            "cli",
            "httpx",
            "import sys, cli.__main__; sys.argv = ['code-delivery', 'control', '--help']; cli.__main__.main()",
        ),
    ],
)
def test_a_missing_package_is_one_line_with_the_command_that_installs_it(
    floor: str, package: str, command: str
) -> None:
    done = _without({package}, command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"the package {package} is not installed: pip install 'code-delivery[{floor}]'\n"


def test_an_unknown_module_of_our_own_is_not_taken_for_a_missing_package() -> None:
    done = _without(set(), "from engine.extras import needing\nwith needing('api'):\n    import api.no_such_module")
    assert "ModuleNotFoundError: No module named 'api.no_such_module'" in done.stderr


@pytest.mark.parametrize(
    ("floor", "module"),
    [("engine", "engine.scenario.scenario"), ("actors", "actors.on_ray.run"), ("api", "api.__main__")],
)
def test_a_floor_starts_without_what_the_others_need(repository: Path, floor: str, module: str) -> None:
    owners: dict[str, list[str]] = {}
    for top, distributions in _owners().items():
        for distribution in distributions:
            owners.setdefault(_name(distribution), []).append(top)
    kept = _with_what_they_need({_name(requirement) for requirement in _declared(repository)[floor]})
    others = {_name(r) for rs in _declared(repository).values() for r in rs} - kept - {"code-delivery"}
    done = _without({top for name in others for top in owners[name]}, f"import {module}")
    assert (done.returncode, done.stderr) == (0, "")


def _with_what_they_need(names: set[str]) -> set[str]:
    kept: set[str] = set()
    installed = {_name(name) for owners in _owners().values() for name in owners}
    while names:
        kept |= names
        names = {_name(r) for name in names for r in requires(name) or () if "extra ==" not in r} - kept
        names &= installed
    return kept
