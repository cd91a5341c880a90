"""What is read from the text of a statement."""

from __future__ import annotations

import pytest

from signal_monitor.database.statements import read_statement


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
