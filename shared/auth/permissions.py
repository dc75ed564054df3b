"""The one table of who may do what. Every route names a permission from here; a test walks them all.

A permission says which roles hold it. Where it holds is the token's organisation node and everything below it; a
volunteer holds it for their own records only, which routes enforce with `Principal.require`.

What is `public` needs no token at all. A test names what is, and a route becomes public only by both: a public
permission here and `Api.public` there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Roles a token can carry."""

    DISTRICT = "district"
    """区级管理 staff of the district (or street) office."""
    COMMUNITY = "community"
    """社区工作者 community worker."""
    TEAM_LEADER = "team_leader"
    """服务队队长."""
    PATROL_LEADER = "patrol_leader"
    """巡防带班."""
    MEDIATOR = "mediator"
    """人民调解员."""
    VOLUNTEER = "volunteer"
    """志愿者, for their own records."""
    AUDITOR = "auditor"
    """审计, reads without names."""
    SYSTEM = "system"
    """Another system of the city."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be done, and which roles may do it."""

    zh: str
    en: str
    roles: frozenset[Role]
    public: bool = False
    """Whether anybody may, without a token."""


def _allow(zh: str, en: str, *roles: Role) -> Permission:
    return Permission(zh, en, frozenset(roles))


def _anybody(zh: str, en: str) -> Permission:
    return Permission(zh, en, frozenset(Role), public=True)


_OFFICE = (Role.DISTRICT, Role.COMMUNITY)
_READERS = (*_OFFICE, Role.TEAM_LEADER, Role.PATROL_LEADER, Role.MEDIATOR, Role.AUDITOR, Role.SYSTEM)

