"""The columns of registers and sign-in sheets, under the names that people give them."""

from services.registry.importing.headers import Layout, column

_NAME = column("name", "姓名", "名字 志愿者 志愿者名称 真实姓名 签到人 name")
_ID_NUMBER = column(
    "id_number",
    "身份证号",
    "身份证号码 身份证 证件号码 证件号 公民身份号码 公民身份证号 公民身份证号码 居民身份证号 "
    "居民身份证号码 居民身份证 有效证件号码 有效身份证件号码 身份证件号码 身份证件号 身份号码 "
    "通行证号码 通行证号 护照号码 护照号 "
    "idnumber",
)
_ID_KIND = column("id_kind", "证件类型", "证件种类 证件类别 证件名称 有效证件类型 身份证件类型")

ROSTER_LAYOUT = Layout(
    columns=(
        _NAME,
        _ID_NUMBER,
        _ID_KIND,
        column("born_on", "出生日期", "出生年月日 生日"),
        column(
            "phone",
            "手机",
            "手机号 手机号码 联系电话 电话 电话号码 联系方式 联系手机 移动电话 手机电话 本人电话 联系号码 phone",
        ),
        column("political_status", "政治面貌", "政治面目 政治身份"),
        column(
            "work_unit",
            "工作单位",
            "单位 所在单位 单位名称 工作单位及职务 工作单位和职务 工作单位名称 所属单位 工作单位职务",
        ),
        column(
            "teams",
            "服务队",
            "队伍 所属队伍 所在队伍 志愿服务队 志愿服务队伍 所属服务队 所在服务队 分队 服务分队 "
            "所属分队 服务队名称 队伍名称 加入队伍 加入服务队 所属志愿服务队 所在志愿服务队 "
            "志愿服务分队 志愿者队伍 服务队伍 团队 所属团队 志愿团体 所属组织",
        ),
        column(
            "skills",
            "特长",
            "专长 个人特长 技能 服务技能 专业特长 专业技能 特长爱好 爱好特长 兴趣特长 特长及爱好 服务特长 专业",
        ),
        column(
            "registered_on",
            "入队时间",
            "入队日期 注册日期 注册时间 加入时间 加入日期 登记日期 登记时间 报名时间 入会时间 "
            "参加时间 注册年月 入队年月",
        ),
        column("guardian_consent", "监护人同意", "监护人是否同意 监护人同意书 家长同意 家长是否同意 监护人意见"),
        column("own_labour", "自食其力", "以自己劳动收入为主要生活来源 本人劳动收入为主要生活来源"),
    ),
    needed=(("name",), ("id_number",), ("phone",)),
)

SIGN_IN_LAYOUT = Layout(
    columns=(
        _NAME,
        _ID_NUMBER,
        _ID_KIND,
        column("volunteer_number", "志愿者编号", "志愿者号 志愿者证号 志愿编号 志愿者注册号 志愿者号码"),
        column("day", "日期", "服务日期 活动日期 签到日期"),
        column(
            "sign_in",
            "签到时间",
            "签到 到达时间 开始时间 服务开始时间 起始时间 上岗时间 签入时间 到岗时间",
        ),
        column(
            "sign_out",
            "签退时间",
            "签退 离开时间 结束时间 服务结束时间 终止时间 下岗时间 签出时间 离岗时间",
        ),
        column(
            "duration",
            "服务时长",
            "时长 服务时数 服务时间 服务小时 服务小时数 小时数 工时 志愿服务时长 服务分钟数 "
            "服务工时 分钟数 志愿服务时间 认定时长",
        ),
    ),
    needed=(("id_number", "volunteer_number"), ("sign_in", "duration"), ("sign_out", "duration")),
)
