"""How fields are compared as the `[comparators]` of a suite.toml say it, over what the schemas say themselves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_edgejson.suite.compared import check_uses, parts_of_field
from pytest_edgejson.values.agreement import Rule, describe, read_rule
from pytest_edgejson.values.comparators import COMPARATORS, ComparatorError, read_uses
from pytest_edgejson.values.fields import Each, parse_field
from pytest_edgejson.values.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_edgejson.values.comparators import Use

KEY = "comparators"
EVERY = "*"
"""The table whose fields are those of every schema that has them."""


@dataclass(frozen=True, slots=True)
class ToldComparators:
    """Comparators by schema id, or `EVERY`, and by field.

    Attributes:
        source: the file, for messages.
        tables: as `read_told` has checked them.
    """

    source: str
    tables: Mapping[str, Mapping[str, tuple[Use, ...]]]

    def check(self, documents: Mapping[str, Mapping[str, Any]], known: Collection[str]) -> None:
        """Check that there are the schemas and fields that the tables name.

        Args:
            documents: of the schemas that can be read, by id.
            known: the ids of all.

        Raises:
            ComparatorError: one is not there, or has no values of the types that its comparators compare.
        """
        for table, fields in self.tables.items():
            if table not in (*known, EVERY):
                fix = f"{did_you_mean(table, known)}use {', '.join(sorted(known))}, or {EVERY} for all"
                raise self._error(table, f"there is no schema of that name: {fix}")
            if table != EVERY and table in documents:
                self.apply(table, documents[table], {})
            elif table == EVERY and len(documents) == len(known):
                for name, uses in fields.items():
                    if not any(_fits(document, name, uses) for document in documents.values()):
                        raise self._error(
                            table, f"no schema has a field {name!r} of a type that it compares: correct it"
                        )

    def apply(self, schema_id: str, document: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
        """Return how a schema's fields are compared, as `agreement.describe` returns it.

        Args:
            schema_id: of the schema.
            document: the schema, without the keyword.
            said: what the schema says itself. What the tables say of a field goes before it, and what they say of
                the schema before what they say of all.

        Raises:
            ComparatorError: the schema has no such field, or no values of the types that its comparators compare.
        """
        fields = {name: uses for name, uses in self.tables.get(EVERY, {}).items() if _fits(document, name, uses)}
        for name, uses in self.tables.get(schema_id, {}).items():
            try:
                check_uses(uses, parts_of_field(document, parse_field(name)), name)
            except ComparatorError as error:
                raise self._error(schema_id, f"{name or 'the root'}: {error}") from None
            fields.pop(name, None)
            fields[name] = uses
        rule = read_rule(said) or Rule()
        # What holds of all items first: the rule of one item is made of it.
        places = [(parse_field(name), uses) for name, uses in fields.items()]
        for path, uses in sorted(places, key=lambda place: not any(isinstance(step, Each) for step in place[0])):
            rule = rule.changed_at(path, partial(replace, uses=uses))
        return describe(rule)

    def _error(self, table: str, message: str) -> ComparatorError:
        return ComparatorError(f"{self.source}: {_head(table)} {message}")


def _head(table: str) -> str:
    return f"[{KEY}.{table}]" if table.replace("-", "").isalnum() else f'[{KEY}."{table}"]'


def _fits(document: Mapping[str, Any], name: str, uses: tuple[Use, ...]) -> bool:
    with suppress(ComparatorError):
        check_uses(uses, parts_of_field(document, parse_field(name)), name)
        return True
    return False


def read_told(source: str, given: Any) -> ToldComparators:
    """Return what the table `[comparators]` of a file says.

    Args:
        source: the file, for messages.
        given: the table: comparators by field, by schema id or `EVERY`.

    Raises:
        ComparatorError: it is no such table, a field is none, or a comparator cannot be used.
    """
    if not isinstance(given, dict) or not all(isinstance(fields, dict) for fields in given.values()):
        raise ComparatorError(f'{source}: [{KEY}] has a table for each schema, [{KEY}.SCHEMA_ID] or [{KEY}."{EVERY}"]')
    return ToldComparators(source, {table: dict(_read(source, table, fields)) for table, fields in given.items()})


def _read(source: str, table: str, fields: Mapping[str, Any]) -> Iterable[tuple[str, tuple[Use, ...]]]:
    for name, said in fields.items():
        try:
            parse_field(name)
        except ValueError:
            raise ComparatorError(
                f'{source}: {_head(table)} {name!r} names no field: write one such as "items[].unit"'
            ) from None
        try:
            yield name, read_uses(said)
        except ComparatorError as error:
            inner = next((key for key in said if key not in COMPARATORS), None) if isinstance(said, dict) else None
            fix = f'; a field inside another is written in quotes: "{name}.{inner}"' if inner else ""
            raise ComparatorError(f"{source}: {_head(table)} {name or 'the root'}: {error}{fix}") from None
