"""What is read from the text of a statement."""

from __future__ import annotations

import gc
import time

import pytest

from signal_monitor.database import statements
from signal_monitor.database.statements import is_control, read_statement


@pytest.mark.parametrize(
    ("sql", "kind", "table"),
    [
        ('SELECT "a"."id" FROM "a" WHERE "a"."id" = %s', "select", "a"),
        ("select 1", "select", None),
        ("  (SELECT x FROM y) UNION (SELECT x FROM z)", "select", "y"),
        ('INSERT INTO "shop_order" ("a") VALUES (%s) RETURNING "shop_order"."id"', "insert", "shop_order"),
        ('UPDATE "public"."shop_order" SET "a" = %s', "update", "shop_order"),
        ("DELETE FROM `shop_order` WHERE id = 3", "delete", "shop_order"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "select", "x"),
        ("WITH x AS (SELECT 1) DELETE FROM t USING x", "delete", "t"),
        ("/* from 'here' */ SELECT 1 FROM t -- what", "select", "t"),
        ("CREATE TABLE t (id int)", "other", "t"),
        ("PRAGMA foreign_keys", "other", None),
        ("", "other", None),
    ],
)
def test_kind_and_table(sql: str, kind: str, table: str | None) -> None:
    read = read_statement(sql, "sqlite")

    assert (read.kind, read.table) == (kind, table)


def test_values_are_not_kept() -> None:
    read = read_statement("SELECT 'it''s secret', 4711, $$hidden$$ FROM t WHERE a1 = 5.5e3 -- hunter2", "postgresql")

    assert read.example == "SELECT ?, ?, ? FROM t WHERE a1 = ?"


def test_quoted_texts_of_mysql_are_values() -> None:
    assert read_statement('SELECT * FROM `t` WHERE a = "secret"', "mysql").example == "SELECT * FROM `t` WHERE a = ?"


def test_alike_are_those_that_differ_in_values_only() -> None:
    texts = [
        "SELECT a FROM t WHERE b IN (%s, %s)",
        "SELECT a FROM t WHERE b IN (%s, %s, %s) /* trace=77 */",
        "SELECT a FROM t  WHERE b IN (1, 2, 3, 4)",
    ]
    assert len({read_statement(text, "sqlite").fingerprint for text in texts}) == 1
    assert (
        read_statement("SELECT a FROM t WHERE c IN (1, 2)", "sqlite").fingerprint
        != read_statement(texts[0], "sqlite").fingerprint
    )


def test_long_lists_of_columns_are_left_out() -> None:
    columns = ", ".join(f'"shop_order"."column_{number}"' for number in range(20))
    read = read_statement(
        'SELECT COLUMNS FROM "shop_order" WHERE "shop_order"."id" = %s'.replace("COLUMNS", columns), "sqlite"
    )

    assert read.example == 'SELECT ... FROM "shop_order" WHERE "shop_order"."id" = %s'
    assert len(read_statement("x" * 50_000, "sqlite").example) <= 200


def test_rows_of_an_insert() -> None:
    read = read_statement('INSERT INTO "t" ("a", "b") VALUES (%s, %s), (%s, %s), (%s, %s) RETURNING "t"."id"', "sqlite")
    assert read.rows == 3


