"""Spending in the time bank (时间银行), put together: its rooms' routes, read tables and timers."""

from services.points.beneficiaries import api as beneficiaries
from services.points.beneficiaries import views as beneficiary_views
from services.points.deaths import api as deaths
from services.points.deaths import views as death_views
from services.points.kin import api as kin
from services.points.kin import views as kin_views
from services.points.pools import api as pools
from services.points.time_gifts import api as gifts
from services.points.time_orders import api as orders
from services.points.time_orders import correction_api, credited
from services.points.time_orders import views as order_views
from shared.timers import Timers
from shared.views import Views

views = Views.combine(beneficiary_views.views, kin_views.views, order_views.views, death_views.views)

apis = (beneficiaries.api, kin.api, orders.api, correction_api.api, credited.api, gifts.api, pools.api, deaths.api)

timers = Timers.combine(orders.timers, deaths.timers)
