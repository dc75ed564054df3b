"""The closed list of metrics. Nothing else is measured under `liuling_`; docs/metrics.md is made from it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)

COMMANDS = Histogram(
    "liuling_command_seconds",
    "Time of one HTTP command from routing to committed answer, by route and outcome status.",
    ("route", "status"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
QUERIES = Histogram(
    "liuling_query_seconds",
    "Time of one HTTP query, pages without a token among them, from routing to answer, by route and outcome status.",
    ("route", "status"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
COMMAND_CONFLICTS = Counter(
    "liuling_command_conflicts", "Commands decided again after a version conflict.", ("route",), registry=REGISTRY
)
RELAY_DELAY = Histogram(
    "liuling_relay_delay_seconds",
    "From an event's recording to the broker's acknowledgement, of the oldest event of each batch.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
RELAY_EVENTS = Counter("liuling_relay_events", "Events published, repeats included.", registry=REGISTRY)
RELAY_LEADER = Gauge(
    "liuling_relay_leader", "1 where this process is the active relay of its service.", registry=REGISTRY
)
RELAY_BACKLOG = Gauge("liuling_relay_backlog_events", "Recorded events not published yet.", registry=REGISTRY)
CONSUMER_LAG = Gauge(
    "liuling_consumer_lag_records", "Records behind the end of the assigned partitions.", registry=REGISTRY
)
CONSUMER_BATCH = Histogram(
    "liuling_consumer_batch_records", "Records in a consumed batch.", buckets=_SIZES, registry=REGISTRY
)
CONSUMER_BATCH_TIME = Histogram(
    "liuling_consumer_batch_seconds", "Time of one batch's transaction.", buckets=_SECONDS, registry=REGISTRY
)
CONSUMER_RECORDS = Counter(
    "liuling_consumer_records",
    "Consumed records by outcome: applied, duplicate, ignored (unknown or unused type), parked, queued.",
    ("outcome",),
    registry=REGISTRY,
)
CONSUMER_RETRIES = Counter(
    "liuling_consumer_retries", "Batches tried again after a transient failure.", registry=REGISTRY
)
PARKED_KEYS = Gauge("liuling_parked_keys", "Keys that wait because a record of theirs is parked.", registry=REGISTRY)
TIMERS_FIRED = Counter("liuling_timers_fired", "Timers that became commands, by kind.", ("kind",), registry=REGISTRY)
TIMERS_FAILED = Counter(
    "liuling_timers_failed",
    "Timer commands that failed, by kind; of what may pass, from the second time on.",
    ("kind",),
    registry=REGISTRY,
)
PARTS_FAILED = Counter(
    "liuling_parts_failed",
    "Parts of the people that a nightly round could not deal with, by round: expiry, overflow; each is tried again.",
    ("round",),
    registry=REGISTRY,
)
LEDGER_SUM = Gauge(
    "liuling_ledger_sum", "Sum over all accounts of a unit; anything but 0 is an alarm.", ("unit",), registry=REGISTRY
)
LEDGER_BREAKS = Gauge(
    "liuling_ledger_breaks",
    "What the last whole look at the ledger found wrong, by check; anything but 0 is an alarm.",
    ("check",),
    registry=REGISTRY,
)
LEDGER_VERIFIED = Gauge(
    "liuling_ledger_verified_timestamp_seconds",
    "When the last whole look at the ledger ended, in seconds since 1970; 0 where this process has not looked yet.",
    registry=REGISTRY,
)
ANOMALIES_OPEN = Gauge(
    "liuling_anomalies_open", "Signs of invented hours that wait for a decision, by sign.", ("sign",), registry=REGISTRY
)
LEDGER_SEALED = Gauge(
    "liuling_ledger_sealed_until_timestamp_seconds",
    "End of the last day that this process has sealed, in seconds since 1970; 0 where another one does it.",
    registry=REGISTRY,
)
