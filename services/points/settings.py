"""What can be configured beside the common settings."""

from pydantic import Field

from shared.settings import Settings


class PointsSettings(Settings):
    """Settings of the points service."""

    consumer_batch_size_max: int = Field(default=2500, ge=1, le=100_000)
    """Events, not transfers: an activity with eight people is 24. Larger batches bring little and cost memory."""
    aid_collect_within_days: int = Field(default=14, ge=1, le=90)
    """How long goods granted in aid are held for a household before they are free again."""
    supplies_collect_within_days: int = Field(default=14, ge=1, le=90)
    """How long pieces are held for a team from the request on, and once more from its approval on."""
    collection_tries_max: int = Field(default=5, ge=1, le=20)
    """Wrong collection codes for one reservation before it is locked for a while."""
    collection_locked_minutes: int = Field(default=15, ge=1, le=1440)
    """How long no collection code is taken after too many wrong ones."""
    time_order_serve_within_days: int = Field(default=30, ge=1, le=365)
    """How long minutes are held for a service that was ordered; not served until then, the order is off."""
    time_order_confirm_within_days: int = Field(default=7, ge=1, le=365)
    """After how long somebody is reminded that a service was not confirmed; then every week."""
    minutes_correct_within_days: int = Field(default=90, ge=1, le=365)
    """How long after it was paid something in the time bank can be corrected or taken back; the second person is to
    confirm by then."""
    balances_linger_ms: int = Field(default=20, ge=0, le=10_000)
    """How long the publisher of balances waits for more changes, so that an account that moves often is told once."""
    expiry_check_interval_s: int = Field(default=300, ge=1)
    """How often it is looked whether points have lapsed or are to be announced; once a day there can be some."""
    restatement_check_interval_s: int = Field(default=10, ge=1)
    """How often it is looked whether a restatement of the policy is to be posted."""
    overflow_check_interval_s: int = Field(default=300, ge=1)
    """How often it is looked whether a day is over and time above the cap goes to the pools; once a day it does."""
    dry_run_records_max: int = Field(default=1_000_000, ge=1)
    """How many service records a dry run of a policy looks at before it is refused as too much."""
    dry_run_seconds_max: int = Field(default=60, ge=1, le=600)
    """How long a dry run of a policy may take before it is refused as too much."""
    dry_run_holds_days: int = Field(default=14, ge=1, le=90)
    """How long after its dry run a policy can be published, or days restated, without another one."""
    ledger_check_interval_s: int = Field(default=60, ge=1)
    """How often the sum of every unit is looked at and shown as a metric."""
    honour_flag_decide_within_days: int = Field(default=14, ge=1, le=365)
    """After how long somebody is reminded of a flagged star or certificate, or an application; then every week."""
    honours_check_interval_s: int = Field(default=60, ge=1)
    """How often stars and certificates are held against the service record, which corrections may have changed."""
    forgetting_check_interval_s: int = Field(default=60, ge=1)
    """How often it is looked whether somebody who was forgotten still belongs to a household, or has relatives."""
    anomalies_check_interval_s: int = Field(default=10, ge=1)
    """How long is rested when no newly booked service is left to look at for signs of invented hours."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    """Where people reach this service, for the QR codes on papers; without it, where the paper was asked for."""
    ledger_verify_interval_s: int = Field(default=21_600, ge=0)
    """How often the whole ledger is checked in the background; 0 leaves it to `verify`."""
    seal_margin_minutes: int = Field(default=120, ge=0, le=1440)
    """How long after the end of a day the day is sealed, so that what was told late in the evening has arrived."""
    settlement_day_of_month: int = Field(default=5, ge=0, le=28)
    """On which day a district's settlement of the last month is proposed; 0 leaves it to people."""
    settlement_check_interval_s: int = Field(default=3600, ge=1)
    """How often it is looked whether that day has come."""
    item_photo_bytes_max: int = Field(default=2_097_152, ge=10_240, le=8_388_608)
    """The largest photo of an item that is taken; `REQUEST_BODY_BYTES_MAX` holds beside it."""
    item_photo_side_px_max: int = Field(default=4096, ge=256, le=8192)
    """The most pixels that a photo of an item may have to a side."""
