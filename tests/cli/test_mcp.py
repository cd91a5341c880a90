"""The MCP server, asked by the SDK's own client over standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from signal_monitor import __version__
from tests.cli.manage import Manage
from tests.support.projects import Project

mcp = pytest.importorskip("mcp", reason="mcp is not installed (pip install mcp)")


@asynccontextmanager
async def asked(manage: Manage) -> AsyncIterator[Any]:
    """A client of the server of a project."""
    server = mcp.StdioServerParameters(
        command=sys.executable, args=["manage.py", "signals", "mcp"], env=manage.environment(), cwd=str(manage.root)
    )
    async with mcp.stdio_client(server) as (read, write), mcp.ClientSession(read, write) as session:
        await session.initialize()
        yield session


async def answer(session: Any, name: str, **arguments: Any) -> Any:
    """What a tool answers."""
    result = await session.call_tool(name, arguments)
    assert not result.is_error, result
    return json.loads(result.content[0].text)


async def test_offers_tools_that_only_read(manage: Manage) -> None:
    async with asked(manage) as session:
        tools = (await session.list_tools()).tools
        server = session.initialize_result.server_info
    assert (server.name, server.version) == ("django-signal-monitor", __version__)
    assert {tool.name for tool in tools} == {
        "findings",
        "registry",
        "receivers_of_model",
        "slowest_receivers",
        "slow_requests",
        "request_timeline",
        "receiver_failures",
        "dispatch",
    }
    assert all(tool.annotations.read_only_hint and tool.description for tool in tools)


async def test_answers_what_ran_and_what_is_wrong(manage: Manage) -> None:
    async with asked(manage) as session:
        found = await answer(session, "findings", level="warning")
        order = await answer(session, "receivers_of_model", model="shop.Order")
        registry = await answer(session, "registry", signal="paid")
        slowest = await answer(session, "slowest_receivers", limit=1)
        slow = await answer(session, "slow_requests", limit=1)
        timeline = await answer(session, "request_timeline", request_id=slow["requests"][0]["id"])
        failures = await answer(session, "receiver_failures", receiver="post_to_ledger")
        dispatch = await answer(session, "dispatch", dispatch_id=failures["receivers"][0]["last_failed"][0]["dispatch"])
    assert "slow-receiver" in {row["name"] for row in found["findings"]}
    assert [step["when"] for step in order["steps"]][1:3] == ["saved", "deleted"]
    assert [row["signal"] for row in registry["signals"]] == ["shop.signals.paid"]
    assert [row["name"] for row in slowest["receivers"]] == ["shop.receivers.render_receipt"]
    assert timeline["path"] == "/view_pay/"
    assert "shop.signals.paid" in {row["signal"] for row in timeline["dispatches"]}
    assert failures["receivers"][0]["last_failed"][0]["failure"]["message"] == "ledger"
    assert dispatch["signal"] == "shop.signals.paid"


async def test_says_what_is_wrong_with_a_question(manage: Manage, own_shop: Project) -> None:
    async with asked(manage) as session:
        unknown = await session.call_tool("receivers_of_model", {"model": "shop.Ordr"})
    assert unknown.is_error
    assert "shop.Order" in unknown.content[0].text
    async with asked(Manage(own_shop.root)) as session:
        empty = await session.call_tool("slow_requests", {})
    assert empty.is_error
    assert "Start the site" in empty.content[0].text


def test_says_what_to_install_without_the_sdk(manage: Manage, tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ImportError('No module named mcp')", encoding="utf-8")
    path = f"{tmp_path}:{manage.environment()['PYTHONPATH']}"
    result = manage("signals", "mcp", env={"PYTHONPATH": path}, code=2)
    assert "pip install 'django-signal-monitor[mcp]'" in result.stderr
