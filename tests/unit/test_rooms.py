"""The import table of the rooms holds, and no two modules import each other in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "driftlog"

CONTRACT_AND_STORE = {"contract", "store"}
ALLOWED: dict[str, set[str]] = {
    "contract": set(),
    "config": {"contract"},
    "shipping": {"contract"},
    "store": {"contract"},
    "intake": CONTRACT_AND_STORE,
    "profile": CONTRACT_AND_STORE,
    "evaluate": {"contract"},
    "decide": {"contract"},
    "act": CONTRACT_AND_STORE,
    "audit": CONTRACT_AND_STORE,
    "present": CONTRACT_AND_STORE,
    "worker": {"contract", "store", "intake", "profile", "evaluate", "decide", "act", "audit", "present"},
    "api": {"contract", "config", "store", "profile", "evaluate", "decide", "present", "worker"},
}
EVERY_ROOM = {*ALLOWED, "demo", "cli"}
ALLOWED["demo"] = EVERY_ROOM - {"cli"}
ALLOWED["cli"] = EVERY_ROOM

FOREIGN: dict[str, set[str]] = {
    "elasticsearch": {"store"},
    "elastic_transport": {"store"},
    "logstash_async": {"shipping"},
    "click": {"cli"},
    "schedule": {"worker"},
    "apprise": {"act", "config"},
    "prometheus_client": {"present", "shipping"},
    "grafana_foundation_sdk": {"present"},
    "mlflow": {"act"},
    "PIL": {"present"},
    "tensorboardX": {"present"},
    "opentelemetry": {"present"},
    "jinja2": {"present", "intake"},
    "flask": {"shipping", "demo"},
    "sklearn": {"demo", "evaluate", "shipping"},
    "pandas": {"profile", "present", "worker", "api", "demo", "cli"},
    "scipy": {"evaluate", "decide"},
    "cronsim": {"config", "decide"},
}
"""Packages with a home: only these rooms may import them."""


def modules() -> dict[str, Path]:
    """Dotted module name -> file."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room(module: str) -> str:
    """The room of a dotted module name, empty for driftlog's own top."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (SOURCE / parts[1]).is_dir() else ""


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """Absolute names a file imports; with `top_level` only those that run when the module is imported."""
    names: set[str] = set()
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names.update({module} | {f"{module}.{alias.name}" for alias in node.names})
        if top_level and (is_type_checking(node) or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        pending.extend(ast.iter_child_nodes(node))
    return names


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_room_imports_only_what_its_row_names(module: str) -> None:
    """Each import of another room is allowed by the table of DESIGN."""
    here = room(module)
    if not here:
        return
    known = modules()
    reached = {room(name) for name in imports(modules()[module]) if name.startswith("driftlog.") and name in known}
    assert reached - {"", here} <= ALLOWED[here]


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_foreign_package_stays_in_its_room(module: str) -> None:
    """elasticsearch is imported by store alone, click by cli alone, and so on."""
    here = room(module)
    for name in imports(modules()[module]):
        home = FOREIGN.get(name.split(".")[0])
        assert home is None or here in home, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(modules()))
def test_siblings_import_by_module(module: str) -> None:
    """Inside a room nothing is imported through the room's own __init__."""
    here = room(module)
    known = modules()
    own_package = f"driftlog.{here}"
    if not here or module == own_package:
        return
    tree = ast.parse(known[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == own_package:
            assert all(f"{own_package}.{alias.name}" in known for alias in node.names)


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Walking the imports that run at import time never comes back."""
    known = modules()
    graph = {
        name: {i for i in imports(path, top_level=True) if i in known and i != name} for name, path in known.items()
    }
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                walk(other, (*trail, name))
            done.add(name)

    for name in graph:
        walk(name, ())


def test_every_room_of_the_table_is_known() -> None:
    """A new folder under src/driftlog needs a row in the table."""
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name not in {"__pycache__", "assets"}}
    assert folders <= EVERY_ROOM
