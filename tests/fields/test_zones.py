"""Time zones: IANA's names, whoever names them."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tzlocal.windows_tz import win_tz

from target_spotzee import fields
from target_spotzee.fields import zones
from target_spotzee.fields.zone_names import HUBSPOT, RAILS
from tests.fields import NEVER_RIGHT, mutations, sent_or_refused

OTHERS = [*win_tz, *RAILS, "us_slash_pacific", "UTC+10:00", "-05:00", "(GMT+01:00) Paris"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Australia/Sydney", "Australia/Sydney"),
        ("australia/sydney", "Australia/Sydney"),
        ("EUROPE/BERLIN", "Europe/Berlin"),
        ("utc", "UTC"),
        ("etc/gmt+5", "Etc/GMT+5"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("America/New York", "America/New_York"),
        ("\ufeffEurope/Berlin\n", "Europe/Berlin"),
    ],
)
def test_names_get_iana_s_own_spelling(value: str, expected: str) -> None:
    assert fields.timezone(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Eastern Standard Time", "America/New_York"),
        ("w. europe standard time", "Europe/Berlin"),
        ("AUS Eastern Standard Time", "Australia/Sydney"),
        ("Eastern Time (US & Canada)", "America/New_York"),
        ("Sydney", "Australia/Sydney"),
        ("Nuku'alofa", "Pacific/Tongatapu"),
        ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC) Dublin", "Europe/Dublin"),
        ("(UTC+5:30) Mumbai", "Asia/Kolkata"),
        ("(GMT+10:00) Australia/Sydney", "Australia/Sydney"),
        ("us_slash_pacific", "US/Pacific"),
        ("america_slash_argentina_slash_buenos_aires", "America/Argentina/Buenos_Aires"),
        ("america_slash_port_hyphen_au_hyphen_prince", "America/Port-au-Prince"),
        ("asia_slash_ho_chi_minh", "Asia/Ho_Chi_Minh"),
        ("us_slash_pacific_hyphen_new", "America/Los_Angeles"),
        ("etc_slash_gmt_plus_2", "Etc/GMT+2"),
    ],
)
def test_windows_rails_and_hubspot_have_names_of_their_own(value: str, expected: str) -> None:
    assert fields.timezone(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("GMT+2", "Etc/GMT-2"),
        ("gmt +02", "Etc/GMT-2"),
        ("UTC+10:00", "Etc/GMT-10"),
        ("UTC-5", "Etc/GMT+5"),
        ("UTC\u22125", "Etc/GMT+5"),
        ("+05:00", "Etc/GMT-5"),
        ("+0500", "Etc/GMT-5"),
        ("-03", "Etc/GMT+3"),
        ("(UTC+02:00)", "Etc/GMT-2"),
        ("UTC+14", "Etc/GMT-14"),
        ("UTC-12:00", "Etc/GMT+12"),
        ("UTC+0", "Etc/UTC"),
        ("-00:00", "Etc/UTC"),
        ("Z", "Etc/UTC"),
        ("(UTC)", "Etc/UTC"),
        ("GMT", "GMT"),
        ("GMT+0", "GMT+0"),  # which is a name
        ("Etc/GMT+2", "Etc/GMT+2"),  # as is this, which lies west
    ],
)
def test_whole_hours_have_a_zone_that_counts_from_the_other_side(value: str, expected: str) -> None:
    assert fields.timezone(value) == expected


@pytest.mark.parametrize("hours", range(-12, 15))
def test_a_zone_at_an_offset_is_where_it_says(hours: int) -> None:
    zone = zoneinfo.ZoneInfo(fields.timezone(f"UTC{hours:+}"))
    assert datetime(2026, 1, 1, tzinfo=zone).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "value",
    [
        *NEVER_RIGHT,
        -5,
        "",
        "Erewhon",
        "+05:30",
        "UTC+5.5",
        "UTC+9:30",
        "UTC+15",
        "UTC-13",
        "+530",
        "10",
        "AEST",
        "PST",
        "Factory",
        "factory",
        "localtime",
        "posixrules",
        "posix/Europe/Paris",
        "right/Europe/Paris",
        "SystemV/EST5",
        "../zones",
        "Europe_slash_Erewhon",
        "(GMT+05:30)",
        "(GMT-05:00) Erewhon",
        "Europe/Paris Europe/Berlin",
        "x" * 51,
    ],
)
def test_what_is_no_zone_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^is not an IANA time zone$"):
        fields.timezone(value)


def test_every_name_fits_spotzee_and_can_be_loaded() -> None:
    names = list(zones._iana().values())
    assert len(names) > 500
    assert max(map(len, names)) <= 50
    assert [zoneinfo.ZoneInfo(name).key for name in names] == names


@pytest.mark.parametrize("table", [win_tz, RAILS, HUBSPOT], ids=["Windows", "Rails", "HubSpot"])
def test_every_name_of_another_system_leads_to_iana_s(table: dict[str, str]) -> None:
    for name, zone in table.items():
        assert fields.timezone(name) == (name if name in zones._iana().values() else zone)


@given(
    st.text()
    | mutations(st.sampled_from([*OTHERS, "Europe/Paris"]))
    | st.from_regex(r"\(?(UTC|GMT|Z)?[+-]?[0-9]{1,4}(:[0-9]{1,2})?\)?", fullmatch=True)
)
def test_whatever_comes_back_is_a_zone_of_iana_s(text: str) -> None:
    sent = sent_or_refused(fields.timezone, text)
    assert sent is None or sent in zones._iana().values()
    assert sent is None or fields.timezone(sent) == sent
