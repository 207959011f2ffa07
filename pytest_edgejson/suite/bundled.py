"""Where the bundled suite, schemas and models lie: in the wheel beside the code, in a checkout at its root."""

from __future__ import annotations

from pathlib import Path

from pytest_edgejson.suite.cases import COMPLEXITIES

_PACKAGE = Path(__file__).resolve().parent.parent
ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

SCHEMAS = ROOT / "schemas"
TEST_CASES = ROOT / "cases" / "test"
TRAIN_CASES = ROOT / "cases" / "train"
SUITES = ROOT / "suites"
MODELS_FILE = ROOT / "models.toml"


def schema_folder(cases: Path) -> Path:
    """Return the schemas of the suite that a file or folder of cases belongs to.

    That is the nearest `schemas` folder in or beside it or up to four levels above it, else the bundled schemas.
    """
    cases = cases.resolve()
    for folder in [cases, *cases.parents][:6]:
        schemas = folder / "schemas"
        if any((schemas / complexity).is_dir() for complexity in COMPLEXITIES):
            return schemas
    return SCHEMAS
