"""The house stands: imports go down, and what is written once is written once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS: tuple[tuple[str, ...], ...] = (
    ("storage", "pacs.errors", "pacs.settings"),
    ("pacs.dicom",),
    ("pacs.upper_layer", "pacs.sandbox"),
    ("pacs.index",),
    ("pacs.context",),
    ("pacs.audit",),
    ("pacs.accounts", "pacs.peers", "pacs.jobs"),
    ("pacs.archive",),
    ("pacs.workflow",),
    ("pacs.dimse", "pacs.web"),
    ("pacs.conformance",),
    ("pacs.wiring",),
    ("pacs.supervisor",),
    ("pacs.commands",),
    ("pacs.__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
SOURCES = sorted(
    path for folder in ("pacs", "storage") for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
)
BANNED_NAMES = {"utils", "util", "helpers", "common", "base", "core", "manager", "service", "misc"}
MAY_BE_ASYNC = {
    Path("pacs/web") / name for name in ("accepting.py", "answers.py", "events.py", "short_way.py", "stow.py")
}
MAY_READ_THE_ENVIRONMENT = {Path("pacs/settings.py"), Path("storage/failpoint.py")}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room_of(module: str) -> str:
    """`pacs.web` for `pacs.web.qido`, `storage` for `storage.s3`, `pacs` for the package itself."""
    parts = module.split(".")
    return parts[0] if parts[0] != "pacs" else ".".join(parts[:2])


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative imports hide where a room is"
            if node.module == "pacs":
                yield from (f"pacs.{alias.name}" for alias in node.names)
            else:
                yield node.module


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    own = room_of(module_of(path))
    if own == "pacs":
        return
    assert own in FLOOR, f"{own} stands on no floor"
    for room in {room_of(name) for name in imports_of(tree_of(path))} & FLOOR.keys() - {own}:
        assert FLOOR[room] < FLOOR[own], f"{own} (floor {FLOOR[own]}) imports {room} (floor {FLOOR[room]})"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_lives_in_it(path: Path) -> None:
    assert path.stem not in BANNED_NAMES
    assert ast.get_docstring(tree_of(path)), "a module begins with a line that says what lives in it"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_is_synchronous(path: Path) -> None:
    is_async = any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree_of(path)))
    assert not is_async or path.relative_to(ROOT) in MAY_BE_ASYNC


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_settings_read_the_environment(path: Path) -> None:
    names = {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
    assert not {"environ", "getenv"} & names or path.relative_to(ROOT) in MAY_READ_THE_ENVIRONMENT


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sql_is_spoken_only_where_rows_are_kept(path: Path) -> None:
    speaks_sql = any(name.startswith(("sqlalchemy", "pacs.index.tables")) for name in imports_of(tree_of(path)))
    assert not speaks_sql or room_of(module_of(path)) not in {"pacs.dimse", "pacs.web", "pacs.dicom", "storage"}


def test_every_indexed_attribute_has_its_column() -> None:
    from pacs.dicom.attributes import ATTRIBUTES, Level
    from pacs.index import tables

    table_of = {
        Level.PATIENT: tables.patient,
        Level.STUDY: tables.study,
        Level.SERIES: tables.series,
        Level.IMAGE: tables.instance,
    }
    for attribute in ATTRIBUTES:
        if not attribute.computed:
            assert attribute.column in table_of[attribute.level].c, attribute.keyword


def test_every_setting_is_described_in_the_documents() -> None:
    from pacs.settings import Settings

    documents = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"PACS_{name.upper()}" in documents, f"PACS_{name.upper()} is described nowhere"
