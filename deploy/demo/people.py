"""Synthetic people: plausible, reproducible, and nobody.

No living person can carry these numbers: ID numbers start with areas 620298 and 620299, which the division codes
never had, and telephones with 154, which no operator was ever given. Everything else about an ID number is valid.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from shared.identity_documents import check_character

AREAS = ("620299", "620298")
PHONE_PREFIX = "1540000"
FOUNDED_ON = date(2012, 4, 1)
"""The document: 社区志愿服务队成立于2012年4月."""
COUNTED_ON = date(2015, 9, 30)
_OLDEST, _YOUNGEST = date(1938, 1, 1), date(1996, 12, 31)

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎"
_MEN = "建国军伟强勇涛斌刚平志明文辉永生德海峰林玉龙成祥兴福天云学有才金宝"
_WOMEN = "秀英丽娟芳敏静霞燕玲梅兰红艳萍雪琴春花桂香淑珍小凤月娥玉洁慧"
_UNITS = (
    "祁连社区居民委员会",
    "雄关街道办事处",
    "雄关区卫生服务中心",
    "长城医院",
    "市第一中学",
    "市实验小学",
    "市人力资源和社会保障局",
    "市交通运输局",
    "市环境保护局",
    "市文化馆",
    "市供电公司",
    "市自来水公司",
    "钢铁公司炼铁厂",
    "钢铁公司运输部",
    "邮政分公司",
    "个体经营",
    "退休",
)
_SKILLS = (
    "教学",
    "医疗",
    "护理",
    "法律",
    "书法",
    "剪纸",
    "串珠",
    "丝网花",
    "电工",
    "水暖维修",
    "理发",
    "摄影",
    "舞蹈",
    "驾驶",
    "心理咨询",
)


@dataclass(frozen=True, slots=True)
class SyntheticPerson:
    """Somebody who does not exist, as the register knows them."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)
    status: str
    """政治面貌 in its official name."""
    work_unit: str
    skills: tuple[str, ...]
    registered_on: date
    teams: tuple[str, ...]


def make_person(source: random.Random, running_number: int, status: str, teams: tuple[str, ...]) -> SyntheticPerson:
    """The person of this running number. Number and telephone are unique by it; the rest is drawn."""
    woman = source.random() < 0.55
    given = _WOMEN if woman else _MEN
    name = source.choice(_SURNAMES) + "".join(source.sample(given, source.choice((1, 2, 2, 2))))
    skills = tuple(source.sample(_SKILLS, source.choice((0, 0, 0, 1, 1, 2))))
    days = (COUNTED_ON - FOUNDED_ON).days
    return SyntheticPerson(
        name=name,
        id_number=make_id_number(source, running_number, woman=woman),
        phone=f"{PHONE_PREFIX}{running_number:04d}",
        status=status,
        work_unit=source.choice(_UNITS),
        skills=skills,
        registered_on=FOUNDED_ON + timedelta(days=source.randrange(days)),
        teams=teams,
    )


def make_id_number(source: random.Random, running_number: int, *, woman: bool) -> str:
    """A valid number of an area that does not exist.

    Unique for running numbers up to 9999: they pick the pair of area and sequence number, and the year of birth.
    """
    years = _YOUNGEST.year - _OLDEST.year + 1
    # A year holds 499 sequence numbers of each sex and area, far more than one in `years` people needs.
    born = date(_OLDEST.year + running_number % years, source.randint(1, 12), source.randint(1, 28))
    sequence = 2 * (running_number // years + 1) + (0 if woman else 1)
    area = AREAS[0] if source.random() < 0.9 else AREAS[1]
    first_17 = f"{area}{born:%Y%m%d}{sequence:03d}"
    return first_17 + check_character(first_17)
