"""The settings dict: what is refused, and how."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from signal_monitor import conf
from signal_monitor.conf import Config, get_config


def test_defaults_are_allowed_values() -> None:
    config = Config()
    assert conf.read({item.name: getattr(config, item.name) for item in fields(Config)}) == config


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("ENABLED", 1, "True or False"),
        ("STORE", "postgres://", '"memory"'),
        ("STORE", "sqlite:///relative", "absolute"),
        ("STORE", "sqlite:////", "absolute"),
        ("SLOW_MS", "100", "milliseconds"),
        ("SLOW_MS", -1, "milliseconds"),
        ("SLOW_MS", True, "milliseconds"),
        ("SLOW_MS", float("nan"), "milliseconds"),
        ("SLOW_MS", {"shop.*": "5"}, "milliseconds"),
        ("SLOW_MS", {5: 5}, "dict such as"),
        ("REQUEST_SLOW_MS", None, "milliseconds"),
        ("SERVER_TIMING", "yes", "None"),
        ("STORE_MB", 0, "1 or more"),
        ("STORE_MB", 2.5, "whole number"),
        ("SAMPLE_PER_SECOND", -1, "whole number"),
        ("WORKER_CPU_PERCENT", 4, "number from 5 to 100"),
        ("WORKER_CPU_PERCENT", 101, "number from 5 to 100"),
        ("SPANS_PER_TRACE", -1, "0 or more, or None"),
        ("SPANS_EXCLUDE", {"signal": ["post_init"]}, "list of patterns"),
        ("SPANS_EXCLUDE", "post_init", "list of patterns"),
        ("SPANS_EXCLUDE", ["!"], "list of patterns"),
        ("SCRUB_PATTERNS", "iban", "a list of words"),
        ("SCRUB_PATTERNS", [5], "a list of words"),
        ("SCRUB_PATTERNS", ["iban", "("], "'(' is not a regular expression"),
        ("SCRUB_PATTERNS", ["x*"], "'x*' matches the empty string"),
        ("TRACE_URL", "http://jaeger/trace", "{trace_id}"),
        ("TRACE_URL", "http://jaeger/{trace}", "{trace_id}"),
        ("EDITOR_URL", "vscode://file", "{path}"),
        ("EDITOR_URL", "javascript:alert('{path}')", "{path}"),
        ("ACCESS", len, "dotted path"),
    ],
)
def test_wrong_value_is_refused_by_name(key: str, value: Any, allowed: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.read({key: value})

    text = str(caught.value)
    assert f"SIGNAL_MONITOR['{key}']" in text
    assert repr(value) in text
    assert allowed in text


def test_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"unknown key 'SLOW'.*SLOW_MS"):
        conf.read({"SLOW": 5})


@pytest.mark.parametrize("key", conf.REMOVED)
def test_former_key_is_answered_with_what_to_write(key: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.read({key: 1})

    assert f"SIGNAL_MONITOR['{key}']" in str(caught.value)
    assert re.search(r"Write.*\"[A-Z_]+\": |Remove the key", str(caught.value))


def test_anything_but_a_dict_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="must be a dict"):
        conf.read(["SLOW_MS"])


def test_every_setting_is_documented() -> None:
    for item in fields(Config):
        assert item.metadata["help"]


def test_change_of_the_setting_is_followed(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 7}
    assert get_config().slow_limits.slow_ns == 7_000_000

    settings.SIGNAL_MONITOR = {"STORE": "memory"}
    assert get_config().slow_limits.slow_ns == 100_000_000
