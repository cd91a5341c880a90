from __future__ import annotations

from tests.cli.manage import Manage

ESCAPE = "\x1b"


def test_lists_full_names_in_a_pipe(manage: Manage) -> None:
    text = manage("signals", "list").stdout
    assert "django.db.models.signals.post_save\n  shop.receivers.send_mail" in text
    assert "shop/receivers.py:" in text
    assert "dispatch_uid number" in text
    assert ESCAPE not in text


def test_lists_as_json(manage: Manage) -> None:
    signals = {
        row["signal"]: row["connections"] for row in manage("signals", "list", "--format", "json").data["signals"]
    }
    mail = next(row for row in signals["django.db.models.signals.post_save"] if row["receiver"].endswith("send_mail"))
    assert (mail["sender"], mail["app"], mail["weak"], mail["is_async"]) == ("shop.models.Order", "shop", True, False)
    assert [row["receiver"] for row in signals["shop.signals.paid"]] == [
        "shop.receivers.render_receipt",
        "shop.receivers.post_to_ledger",
    ]


def test_groups_by_app_and_by_model(manage: Manage) -> None:
    by_app = manage("signals", "list", "--by", "app").stdout
    assert "\nshop\n" in f"\n{by_app}"
    by_model = manage("signals", "list", "--by", "model").stdout
    order = by_model.split("shop.models.Order\n")[1].split("\n\n")[0]
    assert "send_mail" in order
    assert "audit_everything" not in order


def test_selects_by_parts_of_names(manage: Manage) -> None:
    receivers = manage("signals", "list", "--receiver", "send_mail", "--format", "json").data["signals"]
    assert [[each["receiver"] for each in row["connections"]] for row in receivers] == [["shop.receivers.send_mail"]]
    paid = manage("signals", "list", "--signal", "paid", "--app", "shop", "--format", "json").data["signals"]
    assert [row["signal"] for row in paid] == ["shop.signals.paid"]


def steps_of(manage: Manage, model: str) -> dict[str, list[str]]:
    """The last parts of the receivers' names of each step."""
    data = manage("signals", "list", "--model", model, "--format", "json").data
    return {step["when"]: [row["receiver"].rpartition(".")[2] for row in step["receivers"]] for step in data["steps"]}


def test_shows_what_runs_when_a_model_is_saved_and_deleted(manage: Manage) -> None:
    steps = steps_of(manage, "shop.Order")
    assert steps["saved"] == ["number_order", "send_mail", "audit_everything"]
    assert steps["deleted"] == ["keep_copy"]
    assert steps["tags changed"] == ["count_tags"]
    text = manage("signals", "list", "--model", "Order").stdout
    assert text.startswith("shop.Order\n")
    assert "1.  django.db.models.signals.pre_save   shop.receivers.number_order" in text


def test_deletes_the_parents_of_a_child_and_does_not_save_them(manage: Manage) -> None:
    steps = steps_of(manage, "shop.RushOrder")
    assert steps["saved"] == ["audit_everything"]
    assert steps["deleted"] == ["keep_copy"]


def test_shows_a_relation_from_both_sides(manage: Manage) -> None:
    assert steps_of(manage, "shop.Tag")["orders changed"] == ["count_tags"]


def test_names_that_are_like_an_unknown_one(manage: Manage) -> None:
    assert "shop.Order" in manage("signals", "list", "--model", "shop.Ordr", code=2).stderr
    assert "Several models match '*Order'" in manage("signals", "list", "--model", "*Order", code=2).stderr
    assert "shop.receivers.send_mail" in manage("signals", "list", "--receiver", "send_mial", code=2).stderr
    assert "shop.signals.paid" in manage("signals", "list", "--signal", "payd", code=2).stderr


def test_says_what_the_receivers_were_seen_to_do(manage: Manage) -> None:
    steps = manage("signals", "list", "--model", "shop.Order", "--format", "json").data["steps"]
    (mail,) = [row for step in steps for row in step["receivers"] if row["receiver"].endswith("send_mail")]
    assert mail["stored_calls"] == mail["followed_calls"] >= 1
    assert mail["typical_ms"] > 0
    assert mail["sends"] == []
