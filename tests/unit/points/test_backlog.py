"""What works beside the booking rests longer while a backlog is booked."""

import pytest

from services.points.earning.backlog import Backlog
from shared.batches import BACKLOG_RECORDS


def test_as_long_as_single_events_come_work_rests_as_it_says_itself() -> None:
    backlog = Backlog()
    backlog.booking(BACKLOG_RECORDS - 1)
    assert backlog.rest_s(0.1, times=4) == pytest.approx(0.4)


def test_while_a_backlog_is_booked_it_takes_a_small_part_of_the_time() -> None:
    backlog = Backlog()
    backlog.booking(BACKLOG_RECORDS)
    assert backlog.rest_s(0.1, times=4) == pytest.approx(2.4)
    assert backlog.rest_s(0.1, times=40) == pytest.approx(4.0)
