"""The points service, put together: read top to bottom."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from services.points import love_market, time_bank
from services.points.accounts import api as accounts
from services.points.anomalies import api as anomalies
from services.points.anomalies import views as anomaly_views
from services.points.anomalies.watch import AnomalyWatch
from services.points.balances.publisher import BalancePublisher
from services.points.certificates import api as certificates
from services.points.certificates import publicity, verification
from services.points.certificates import reads as certificate_reads
from services.points.certificates import views as certificate_views
from services.points.certificates import watch as certificate_watch
from services.points.dry_run import api as dry_run
from services.points.earning.backlog import Backlog
from services.points.earning.reactions import Earning
from services.points.expiry import api as expiry
from services.points.expiry.effects import LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.expiry.rounds import ExpiryRounds
from services.points.explain import api as explain
from services.points.explain import event_api as events
from services.points.explain import holdings
from services.points.forgetting import ForgettingWatch
from services.points.grounds import views as ground_views
from services.points.honours import HonourWatch, Look
from services.points.households.reasons import keep_those_that_were_told
from services.points.leaderboards import api as leaderboards
from services.points.leaderboards import team_api as team_leaderboards
from services.points.leaderboards import views as leaderboard_views
from services.points.ledger.writing import LedgerWriter
from services.points.long_days import api as long_days
from services.points.long_days import views as long_day_views
from services.points.overflow.effects import PoolNow
from services.points.overflow.flowing import Overflow
from services.points.overflow.rounds import OverflowRounds
from services.points.own_events import LedgerEffects
from services.points.policy import api as policy
from services.points.policy import views as policy_views
from services.points.proof.due import LedgerDue
from services.points.proof.schedule import VerifySchedule
from services.points.proof.watch import LedgerWatch
from services.points.repairs import repairs
from services.points.restatements import api as restatements
from services.points.restatements.rounds import RestatementRounds
from services.points.seals import api as seals
from services.points.seals import views as seal_views
from services.points.seals.sealing import Sealer
from services.points.settings import PointsSettings
from services.points.settlements import api as settlements
from services.points.settlements import reads as settlement_reads
from services.points.settlements import views as settlement_views
from services.points.settlements.rounds import SettlementRounds
from services.points.solvency import api as solvency
from services.points.stars import api as stars
from services.points.stars import reads as star_reads
from services.points.stars import views as star_views
from services.points.stars import watch as star_watch
from services.points.statements import api as statements
from services.points.tables import metadata
from shared.clock import Clock, system_clock
from shared.ids import NewId, new_id
from shared.service import Service, lay
from shared.timers import Timers
from shared.views import Views

FOLDER = Path(__file__).parent

SOURCES = ("registry", "grid_patrol", "mediation")
"""Contexts whose events tell of service."""

read_views = Views.combine(
    policy_views.views,
    long_day_views.views,
    love_market.views,
    time_bank.views,
    star_views.views,
    certificate_views.views,
    ground_views.views,
    leaderboard_views.views,
    seal_views.views,
    anomaly_views.views,
    settlement_views.views,
)
"""The tables that are rebuilt from this service's own events alone."""


def build(settings: PointsSettings, clock: Clock = system_clock, ids: NewId = new_id) -> Service:
    """The service under these settings. Nothing is opened before it runs."""
    # The ledger comes last: its rows are the ones that others wait for.
    writer = LedgerWriter()
    lapsing, overflow = Lapsing(writer), Overflow(writer)
    views = Views.combine(read_views, LedgerEffects(writer, LapseNow(lapsing), PoolNow(overflow)).as_views())
    parts = lay("points", settings, views, clock, ids)
    backlog = Backlog()
    publisher = BalancePublisher(parts.database, settings, settings.balances_linger_ms, backlog)
    rounds = ExpiryRounds(parts.workshop, lapsing, settings.expiry_check_interval_s)
    restating = RestatementRounds(parts.database, settings.restatement_check_interval_s)
    pooling = OverflowRounds(parts.workshop, overflow, settings.overflow_check_interval_s)
    watch = LedgerWatch(parts.database, settings.ledger_check_interval_s)
    within_days = settings.honour_flag_decide_within_days
    looks: list[Look] = [
        star_watch.flag_what_no_longer_holds,
        star_watch.flag_what_was_served_badly,
        certificate_watch.look_at_grounds,
        partial(star_watch.remind_of_what_waits, within_days=within_days),
        partial(certificate_watch.remind_of_flags, within_days=within_days),
    ]
    honours = HonourWatch(parts.workshop, looks, settings.honours_check_interval_s)
    forgetting = ForgettingWatch(parts.workshop, settings.forgetting_check_interval_s)
    anomaly_watch = AnomalyWatch(parts.workshop, settings.anomalies_check_interval_s, backlog)
    sealer = Sealer(parts.workshop, timedelta(minutes=settings.seal_margin_minutes))
    settling = SettlementRounds(parts.workshop, settings.settlement_day_of_month, settings.settlement_check_interval_s)
    return Service(
        parts,
        folder=FOLDER,
        metadata=metadata,
        apis=[
            accounts.api,
            statements.api,
            explain.api,
            events.api,
            expiry.api,
            policy.api,
            dry_run.api,
            restatements.api,
            long_days.api,
            *love_market.apis,
            *time_bank.apis,
            star_reads.api,
            stars.api,
            certificate_reads.api,
            certificates.api,
            verification.api,
            publicity.api,
            leaderboards.api,
            team_leaderboards.api,
            seals.api,
            anomalies.api,
            holdings.api,
            settlements.api,
            settlement_reads.api,
            solvency.api,
        ],
        handler=Earning(parts.database, backlog),
        sources=SOURCES,
        repairs=repairs,
        due=LedgerDue(),
        timers=Timers.combine(love_market.timers, time_bank.timers, stars.timers, certificates.timers),
        background=[
            publisher.run,
            watch.run,
            rounds.run,
            pooling.run,
            restating.run,
            honours.run,
            forgetting.run,
            anomaly_watch.run,
            settling.run,
            VerifySchedule(parts.database, settings.ledger_verify_interval_s).run,
            sealer.run,
        ],
        on_migrated=[seed, keep_those_that_were_told],
    )


async def seed(service: Service) -> None:
    """Make the shipped national default policy version 1, where there is no policy yet."""
    async with service.workshop.transaction(actor="migrate") as work:
        await policy_views.seed_national_default(work)
        await work.finish()
