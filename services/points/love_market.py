"""The love market (爱心超市), put together: its rooms' routes, read tables and timers."""

from services.points.aid import api as aid
from services.points.aid import views as aid_views
from services.points.budgets import api as budgets
from services.points.budgets import views as budget_views
from services.points.donations import api as donations
from services.points.donations import outcome, page
from services.points.donations import receipts as donation_receipts
from services.points.donations import views as donation_views
from services.points.donors import api as donors
from services.points.donors import views as donor_views
from services.points.households import api as households
from services.points.households import views as household_views
from services.points.market import api as market
from services.points.market import counts, photos, pricing, receipts, traces
from services.points.market import views as market_views
from services.points.purchases import api as purchases
from services.points.purchases import views as purchase_views
from services.points.redemptions import api as redemptions
from services.points.redemptions import views as redemption_views
from services.points.sales import api as sales
from services.points.sales import views as sale_views
from services.points.suppliers import api as suppliers
from services.points.suppliers import views as supplier_views
from services.points.supplies import api as supplies
from services.points.supplies import held as supplies_held
from services.points.supplies import report as supplies_report
from services.points.supplies import use_api as supply_uses
from services.points.supplies import views as supply_views
from shared.timers import Timers
from shared.views import Views

views = Views.combine(
    market_views.views,
    household_views.views,
    redemption_views.views,
    donor_views.views,
    donation_views.views,
    supplier_views.views,
    budget_views.views,
    purchase_views.views,
    sale_views.views,
    aid_views.views,
    supply_views.views,
)

apis = (
    market.api,
    photos.api,
    pricing.api,
    receipts.api,
    counts.api,
    traces.api,
    redemptions.api,
    donors.api,
    donations.api,
    donation_receipts.api,
    outcome.api,
    page.api,
    suppliers.api,
    budgets.api,
    purchases.api,
    sales.api,
    households.api,
    aid.api,
    supplies.api,
    supply_uses.api,
    supplies_held.api,
    supplies_report.api,
)

timers = Timers.combine(redemptions.timers, aid.timers, supplies.timers)