@pytest.mark.parametrize(
    ("vendor", "sql"),
    [
        ("mysql", r"SELECT 1 FROM t WHERE a = 'it\'s SECRET' AND b = 'x'"),
        ("mysql", r"SELECT 1 FROM t WHERE a = 'C:\' AND b = 'SECRET'"),
        ("mysql", r"""SELECT 1 FROM t WHERE a = "it\"s SECRET" AND b = "x" """),
        ("mysql", "SELECT 1 FROM t WHERE a = 5--'a\nSECRET'"),
        ("mysql", "SELECT 1 FROM t # it's\nWHERE a = 'SECRET'"),
        ("postgresql", r"SELECT 1 FROM t WHERE a = E'it\'s SECRET' AND b = 'x'"),
        ("postgresql", "SELECT 1 FROM t WHERE a = 'x $$ y' AND b = 'SECRET' AND c = 'z $$ w' AND d = 'SECRET'"),
        ("postgresql", "SELECT 1 FROM t WHERE a = 'US$$' AND d = 'SECRET $$'"),
        ("postgresql", "SELECT 1 FROM t WHERE a = $a$ $b$ 'SECRET $a$ AND b = $$SECRET"),
        ("postgresql", "SELECT 1 FROM t /* one /* two */ SECRET */ WHERE a = 'SECRET'"),
        ("oracle", "SELECT 1 FROM t WHERE a = q'[it's SECRET]' AND b = 'x'"),
        ("sqlite", "SELECT 1 FROM t WHERE a = 'a--b'\n AND b = 'SECRET'"),
        ("sqlite", "SELECT 1 FROM t WHERE a = 'http://h/*x' AND b = 'SECRET' AND c = '*/ ok'"),
        ("sqlite", "SELECT 1 FROM t WHERE a = '" + "SECRET " * 4_000 + "'"),
        ("sqlite", 'SELECT 1 FROM t WHERE a = "' + "SECRET " * 4_000 + '"'),
        ("sqlite", "SELECT 1 FROM t /*" + "SECRET " * 4_000 + "*/"),
        ("sqlite", "SELECT 1 FROM t WHERE a = 0x5EC12E7SECRET OR b = 5SECRET OR c = .5SECRET"),
        ("sqlite", 'SELECT 1 FROM t WHERE a = "SECRET" OR b LIKE "SECRET-2" OR c IN ("x", "SECRET")'),
        ("sqlite", 'SELECT 1 FROM t WHERE a IS NOT DISTINCT FROM "SECRET"'),
        ("sqlite", 'INSERT INTO t (a, b) VALUES (1, "SECRET"), (2, "SECRET")'),
        ("sqlite", "SELECT 1 FROM t WHERE \"it's\" = a AND b = 'SECRET'"),
        ("sqlite", "SELECT 1 FROM t WHERE [it's] = a AND b = 'SECRET'"),
        ("sqlite", "SELECT 1 FROM t WHERE a = 1 -- it's\n AND b = 'SECRET'"),
    ],
)
def test_no_value_stays(vendor: str, sql: str) -> None:
    read = read_statement(sql, vendor)

    assert "SECRET" not in read.example
    assert "12E7" not in read.example
    assert read.table == "t"


def test_escape_character_of_like_ends_nothing() -> None:
    sql = (
        "SELECT 1 FROM t WHERE a LIKE TRANSLATE(:arg0 USING NCHAR_CS) ESCAPE TRANSLATE('\\' USING NCHAR_CS) AND b = 'x'"
    )
    assert read_statement(sql, "oracle").example.endswith("AND b = ?")


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "a"."b" AS "c" FROM "a" INNER JOIN "d" ON ("a"."b" = "d"."e") ORDER BY "c" ASC',
        'UPDATE "a" SET "b" = %s, "c" = %s WHERE "a"."b" = %s',
        'DELETE FROM "a" WHERE "a"."b" = %s',
        "SELECT `a`.`b1` FROM `a` WHERE `a`.`b` = %s",
    ],
)
def test_names_stay(sql: str) -> None:
    assert read_statement(sql, "mysql" if "`" in sql else "sqlite").example == sql


@pytest.mark.parametrize(
    "sql",
    [
        "/*" * 10_000, "--" * 10_000, "'" + "''" * 9_999 + "x", "".join(f"$a{n}$" for n in range(4_000)), "[" * 20_000,
        "1" * 20_000 + "a", "-" * 20_000, "'\\" * 10_000, '"a' * 10_000, "INSERT INTO t VALUES " + "(1)," * 4_900,
    ],
)  # fmt: skip
@pytest.mark.parametrize("vendor", ["sqlite", "mysql", "postgresql"])
def test_time_does_not_grow_with_the_square_of_the_length(sql: str, vendor: str) -> None:
    began = time.perf_counter()
    read_statement(sql, vendor)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("BEGIN", True),
        ("BEGIN;", True),
        ("BEGIN IMMEDIATE TRANSACTION", True),
        ("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", True),
        ("START TRANSACTION", True),
        ("COMMIT", True),
        ('ROLLBACK TO SAVEPOINT "s1"', True),
        ('RELEASE SAVEPOINT "s1"', True),
        ("BEGIN pay(:1); END;", False),
        ("BEGIN\n  UPDATE t SET a = 1; END;", False),
        ("BEGIN work_off(:1); END;", False),
        ("ROLLBACK_orders", False),
        ("RELEASE(%s)", False),
    ],
)
def test_control_of_transactions(sql: str, expected: bool) -> None:  # noqa: FBT001
    assert is_control(sql) is expected


def test_texts_of_statements_are_not_kept() -> None:
    read_statement("SELECT 1 FROM t WHERE a = 'SECRET text'", "sqlite")
    gc.collect()

    found = [key for key in statements._known if not isinstance(key, bytes) or len(key) > 16]
    assert found == []


def test_only_the_beginning_of_a_long_name_is_kept() -> None:
    assert len(read_statement("SELECT 1 FROM " + "x" * 15_000, "sqlite").table or "") < 1_000
