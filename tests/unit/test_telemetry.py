"""What stands in the log: every line of the platform from the configured level on, one JSON each, libraries too."""

import json
import subprocess
import sys

import pytest

SPEAK = """
import logging
import faststream.kafka
from shared import telemetry
from shared.settings import Settings

level = {level!r}
settings = Settings.model_construct(log_level=level, log_format="json", otel_exporter_otlp_endpoint=None)
telemetry.configure(settings, "test")
telemetry.logger("seals").info("sealed", days=1)
telemetry.logger("seals").error("not_sealed")
logging.getLogger("faststream").info("assigned to partitions")
logging.getLogger("faststream").warning("not allowed")
logging.getLogger("aiokafka").info("chatter")
"""


@pytest.mark.parametrize(
    ("level", "heard"), [("info", ["sealed", "not_sealed", "not allowed"]), ("error", ["not_sealed"])]
)
def test_the_platform_is_heard_from_its_level_on_and_libraries_when_they_complain(level: str, heard: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SPEAK.format(level=level)], capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == heard


FAIL = """
import logging
from shared import telemetry
from shared.printing import PrintingFailed
from shared.settings import Settings

settings = Settings.model_construct(log_level="info", log_format={form!r}, otel_exporter_otlp_endpoint=None)
telemetry.configure(settings, "test")


def fail():
    try:
        raise KeyError("合成·甲")
    except KeyError as error:
        raise ExceptionGroup("合成·乙", [ValueError("合成·丙"), PrintingFailed("paper.typ: no result")]) from error


try:
    fail()
except ExceptionGroup as error:
    telemetry.logger("http").error("request_failed", exc_info=error)
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_error_is_told_with_where_it_was_raised_and_without_what_somebody_typed(form: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FAIL.format(form=form)], capture_output=True, text=True, check=True
    ).stderr
    assert "合成" not in said
    for known in (
        "builtins.KeyError",
        "builtins.ExceptionGroup",
        "builtins.ValueError",
        "in fail",
        "PrintingFailed: paper.typ: no result",
    ):
        assert known in said
    assert said.count("builtins.KeyError") == 2, "libraries too"


def test_a_library_that_says_the_same_again_and_again_is_heard_once() -> None:
    again = """
for _ in range(1000):
    logging.getLogger("aiokafka").error("Unable to connect")
    telemetry.logger("relay").warning("relay_interrupted")
"""
    code = SPEAK.format(level="info") + again
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert said.count("Unable to connect") == 1
    assert said.count("relay_interrupted") == 1000, "what the platform itself says is not passed over"