PERMISSIONS: Mapping[str, Permission] = {
    # registry
    "organisation.import": _allow("导入行政区划", "import the division file", Role.DISTRICT),
    "organisation.read": _allow("查看组织树", "read the organisation tree", *_READERS, Role.VOLUNTEER),
    "volunteers.register": _allow("登记志愿者", "register volunteers", *_OFFICE),
    "volunteers.change": _allow("修改志愿者资料", "change a volunteer's details", *_OFFICE, Role.VOLUNTEER),
    "volunteers.move": _allow("办理志愿者迁入", "receive volunteers who moved", *_OFFICE),
    "volunteers.read": _allow(
        "查看志愿者（不含身份信息）", "read volunteers without identities", *_READERS, Role.VOLUNTEER
    ),
    "volunteers.read_identity": _allow("查看志愿者身份信息", "read a volunteer's identity", *_OFFICE, Role.VOLUNTEER),
    "volunteers.search": _allow("按姓名、电话或证件号查找志愿者", "find people by name, phone or ID number", *_OFFICE),
    "volunteers.consent": _allow("撤回或重新给予同意", "withdraw or renew consent", *_OFFICE, Role.VOLUNTEER),
    "volunteers.forget": _allow("删除个人信息", "forget a person", *_OFFICE),
    "teams.manage": _allow("管理服务队", "manage teams", *_OFFICE),
    "teams.read": _allow("查看服务队", "read teams", *_READERS, Role.VOLUNTEER),
    "activities.publish": _allow("发布和修改活动", "publish and change activities", *_OFFICE, Role.TEAM_LEADER),
    "activities.read": _allow("查看活动", "read activities", *_READERS, Role.VOLUNTEER),
    "activities.read_participants": _allow(
        "查看活动的报名和出勤", "read who takes part", *_OFFICE, Role.TEAM_LEADER, Role.AUDITOR
    ),
    "activities.sign_up": _allow("报名和退出", "sign up and withdraw", *_OFFICE, Role.TEAM_LEADER, Role.VOLUNTEER),
    "activities.attend": _allow("签到、签退和补录", "record attendance", *_OFFICE, Role.TEAM_LEADER),
    "activities.complete": _allow("确认活动完成", "confirm completion", *_OFFICE, Role.TEAM_LEADER),
    "activities.correct": _allow("更正服务记录", "correct a service record", *_OFFICE),
    "activities.assess": _allow("评价服务质量", "assess the quality of a service", *_OFFICE, Role.TEAM_LEADER),
    "activities.read_assessments": _allow(
        "查看服务评价", "read what was said of a service", *_OFFICE, Role.TEAM_LEADER, Role.AUDITOR
    ),
    "imports.roster": _allow("导入花名册", "import a roster", *_OFFICE),
    "imports.read": _allow("查看导入结果", "read the result of an import", *_OFFICE, Role.TEAM_LEADER),
    # points
    "accounts.read": _allow("查看积分账户", "read accounts", *_OFFICE, Role.AUDITOR, Role.SYSTEM, Role.VOLUNTEER),
    "seals.read": _allow("查看账本封存", "read the seals of the ledger", *_OFFICE, Role.AUDITOR, Role.SYSTEM),
    "policies.publish": _allow("发布积分办法", "publish a policy", Role.DISTRICT),
    "policies.read": _allow("查看积分办法", "read policies", *_READERS, Role.VOLUNTEER),
    "long_days.approve": _allow("批准和撤回超时服务", "approve long days, and take that back", *_OFFICE),
    "long_days.read": _allow(
        "查看超时服务批准", "read which long days are approved", *_OFFICE, Role.AUDITOR, Role.VOLUNTEER
    ),
    "market.manage": _allow("管理爱心超市", "manage the love market", *_OFFICE),
    "market.read": _allow("查看爱心超市", "read the love market", *_READERS, Role.VOLUNTEER),
    "redemptions.reserve": _allow("预约兑换", "reserve a redemption", *_OFFICE, Role.VOLUNTEER),
    "redemptions.hand_over": _allow("交付兑换、撤回已交付的", "hand over redemptions, and take that back", *_OFFICE),
    "redemptions.cancel": _allow("取消预约的兑换", "call a reservation off", *_OFFICE, Role.VOLUNTEER),
    "redemptions.read": _allow("查看兑换", "read redemptions", *_OFFICE, Role.AUDITOR, Role.VOLUNTEER),
    "stars.apply": _allow("申请星级", "apply for stars", *_OFFICE, Role.VOLUNTEER),
    "stars.assess": _allow("评定服务质量", "assess the quality of service", *_OFFICE),
    "stars.grant": _allow("评定和撤销星级", "grant and withdraw stars", Role.DISTRICT),
    "stars.read": _allow("查看星级", "read stars", *_OFFICE, Role.AUDITOR, Role.SYSTEM, Role.VOLUNTEER),
    "stars.find_candidates": _allow("查找可申请星级的志愿者", "find who could apply for stars", *_OFFICE),
    "stars.report": _allow("上报三星及以上志愿者", "report three stars and above", Role.DISTRICT),
    "certificates.issue": _allow("出具和办理证明", "issue and handle certificates", *_OFFICE),
    "certificates.read": _allow("查看证明", "read certificates", *_OFFICE, Role.AUDITOR, Role.VOLUNTEER),
    "certificates.print": _allow("打印证明", "print certificates, with who they are about", *_OFFICE, Role.VOLUNTEER),
    "certificates.verify": _anybody("核验证明", "verify a certificate by number and check code"),
    "certificates.publicise": _anybody("查看公示中的证明", "see a community's certificates in publicity"),
    "leaderboards.read": _allow("查看排行榜", "read leaderboards", *_READERS, Role.VOLUNTEER),
    "leaderboards.opt_out": _allow("退出排行榜", "stay off leaderboards", *_OFFICE, Role.VOLUNTEER),
    "redemptions.read_code": _allow("查看本人的领取码", "see the collection code of one's own", Role.VOLUNTEER),
    "market.count": _allow("盘点爱心超市", "take stock of the love market", *_OFFICE),
    "market.trace": _allow("追溯物资去向", "trace goods from source to recipient", *_OFFICE, Role.AUDITOR),
    "donations.manage": _allow("登记捐赠人和捐赠", "register donors and donations", *_OFFICE),
    "donations.read": _allow("查看捐赠（不含姓名）", "read donations without names", *_OFFICE, Role.AUDITOR),
    "donations.read_donor": _allow("查看捐赠人和收据", "read who gave, and receipts", *_OFFICE),
    "donations.follow": _anybody("查询捐赠去向", "see what became of a gift by receipt number and check code"),
    "budgets.grant": _allow("拨付采购经费", "grant a budget for goods", Role.DISTRICT),
    "purchases.manage": _allow("登记供应商和采购", "register suppliers and purchases", *_OFFICE),
    "purchases.reverse": _allow("撤回采购", "take back a purchase", Role.DISTRICT),
    "purchases.read": _allow("查看采购和经费", "read purchases and budgets", *_OFFICE, Role.AUDITOR),
    "purchases.read_supplier": _allow("查看供应商名称", "read who a supplier is", *_OFFICE),
    "sales.record": _allow("登记售出", "record a sale at the counter", *_OFFICE),
    "sales.reverse": _allow("撤回售出", "take back a sale", Role.DISTRICT),
    "sales.read": _allow("查看售出", "read sales", *_OFFICE, Role.AUDITOR),
    "households.manage": _allow("登记家庭和困难情形", "register households and their need", *_OFFICE),
    "households.read": _allow(
        "查看家庭（不含姓名和困难原因）", "read households without names and reasons of need", *_OFFICE, Role.AUDITOR
    ),
    "households.read_identity": _allow(
        "查看家庭姓名、住址和困难原因", "read who a household is, and why it is in need", *_OFFICE
    ),
    "aid.propose": _allow("提出和撤销救助", "propose and call off aid", *_OFFICE),
    "aid.approve": _allow("审批救助", "approve or refuse aid", *_OFFICE),
    "aid.hand_over": _allow("发放救助物资", "hand aid over", *_OFFICE),
    "aid.read": _allow("查看救助", "read aid", *_OFFICE, Role.AUDITOR),
    "supplies.request": _allow("提出和撤销活动物资申领", "ask for a team's supplies, and call that off", *_OFFICE),
    "supplies.approve": _allow("审批活动物资", "approve or refuse a team's supplies", *_OFFICE),
    "supplies.record": _allow(
        "登记活动物资的发放、退回和使用", "record supplies as issued, brought back and used", *_OFFICE
    ),
    "supplies.read": _allow("查看活动物资", "read the supplies of teams", *_OFFICE, Role.TEAM_LEADER, Role.AUDITOR),
    "anomalies.read": _allow("查看时长疑点", "read signs of invented hours", *_OFFICE, Role.AUDITOR),
    "anomalies.decide": _allow("核查时长疑点、冻结和解冻积分", "decide on signs of invented hours", *_OFFICE),
    "settlements.propose": _allow("提出和撤销社区间结算", "propose and withdraw settlements", Role.DISTRICT),
    "settlements.confirm": _allow("确认社区间结算", "confirm settlements", Role.DISTRICT),
    "settlements.read": _allow("查看社区间结算", "read settlements", Role.DISTRICT, Role.AUDITOR, Role.SYSTEM),
    "settlements.read_positions": _allow(
        "查看社区结算头寸", "read where communities stood", *_OFFICE, Role.AUDITOR, Role.SYSTEM
    ),
    "solvency.read": _allow(
        "查看时间银行支付能力", "read the solvency of the time bank", *_OFFICE, Role.AUDITOR, Role.SYSTEM
    ),
    "beneficiaries.manage": _allow("登记时间银行服务对象", "register who can be served", *_OFFICE),
    "beneficiaries.read": _allow(
        "查看服务对象（不含姓名）", "read beneficiaries without names", *_OFFICE, Role.AUDITOR, Role.VOLUNTEER
    ),
    "beneficiaries.read_identity": _allow("查看服务对象身份信息", "read who a beneficiary is", *_OFFICE),
    "kin.manage": _allow("登记和核实亲属关系", "enter and verify relatives", *_OFFICE),
    "kin.read": _allow("查看亲属关系", "read who is related", *_OFFICE, Role.AUDITOR, Role.VOLUNTEER),
    "time_orders.request": _allow("下时间订单", "order a service for minutes", *_OFFICE, Role.VOLUNTEER),
    "time_orders.approve": _allow("批准公共池支付", "approve that the pool pays", *_OFFICE),
    "time_orders.serve": _allow("接单和登记服务", "accept orders and record service", *_OFFICE, Role.VOLUNTEER),
    "time_orders.confirm": _allow("确认和撤销订单", "confirm and cancel orders", *_OFFICE, Role.VOLUNTEER),
    "time_orders.correct": _allow("更正已确认的订单", "correct confirmed orders", *_OFFICE),
    "time_orders.read": _allow("查看时间订单", "read orders", *_OFFICE, Role.AUDITOR, Role.VOLUNTEER),
    "time_orders.review": _allow("查看重复计入的订单", "see hours that were paid twice", *_OFFICE, Role.AUDITOR),
    "minutes.give": _allow("转赠和捐出时间", "give minutes away", *_OFFICE, Role.VOLUNTEER),
    "minutes.reverse": _allow("撤销误登的转赠和捐出", "take back what was given by mistake", *_OFFICE),
    "pools.read": _allow("查看公共池", "read the public pool", *_READERS, Role.VOLUNTEER),
    "deaths.manage": _allow("登记和核实身故", "record and confirm deaths", *_OFFICE),
    "deaths.read": _allow("查看身故处理", "read what became of accounts", *_OFFICE, Role.AUDITOR),
    # grid_patrol
    "cells.manage": _allow("管理网格", "manage cells", *_OFFICE),
    "crews.manage": _allow("管理巡逻队", "manage crews", *_OFFICE),
    "patrol.read": _allow("查看巡防", "read cells, crews and shifts", *_READERS),
    "shifts.plan": _allow("安排和取消班次", "plan and cancel shifts", *_OFFICE, Role.PATROL_LEADER),
    "shifts.run": _allow("执行班次", "start and log shifts", *_OFFICE, Role.PATROL_LEADER),
    "shifts.correct": _allow("更正巡防服务记录", "correct service on a logged shift", *_OFFICE),
    "shifts.scan": _allow("上传扫码", "send scans", *_OFFICE, Role.PATROL_LEADER, Role.VOLUNTEER),
    "shifts.read_tracks": _allow("查看巡防轨迹", "read patrol tracks", *_OFFICE, Role.PATROL_LEADER, Role.AUDITOR),
    "shifts.read_own": _allow(
        "查看一名志愿者的班次", "read the shifts of one volunteer", *_OFFICE, Role.PATROL_LEADER, Role.VOLUNTEER
    ),
    "shifts.read_own_tracks": _allow(
        "查看一名志愿者的轨迹", "read the tracks of one volunteer", *_OFFICE, Role.VOLUNTEER
    ),
    "findings.report": _allow("上报发现", "report findings", *_OFFICE, Role.PATROL_LEADER),
    "findings.read_text": _allow("查看发现的内容", "read what a finding says", *_OFFICE, Role.PATROL_LEADER),
    # mediation
    "cases.file": _allow("立案", "file a case", *_OFFICE, Role.MEDIATOR),
    "cases.handle": _allow("办理案件", "handle a case", *_OFFICE, Role.MEDIATOR),
    "cases.assign": _allow("指派调解员", "assign mediators", *_OFFICE),
    "cases.correct": _allow("更正调解服务记录", "correct service in an ended case", *_OFFICE),
    "cases.read": _allow("查看案件", "read cases", *_OFFICE, Role.MEDIATOR, Role.AUDITOR),
    "cases.read_parties": _allow("查看当事人", "read the parties of a case", *_OFFICE, Role.MEDIATOR),
    "cases.erase_party": _allow("删除当事人身份信息", "erase who a party is", *_OFFICE),
}
