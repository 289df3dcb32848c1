"""The ``streams`` setting: the same entries however it arrives, refusals that name the place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_spotzee.exceptions import SettingsError
from target_spotzee.mapping.streams import StreamConfig, StreamConfigs, read_region, read_streams

DEFAULT = StreamConfig(null_values="omit", invalid_fields="null", phone_region="AU")


def unfold(setting: Any) -> Any:
    """Do what Meltano does to the dotted keys of an object setting, at every level."""
    if not isinstance(setting, dict):
        return setting
    unfolded: dict[str, Any] = {}
    for key, value in setting.items():
        *parents, last = key.split(".")
        place = unfolded
        for parent in parents:
            place = place.setdefault(parent, {})
        below = unfold(value)
        if isinstance(below, dict) and isinstance(place.get(last), dict):
            place[last].update(below)
        else:
            place[last] = below
    return unfolded


names = st.sampled_from(["users", "public", "customers", "v2", "*", "a-b", "eu*"])
streams = st.lists(names, min_size=1, max_size=3).map(".".join)
sources = st.sampled_from(["id", "town", "address.city", "", None])
mappings = st.dictionaries(
    st.sampled_from(
        ["external_id", "email", "phone", "data.city", "data.plan", "data.address.zip", "locale"]
    ),
    sources,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "mapping": mappings | st.none(),
        "unmapped": st.sampled_from(["data", "ignore"]) | st.none(),
        "exclude": st.lists(st.sampled_from(["ssn*", "pass.word", "*"]), max_size=2),
        "null_values": st.sampled_from(["send", "omit"]),
        "invalid_fields": st.sampled_from(["drop", "null", "reject"]),
        "phone_region": st.sampled_from(["DE", "us", None, ""]),
        "opt_in": st.sampled_from(["never", "unless_opted_out", "follow"]),
        "subscriptions": st.dictionaries(
            st.sampled_from(["13", "News", "v2.News", "v2.Offers", "mapping", "exclude"]),
            st.sampled_from(["wanted", "!opted.out"]),
        ),
    },
)


class TestSpellings:
    # Below an empty entry nothing tells a stream from the beginning of a longer name.
    settings = st.dictionaries(streams, entries.filter(bool), max_size=4)

    @given(settings)
    @example({"public": {"unmapped": "data"}, "public.customers": {"unmapped": "ignore"}})
    def test_plain_and_unfolded_by_meltano_are_the_same(self, setting: dict[str, Any]) -> None:
        assert read_streams(unfold(setting), DEFAULT) == read_streams(setting, DEFAULT)

    @given(settings)
    def test_every_stream_has_its_entry(self, setting: dict[str, Any]) -> None:
        read = read_streams(unfold(setting), DEFAULT)
        assert set(read.by_stream or {}) == set(setting)

    def test_an_empty_entry_survives_unfolding(self) -> None:
        read = read_streams({"public": {"customers": {}, "orders": None}}, DEFAULT)
        assert read.by_stream == {"public.customers": DEFAULT, "public.orders": DEFAULT}

    def test_attributes_may_stand_in_data_or_behind_dots(self) -> None:
        nested = {"data": {"plan": "subscription.plan", "address": {"zip": "zip"}}}
        dotted = {"data.plan": "subscription.plan", "data.address.zip": "zip"}
        mixed = {"data": {"address.zip": "zip"}, "data.plan": "subscription.plan"}
        read = [
            read_streams({"s": {"mapping": mapping}}, DEFAULT).find("s")
            for mapping in (nested, dotted, mixed)
        ]
        assert (
            read
            == [
                StreamConfig(
                    mapping={
                        ("data", "plan"): "subscription.plan",
                        ("data", "address", "zip"): "zip",
                    },
                    null_values="omit",
                    invalid_fields="null",
                    phone_region="AU",
                )
            ]
            * 3
        )

    def test_a_null_source_switches_a_field_off(self) -> None:
        entry = read_streams({"s": {"mapping": {"email": None, "phone": ""}}}, DEFAULT).find("s")
        assert entry is not None
        assert entry.mapping == {("email",): "", ("phone",): ""}


class TestPolicies:
    def test_an_entry_s_own_go_before_the_settings(self) -> None:
        setting: dict[str, Any] = {
            "own": {"null_values": "send", "invalid_fields": "reject", "phone_region": "nz"},
            "none": {},
        }
        read = read_streams(setting, DEFAULT)
        assert read.find("own") == StreamConfig(
            null_values="send", invalid_fields="reject", phone_region="NZ"
        )
        assert read.find("none") == DEFAULT

    def test_what_holds_where_nothing_is_said(self) -> None:
        assert read_streams({"s": {}}, StreamConfig()).find("s") == StreamConfig(
            mapping={},
            unmapped="data",
            exclude=(),
            null_values="send",
            invalid_fields="drop",
            phone_region=None,
        )

    @pytest.mark.parametrize(
        ("exclude", "column", "excluded"),
        [
            (["ssn*"], "ssn_hash", True),
            (["ssn*"], "SSN", False),
            (["ssn*"], "my_ssn", False),
            (["password", "*token"], "csrf_token", True),
            (["password"], "password_hint", False),
            ([], "anything", False),
        ],
    )
    def test_excluded_columns_are_globs_that_mind_case(
        self, exclude: list[str], column: str, *, excluded: bool
    ) -> None:
        assert StreamConfig(exclude=tuple(exclude)).excludes(column) is excluded


class TestFinding:
    @pytest.mark.parametrize("setting", [None, {}])
    def test_without_the_setting_every_stream_maps_itself(self, setting: object) -> None:
        read = read_streams(setting, DEFAULT)
        assert read == StreamConfigs(DEFAULT)
        assert read.find("anything") is DEFAULT

    def test_with_it_an_unlisted_stream_has_none(self) -> None:
        assert read_streams({"a": {}}, DEFAULT).find("b") is None

    @pytest.mark.parametrize(
        ("stream", "region"),
        [
            ("eu_users", "DE"),
            ("eu_orders", "FR"),
            ("us_users", "US"),
            ("[x]", "GB"),
            ("EU_a", "US"),
        ],
    )
    def test_its_own_goes_before_a_glob_and_the_star_is_the_rest(
        self, stream: str, region: str
    ) -> None:
        setting: dict[str, Any] = {
            "*": {"phone_region": "US"},
            "eu_*": {"phone_region": "FR"},
            "[x]": {"phone_region": "GB"},
            "eu_users": {"phone_region": "DE"},
        }
        entry = read_streams(setting, DEFAULT).find(stream)
        assert entry is not None
        assert entry.phone_region == region

    def test_the_same_glob_wins_unfolded_or_not(self) -> None:
        setting = {
            "a.x*": {"phone_region": "DE"},
            "*.y": {"phone_region": "FR"},
            "a.*": {"phone_region": "GB"},
        }
        plain, unfolded = read_streams(setting, DEFAULT), read_streams(unfold(setting), DEFAULT)
        assert plain.find("a.y") == unfolded.find("a.y")


class TestRefusals:
    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ([], "streams: must be an object of stream name: entry"),
            ("QXZJ", "streams: must be an object of stream name: entry"),
            ({"s": "QXZJ"}, "streams.s: must be an object with complete_pass, "),
            ({"a.b.exclude": ["QXZJ"]}, 'streams.a.b.exclude: is no stream; write {"a.b": {"excl'),
            ({"s.mapping": {"email": "QXZJ"}}, 'streams.s.mapping: is no stream; write {"s": {"m'),
            ({"s.mapping": None}, 'streams.s.mapping: is no stream; write {"s": {"mapping": …}}'),
            (
                {"s": {"maping": "QXZJ"}},
                "streams.s: unknown key 'maping'; an entry takes complete_pass",
            ),
            ({"s": {"unmapped": "QXZJ"}}, "streams.s.unmapped: must be one of data, ignore"),
            ({"s": {"unmapped": ["QXZJ"]}}, "streams.s.unmapped: must be one of data, ignore"),
            ({"s": {"null_values": "drop"}}, "streams.s.null_values: must be one of send, omit"),
            ({"s": {"invalid_fields": 1}}, "streams.s.invalid_fields: must be one of drop, null"),
            ({"s": {"exclude": "QXZJ"}}, "streams.s.exclude: must be a list of column names"),
            ({"s": {"exclude": [1]}}, "streams.s.exclude: must be a list of column names"),
            ({"s": {"phone_region": "QX"}}, "streams.s.phone_region: must be a two-letter ISO"),
            ({"s": {"phone_region": 61}}, "streams.s.phone_region: must be a two-letter ISO"),
            ({"s": {"opt_in": "QXZJ"}}, "streams.s.opt_in: must be one of never, unless_opted_out"),
            ({"s": {"subscriptions": "QXZJ"}}, "streams.s.subscriptions: must be an object such"),
            ({"s": {"subscriptions": {"1": 7}}}, "streams.s.subscriptions.1: must be the name of"),
            ({"s": {"subscriptions": {"1": "!"}}}, "streams.s.subscriptions.1: must be the name"),
            ({"s": {"subscriptions": {"1": None}}}, "streams.s.subscriptions.1: must be the name"),
            (
                {"s": {"subscriptions": {"a": {"b": "QXZJ"}, "a.b": "x"}}},
                "streams.s.subscriptions: a.b is there twice",
            ),
            ({"s": {"mapping": {"email": 7}}}, "streams.s.mapping.email: must be the name of a"),
            ({"s": {"mapping": {"data": ["QXZJ"]}}}, "streams.s.mapping.data: must be the name"),
            ({"s": {"mapping": "QXZJ"}}, 'streams.s.mapping: must be an object such as {"ext'),
            ({"s": {"mapping": ["QXZJ"]}}, "streams.s.mapping: must be an object such as"),
            ({"s": {"mapping": ""}}, "streams.s.mapping: must be an object such as"),
            ({"s": {"mapping": 5}}, "streams.s.mapping: must be an object such as"),
            (
                {"s": {"mapping": {"data": {"x": "QXZJ"}, "data.x": "email"}}},
                "streams.s.mapping: data.x is mapped twice",
            ),
            (
                {"a.b": {"unmapped": "data"}, "a": {"b": {"unmapped": "ignore"}}},
                "streams.a.b: is there twice",
            ),
        ],
    )
    def test_the_place_is_named_and_the_value_is_not(self, setting: object, message: str) -> None:
        with pytest.raises(SettingsError) as caught:
            read_streams(setting, DEFAULT)
        assert str(caught.value).startswith(message)
        assert "QX" not in str(caught.value)

    @pytest.mark.parametrize(
        ("setting", "place", "key", "meant"),
        [
            ({"s": {"exclud": ["ssn"]}}, "s", "exclud", "exclude"),
            ({"s": {"mapping": {}, "Exclude": ["ssn"]}}, "s", "Exclude", "exclude"),
            ({"s": {"mapping": {}, "Exclude": None}}, "s", "Exclude", "exclude"),
            ({"s": {"Exclude": {}}}, "s", "Exclude", "exclude"),
            ({"s": {"maping": {"external_id": "id"}}}, "s", "maping", "mapping"),
            ({"s": {"maping": {"data": {"plan": "plan"}}}}, "s", "maping", "mapping"),
            ({"s": {"maping": {}}}, "s", "maping", "mapping"),
            ({"s": {"maping": None}}, "s", "maping", "mapping"),
            ({"s": {"nullValues": "omit"}}, "s", "nullValues", "null_values"),
            ({"a": {"b": {"phone-region": "AU"}}}, "a.b", "phone-region", "phone_region"),
        ],
    )
    def test_a_key_that_is_nearly_one_is_no_part_of_a_name(
        self, setting: object, place: str, key: str, meant: str
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            read_streams(setting, DEFAULT)
        assert str(caught.value).startswith(f"streams.{place}: unknown key {key!r}; ")
        assert str(caught.value).endswith(f"; did you mean {meant!r}?")

    @pytest.mark.parametrize("nothing", [None, {}])
    def test_nor_is_one_that_says_nothing_beside_keys_of_an_entry(self, nothing: object) -> None:
        with pytest.raises(SettingsError, match=r"^streams\.s: unknown key 'drop'; "):
            read_streams({"s": {"unmapped": "data", "drop": nothing}}, DEFAULT)

    def test_a_table_may_be_called_nearly_like_a_key(self) -> None:
        setting: dict[str, Any] = {"public": {"mappings": {"unmapped": "data"}}, "a.excludes": {}}
        assert set(read_streams(setting, DEFAULT).by_stream or {}) == {
            "public.mappings",
            "a.excludes",
        }

    def test_a_table_may_be_called_subscriptions(self) -> None:
        setting = {"crm.subscriptions": {"mapping": {"email": "mail"}, "opt_in": "follow"}}
        for written in (setting, unfold(setting)):
            entry = read_streams(written, DEFAULT).find("crm.subscriptions")
            assert entry is not None
            assert (entry.mapping, entry.subscriptions) == ({("email",): "mail"}, {})

    def test_a_region_is_upper_case_or_nothing(self) -> None:
        assert read_region("phone_region", "au") == "AU"
        assert read_region("phone_region", "") is None
        assert read_region("phone_region", None) is None
