"""From a record to a Spotzee user."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_spotzee.exceptions import MappingError, RecordError
from target_spotzee.mapping.streams import StreamConfig, read_streams
from target_spotzee.mapping.users import Mapping, User
from target_spotzee.records import Record
from tests import strategies


def compiled(columns: Any, keys: list[str] | None = None, /, **entry: Any) -> Mapping:
    """Compile a mapping the way the ``streams`` setting has it; columns by name or with schema."""
    if not isinstance(columns, dict):
        columns = {name: {} for name in columns.split()}
    read = read_streams({"s": entry}, StreamConfig()).find("s")
    assert read is not None
    return Mapping("s", columns, ["id"] if keys is None else keys, read)


def payload(record: Record, /, *, mapping: Any = None, **policies: Any) -> dict[str, Any]:
    """Map one record whose columns are all in the SCHEMA."""
    return compiled(" ".join(record), mapping=mapping or {}, **policies).user(record).payload


columns = st.sampled_from(
    [
        "city",
        "plan",
        "email",
        "locale",
        "ssn_a",
        "a.b",
        "a",
        "password",
        "_sdc_x",
        "_sdc_deleted_at",
    ]
)
records = st.builds(
    lambda key, rest: {"id": key, **rest},
    st.integers(1, 9),
    st.dictionaries(columns, strategies.json_values, max_size=6),
)
entries = st.fixed_dictionaries(
    {"exclude": st.just(["ssn*", "password"])},
    optional={
        "mapping": st.dictionaries(
            st.sampled_from(["email", "data.city", "data.a.b.c", "data.a.d", "data.q"]),
            st.sampled_from(["city", "a.b", "a.x", "plan", "id"]),
            max_size=3,
        ),
        "unmapped": st.sampled_from(["data", "ignore"]),
        "null_values": st.sampled_from(["send", "omit"]),
        "invalid_fields": st.sampled_from(["drop", "null"]),
    },
)
KNOWN = "id city plan email a ssn_a _sdc_x"


class TestIdentity:
    @pytest.mark.parametrize(
        ("columns", "keys", "mapping", "expected"),
        [
            ("id name", ["id"], {}, {"external_id": "1"}),
            ("id external_id", ["id"], {}, {"external_id": "2"}),
            ("id external_id", ["id"], {"external_id": "id"}, {"external_id": "1"}),
            ("id anonymous_id", ["id"], {}, {"external_id": "1", "anonymous_id": "3"}),
            ("id anonymous_id", [], {}, {"anonymous_id": "3"}),
            ("id", [], {"anonymous_id": "id"}, {"anonymous_id": "1"}),
            ("id", ["id"], {"anonymous_id": "id"}, {"anonymous_id": "1"}),
            (
                "id name",
                ["id"],
                {"external_id": "name", "anonymous_id": "id"},
                {"external_id": "ann", "anonymous_id": "1"},
            ),
            (
                "id anonymous_id",
                ["id"],
                {"external_id": ""},
                {"anonymous_id": "3"},
            ),
            ("org name", ["org"], {"external_id": "org.id"}, {"external_id": "9"}),
        ],
    )
    def test_where_it_comes_from(
        self, columns: str, keys: list[str], mapping: Any, expected: dict[str, str]
    ) -> None:
        row = {
            "id": 1,
            "external_id": 2,
            "anonymous_id": "3",
            "name": "ann",
            "org": {"id": Decimal("9.0")},
        }
        record = {name: row[name] for name in columns.split()}
        ids = compiled(columns, keys, mapping=mapping).user(record).payload
        ids.pop("data", None)
        assert ids == expected

    @pytest.mark.parametrize(
        ("columns", "keys", "entry"),
        [
            ("name", [], {}),
            ("a b", ["a", "b"], {}),
            ("id", ["id"], {"mapping": {"external_id": ""}}),
            ("id", ["id"], {"exclude": ["id"]}),
            ("name", ["id"], {}),
        ],
    )
    def test_no_way_to_one_is_told_before_anything_is_sent(
        self, columns: str, keys: list[str], entry: dict[str, Any]
    ) -> None:
        with pytest.raises(MappingError, match=r"stream 's': no way to an identity; map a column"):
            compiled(columns, keys, **entry)

    @pytest.mark.parametrize("value", [None, "", "  ", "\t\n"])
    def test_an_empty_one_is_no_identity(self, value: object) -> None:
        with pytest.raises(RecordError, match="no value for external_id") as caught:
            compiled("id").user({"id": value})
        assert (caught.value.code, caught.value.field) == ("identity_missing", "external_id")

    def test_nor_is_one_that_is_not_there(self) -> None:
        with pytest.raises(RecordError, match="no value for external_id or anonymous_id"):
            compiled("external_id anonymous_id").user({"anonymous_id": None})

    @pytest.mark.parametrize("value", [True, False, {"a": 1}, [], 1.5, Decimal("0.5")])
    def test_one_of_the_wrong_kind_is_refused(self, value: object) -> None:
        with pytest.raises(RecordError, match="must be a string or an integral") as caught:
            compiled("id").user({"id": value})
        assert (caught.value.code, caught.value.field) == ("identity_invalid", "external_id")

    def test_a_null_one_beside_another_is_left_out(self) -> None:
        mapping = compiled("external_id anonymous_id", null_values="send")
        assert mapping.user({"external_id": "a", "anonymous_id": None}).payload == {
            "external_id": "a"
        }
        assert mapping.user({"external_id": " ", "anonymous_id": "b"}).payload == {
            "anonymous_id": "b"
        }

    def test_identities_are_kept_apart_by_kind_and_not_by_case(self) -> None:
        both = User({"external_id": "Straße", "anonymous_id": "B"})
        assert both.ids == ("Straße", "B")
        assert both.identities == ("estrasse", "ab")
        assert User({"external_id": "b"}).identities == ("eb",)
        assert User({"anonymous_id": "B"}).identities == ("ab",)

    def test_of_a_record_that_is_no_user_is_told_as_far_as_it_goes(self) -> None:
        mapping = compiled("id email", invalid_fields="reject")
        assert mapping.ids({"id": "A", "email": "no"}) == ("A", None)
        assert mapping.ids({"id": None, "email": "a@x.example"}) is None
        assert mapping.ids({"id": True}) is None

    @pytest.mark.parametrize(
        ("column", "warned"),
        [("email", True), ("e-mail", True), ("contact.EMAIL", True), ("id", False)],
    )
    def test_one_that_looks_like_an_address_is_warned_of(
        self, column: str, *, warned: bool
    ) -> None:
        mapping = compiled("id email e-mail contact", mapping={"external_id": column})
        assert [("changes address" in text) for text in mapping.warnings()] == [True] * warned


class TestSources:
    def test_the_mapping_of_the_design(self) -> None:
        record = {
            "id": 7,
            "email_address": "ann@example.com",
            "phone_e164": "+61400123456",
            "first_name": "Ann",
            "subscription": {"plan": "pro", "seats": 3},
            "password_hash": "x",
            "ssn_full": "y",
            "city": "Perth",
        }
        mapping = {
            "external_id": "id",
            "email": "email_address",
            "phone": "phone_e164",
            "data": {"first_name": "first_name", "plan": "subscription.plan"},
        }
        assert payload(record, mapping=mapping, exclude=["password_hash", "ssn*"]) == {
            "external_id": "7",
            "email": "ann@example.com",
            "phone": "+61400123456",
            "data": {
                "first_name": "Ann",
                "plan": "pro",
                "subscription": {"plan": "pro", "seats": 3},
                "city": "Perth",
            },
        }

    def test_a_column_of_exactly_the_name_wins_over_a_path(self) -> None:
        record = {"id": 1, "a.b": "column", "a": {"b": "path"}}
        assert payload(record, mapping={"data.x": "a.b"})["data"] == {
            "x": "column",
            "a": {"b": "path"},
        }

    def test_a_path_starts_at_the_longest_column(self) -> None:
        record = {"id": 1, "a": {"b": {"c": "short"}}, "a.b": {"c": "long"}}
        assert payload(record, mapping={"data.x": "a.b.c"})["data"]["x"] == "long"

    @pytest.mark.parametrize("inside", [None, {"plan": None}])
    def test_a_path_to_a_null_or_into_one_is_null(self, inside: object) -> None:
        record = {"id": 1, "subscription": inside}
        mapped = payload(
            record, mapping={"email": "subscription.plan", "data.plan": "subscription.plan"}
        )
        assert mapped["data"]["plan"] is None
        assert mapped["email"] is None

    def test_a_path_to_what_an_object_lacks_makes_no_null(self) -> None:
        record = {"id": 1, "subscription": {}}
        mapping = {"email": "subscription.plan", "data.plan": "subscription.plan"}
        assert payload(record, mapping=mapping) == {
            "external_id": "1",
            "data": {"subscription": {}},
        }

    @pytest.mark.parametrize("inside", ["text", '{"plan": "a@b.example"}', [1], 5, True])
    def test_a_path_into_what_is_no_object_makes_no_null(self, inside: object) -> None:
        record = {"id": 1, "s": inside}
        mapping = {"email": "s.plan", "data.plan": "s.plan"}
        user = compiled("id s", mapping=mapping, unmapped="ignore").user(record)
        assert user.payload == {"external_id": "1"}
        assert user.invalid == ("email", "data.plan")

    def test_a_path_into_what_is_no_object_follows_invalid_fields(self) -> None:
        record = {"id": 1, "s": "text"}
        given_null = compiled("id s", mapping={"data.plan": "s.plan"}, invalid_fields="null")
        assert given_null.user(record).payload["data"] == {"s": "text", "plan": None}
        for place in ("email", "data.plan"):
            strict = compiled("id s", mapping={place: "s.plan"}, invalid_fields="reject")
            with pytest.raises(RecordError) as caught:
                strict.user(record)
            assert (caught.value.code, caught.value.field) == ("field_invalid", place)
            assert "text" not in str(caught.value)

    @pytest.mark.parametrize("inside", [{}, None, {"key": None}, {"key": " "}])
    def test_an_id_that_a_path_does_not_lead_to_is_missing(self, inside: object) -> None:
        with pytest.raises(RecordError) as caught:
            compiled("s", mapping={"external_id": "s.key"}).user({"s": inside})
        assert caught.value.code == "identity_missing"

    def test_a_column_that_the_record_lacks_is_left_alone(self) -> None:
        mapping = compiled("id email sub", mapping={"data.plan": "sub.plan", "data.sub": "sub"})
        assert mapping.user({"id": 1}).payload == {"external_id": "1"}

    def test_an_attribute_can_be_put_inside_an_object(self) -> None:
        record = {"id": 1, "address": {"city": "Perth"}, "zip": "6000", "note": "n"}
        mapping = {"data.address.zip": "zip", "data.note.text.raw": "note"}
        before = copy.deepcopy(record)
        assert payload(record, mapping=mapping)["data"] == {
            "address": {"city": "Perth", "zip": "6000"},
            "note": {"text": {"raw": "n"}},
        }
        assert record == before

    def test_a_mapped_attribute_wins_over_a_column_of_its_name(self) -> None:
        record = {"id": 1, "plan": "old", "sub": {"plan": "new"}}
        mapping = compiled("id plan sub", mapping={"data.plan": "sub.plan"}, null_values="omit")
        assert mapping.user(record).payload["data"]["plan"] == "new"
        assert mapping.user({**record, "sub": {}}).payload["data"] == {"sub": {}}
        assert mapping.user({"id": 1, "plan": "old"}).payload == {"external_id": "1"}

    def test_one_column_can_feed_two_places(self) -> None:
        record = {"id": 1, "mail": "ann@example.com"}
        mapping = {"email": "mail", "data.mail_too": "mail"}
        assert payload(record, mapping=mapping) == {
            "external_id": "1",
            "email": "ann@example.com",
            "data": {"mail_too": "ann@example.com"},
        }

    def test_an_empty_source_switches_a_field_off(self) -> None:
        record = {"id": 1, "email": "ann@example.com"}
        assert "email" not in payload(record, mapping={"email": ""})

    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            ({"email": "mail"}, "names column 'mail', which its SCHEMA does not have"),
            ({"data.x": "sub.nope"}, "names column 'sub.nope', which its SCHEMA does not have"),
            ({"data.x": "mail.a"}, "names column 'mail.a', which its SCHEMA does not have"),
            ({"mail": "id"}, "Spotzee has no field 'mail'"),
            ({"email.x": "id"}, "Spotzee has no field 'email.x'"),
            ({"data": "id"}, "data takes an object of attribute: column"),
            ({"data..x": "id"}, "'data..x' has an empty part"),
            ({"data.a": "id", "data.a.b": "id"}, "'data.a' is mapped and so is something inside"),
            ({"data.x": "ssn"}, "column 'ssn' is both mapped and excluded"),
            ({"data.x": "ssn.a"}, "column 'ssn' is both mapped and excluded"),
        ],
    )
    def test_what_cannot_be_is_told_before_anything_is_sent(
        self, mapping: dict[str, str], message: str
    ) -> None:
        columns: dict[str, Any] = {"id": {}, "ssn": {}, "sub": {"properties": {"plan": {}}}}
        with pytest.raises(MappingError) as caught:
            compiled(columns, mapping=mapping, exclude=["ssn"])
        assert message in str(caught.value)
        assert str(caught.value).startswith("stream 's': ")

    def test_all_of_it_is_told_at_once(self) -> None:
        mapping = {"mail": "id", "email": "nope", "phone": "nope", "data.x": "ssn", "locale": ""}
        with pytest.raises(MappingError) as caught:
            compiled({"id": {}, "ssn": {}}, mapping=mapping, exclude=["ssn"])
        assert str(caught.value) == (
            "stream 's': Spotzee has no field 'mail' (it has external_id, anonymous_id, email,"
            " phone, timezone, locale, data); the mapping names column 'nope', which its SCHEMA"
            " does not have; column 'ssn' is both mapped and excluded"
        )

    def test_a_column_of_a_like_name_is_named(self) -> None:
        columns: dict[str, Any] = {"id": {}, "email_address": {}, "plan": {}}
        for source, asked in (("emial_address", " (did you mean 'email_address'?)"), ("x", "")):
            with pytest.raises(MappingError) as caught:
                compiled(columns, mapping={"email": source})
            assert str(caught.value).endswith(f"its SCHEMA does not have{asked}")

    @pytest.mark.parametrize(
        "schema",
        [{}, True, {"properties": {}}, {"properties": {"a": {}}, "additionalProperties": True}],
    )
    def test_a_path_is_taken_on_trust_where_the_schema_is_open(self, schema: object) -> None:
        mapping = compiled({"id": {}, "sub": schema}, mapping={"data.x": "sub.plan.name"})
        user = mapping.user({"id": 1, "sub": {"plan": {"name": "pro"}}})
        assert user.payload["data"]["x"] == "pro"


class TestTable:
    def test_tells_where_each_column_goes(self) -> None:
        mapping = {"email": "mail", "data.plan": "sub.plan", "data.a.b": "x.y", "phone": ""}
        table = compiled(
            "id mail sub x.y plan city ssn _sdc_z", mapping=mapping, exclude=["ssn"]
        ).table()
        assert table == [
            ("id", ("external_id",)),
            ("mail", ("email",)),
            ("sub.plan", ("data", "plan")),
            ("x.y", ("data", "a", "b")),
            ("sub", ("data", "sub")),
            ("city", ("data", "city")),
            ("ssn", ()),
            ("_sdc_z", ()),
        ]

    def test_tells_of_columns_that_are_not_wanted(self) -> None:
        table = compiled("id email city", unmapped="ignore").table()
        assert table == [("id", ("external_id",)), ("email", ("email",)), ("city", ())]

    @given(records, entries)
    def test_agrees_with_what_is_sent(self, record: Record, entry: dict[str, Any]) -> None:
        mapping = compiled(KNOWN, **entry)
        sent = mapping.user(record).payload
        told = {path[:2] for _, path in mapping.table() if path}
        new = {("data", column) for column in record if column not in KNOWN.split()}
        attributes = {("data", name) for name in sent.get("data", {})}
        assert attributes <= told | new
        assert {(name,) for name in sent if name != "data"} <= told


class TestData:
    def test_other_columns_go_under_their_own_names(self) -> None:
        record = {"id": 1, "city": "Perth", "_sdc_batched_at": "now", "born": "2001-02-03"}
        assert payload(record) == {
            "external_id": "1",
            "data": {"city": "Perth", "born": "2001-02-03"},
        }

    def test_or_nowhere(self) -> None:
        record = {"id": 1, "city": "Perth", "plan": "pro"}
        assert payload(record, unmapped="ignore", mapping={"data.tier": "plan"})["data"] == {
            "tier": "pro"
        }

    def test_a_column_that_only_turns_up_later_goes_along(self) -> None:
        mapping = compiled("id", exclude=["secret*"])
        user = mapping.user({"id": 1, "new": 2, "secret_new": 3, "_sdc_new": 4})
        assert user.payload["data"] == {"new": 2}

    def test_ever_new_columns_never_let_an_excluded_one_out(self) -> None:
        """What is known of columns is bounded; what is forgotten is worked out again."""
        mapping = compiled("id ssn city", exclude=["ssn*", "secret"])
        hidden = {"ssn": 1, "ssn_2": 2, "secret": 3, "_sdc_x": 4}
        for step in range(4):
            many = {f"c{step}_{number}": number for number in range(6_000)}
            for new in (many, {f"another_{step}": 1}, {}):
                user = mapping.user({"id": 1, **hidden, "city": "Perth", **new})
                assert user.payload["data"] == {"city": "Perth", **new}

    def test_without_any_there_is_no_data(self) -> None:
        assert payload({"id": 1}) == {"external_id": "1"}

    def test_a_null_is_sent_or_omitted(self) -> None:
        record = {"id": 1, "email": None, "city": None, "sub": {"plan": None}}
        mapping = {"data.plan": "sub.plan"}
        assert payload(record, mapping=mapping, null_values="send") == {
            "external_id": "1",
            "email": None,
            "data": {"city": None, "sub": {"plan": None}, "plan": None},
        }
        assert payload(record, mapping=mapping, null_values="omit") == {
            "external_id": "1",
            "data": {"sub": {"plan": None}},
        }


class TestFirstClassFields:
    @pytest.mark.parametrize("blank", ["", " ", "\t\r\n"])
    @pytest.mark.parametrize("name", ["email", "phone", "timezone", "locale"])
    def test_a_blank_one_counts_as_null(self, name: str, blank: str) -> None:
        user = compiled(f"id {name}").user({"id": 1, name: blank})
        with_phone: dict[str, Any] = {"data": {}} if name == "phone" else {}
        assert user.payload == {"external_id": "1", name: None, **with_phone}
        assert user.invalid == ()
        assert payload({"id": 1, name: blank}, null_values="omit") == {"external_id": "1"}

    @pytest.mark.parametrize("null_values", ["send", "omit"])
    @pytest.mark.parametrize("others", [{}, {"plan": None}, {"email": "ann@example.com"}])
    def test_a_phone_never_comes_without_data(
        self, others: dict[str, Any], null_values: str
    ) -> None:
        """Without it Spotzee's ancestor wipes every attribute that the user had."""
        record = {"id": 1, "phone": "+61400123456", **others}
        for unmapped in ("data", "ignore"):
            sent = payload(record, null_values=null_values, unmapped=unmapped)
            assert sent["phone"] == "+61400123456"
            assert sent["data"] in ({}, {"plan": None})

    def test_one_that_is_mended_is_counted(self) -> None:
        user = compiled("id email").user({"id": 1, "email": "mailto:ann@example.com"})
        assert user.payload["email"] == "ann@example.com"
        assert (user.mended, user.invalid) == (("email",), ())
        for right in ("ann@example.com", " ann@example.com ", None, "", 5):
            assert compiled("id email").user({"id": 1, "email": right}).mended == ()

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [("drop", {"external_id": "1"}), ("null", {"external_id": "1", "email": None})],
    )
    @pytest.mark.parametrize("null_values", ["send", "omit"])
    def test_one_that_cannot_be_right_is_dropped_or_cleared_and_counted(
        self, policy: str, expected: dict[str, Any], null_values: str
    ) -> None:
        mapping = compiled("id email", invalid_fields=policy, null_values=null_values)
        user = mapping.user({"id": 1, "email": "QXZJQX"})
        assert (user.payload, user.invalid) == (expected, ("email",))

    @pytest.mark.parametrize("name", ["email", "timezone", "locale", "phone"])
    def test_or_the_record_is_rejected_without_its_value(self, name: str) -> None:
        mapping = compiled(f"id {name}", invalid_fields="reject", phone_region="AU")
        with pytest.raises(RecordError) as caught:
            mapping.user({"id": 1, name: "QXZJQX"})
        assert (caught.value.code, caught.value.field) == ("field_invalid", name)
        assert str(caught.value).startswith(f"{name} is not a")
        assert "QXZJ" not in str(caught.value)

    def test_all_that_are_wrong_are_counted(self) -> None:
        user = compiled("id email phone timezone locale").user(
            {"id": 1, "email": 1, "phone": True, "timezone": "x", "locale": []}
        )
        assert user.invalid == ("email", "phone", "timezone", "locale")
        assert user.payload == {"external_id": "1"}

    def test_right_ones_are_normalised(self) -> None:
        record = {
            "id": 1,
            "email": " Ann@Example.com ",
            "phone": "0400 123 456",
            "timezone": "australia/perth",
            "locale": "en_au",
        }
        assert payload(record, phone_region="AU") == {
            "external_id": "1",
            "email": "Ann@Example.com",
            "phone": "+61400123456",
            "timezone": "Australia/Perth",
            "locale": "en-AU",
            "data": {},
        }


class TestAnyRecord:
    @given(records, entries)
    def test_is_never_changed(self, record: Record, entry: dict[str, Any]) -> None:
        before = copy.deepcopy(record)
        compiled(KNOWN, **entry).user(record)
        assert record == before

    @given(records, entries)
    def test_tells_nothing_of_excluded_columns_or_the_sdk_s(
        self, record: Record, entry: dict[str, Any]
    ) -> None:
        hidden = ("ssn_a", "password", "_sdc_x", "_sdc_deleted_at")
        marked: Record = {
            name: {"hidden": "HIDDEN"} if name in hidden else value
            for name, value in record.items()
        }
        sent = compiled(KNOWN, **entry).user(marked).payload
        assert "HIDDEN" not in strategies.leaves(sent)
        assert not {*hidden} & {*sent, *sent.get("data", {})}

    @given(records)
    def test_arrives_value_by_value(self, record: Record) -> None:
        user = compiled("id", exclude=["email", "locale", "ssn*", "password"]).user(record)
        expected = {
            name: value for name, value in record.items() if name in ("city", "plan", "a.b", "a")
        }
        assert user.payload.get("data", {}) == expected

    @given(records, entries)
    def test_first_class_fields_are_text_or_null(
        self, record: Record, entry: dict[str, Any]
    ) -> None:
        sent = compiled(KNOWN, **entry).user(record).payload
        sent.pop("data", None)
        assert sent["external_id"] == str(record["id"])
        assert all(value is None or isinstance(value, str) for value in sent.values())


class TestOpenSchemas:
    """Document stores don't tell which columns there are."""

    def test_a_mapped_column_that_is_not_named_is_found_in_the_records(self) -> None:
        entry = read_streams(
            {"s": {"mapping": {"external_id": "_id", "email": "mail"}}}, StreamConfig()
        )
        found = entry.find("s")
        assert found is not None
        mapping = Mapping("s", {}, ["_id"], found, is_open=True)
        assert mapping.user({"_id": "x", "mail": "a@b.example", "n": 1}).payload == {
            "external_id": "x",
            "email": "a@b.example",
            "data": {"n": 1},
        }
        (warning,) = mapping.warnings()
        assert "'_id', 'mail'" in warning

    def test_a_path_begins_at_its_first_part(self) -> None:
        mapping = Mapping(
            "s", {}, ["_id"], StreamConfig({("email",): "profile.contact.mail"}), is_open=True
        )
        record = {"_id": 1, "profile": {"contact": {"mail": "a@b.example"}}}
        assert mapping.user(record).payload["email"] == "a@b.example"

    def test_a_closed_one_lacks_what_it_does_not_name(self) -> None:
        with pytest.raises(MappingError, match="'mail', which its SCHEMA does not have"):
            Mapping("s", {"id": {}}, ["id"], StreamConfig({("email",): "mail"}))


class TestColumnsThatNoSchemaNames:
    def test_are_told_once_they_were_seen_and_stand_in_the_table(self) -> None:
        mapping = compiled("id secret", exclude=["secret*"])
        assert mapping.warnings_of_records() == []
        mapping.user({"id": 1, "email": "a@b.example", "_sdc_x": 1, "secret_2": 2, "n": 3})
        (warning,) = mapping.warnings_of_records()
        assert warning.endswith("'email', 'n'")
        assert ("email", ("data", "email")) in mapping.table()

    def test_many_are_told_in_a_line_that_can_be_read(self) -> None:
        mapping = compiled("id")
        mapping.user({"id": 1, **{f"c{number}": 1 for number in range(500)}})
        (warning,) = mapping.warnings_of_records()
        assert warning.endswith("'c9', …")


class TestNamesInAnotherCase:
    """Snowflake's and Oracle's columns shout."""

    def test_a_misspelt_column_is_asked_for_in_any_case(self) -> None:
        for named, column in (("id", "ID"), ("eMail", "EMAIL"), ("e_mail", "E_MAIL_")):
            with pytest.raises(MappingError, match=rf"{named}'.*did you mean '{column}'\?"):
                compiled(f"{column} OTHER", [], mapping={"external_id": named})

    def test_fields_are_taken_in_any_case_if_only_one_column_fits(self) -> None:
        mapping = compiled("ID EMAIL Phone timeZone LOCALE", ["ID"])
        user = mapping.user(
            {
                "ID": 1,
                "EMAIL": "a@b.example",
                "Phone": "+61400123456",
                "timeZone": "UTC",
                "LOCALE": "en-AU",
            }
        )
        assert user.payload == {
            "external_id": "1",
            "email": "a@b.example",
            "phone": "+61400123456",
            "timezone": "UTC",
            "locale": "en-AU",
            "data": {},
        }

    def test_the_very_name_goes_first(self) -> None:
        mapping = compiled("id EMAIL email")
        sent = mapping.user({"id": 1, "EMAIL": "x@y.example", "email": "a@b.example"}).payload
        assert sent["email"] == "a@b.example"
        assert sent["data"] == {"EMAIL": "x@y.example"}

    def test_of_two_that_fit_none_is_taken_and_it_is_said(self) -> None:
        mapping = compiled("id EMAIL Email")
        assert "email" not in mapping.user({"id": 1, "EMAIL": "a@b.example"}).payload
        (warning,) = mapping.warnings()
        assert "'EMAIL', 'Email' could each be email" in warning

    @pytest.mark.parametrize("entry", [{"exclude": ["EMAIL"]}, {"mapping": {"email": ""}}])
    def test_but_not_one_that_is_excluded_or_switched_off(self, entry: dict[str, Any]) -> None:
        sent = compiled("id EMAIL", **entry).user({"id": 1, "EMAIL": "a@b.example"}).payload
        assert "email" not in sent

    def test_nobody_s_identity_is_guessed(self) -> None:
        sent = compiled("ID EXTERNAL_ID", ["ID"]).user({"ID": 1, "EXTERNAL_ID": "x"}).payload
        assert sent == {"external_id": "1", "data": {"EXTERNAL_ID": "x"}}


class TestColumnsOfTheTap:
    @pytest.mark.parametrize("name", ["_sdc_row", "__sdc_row", "_SDC_ROW", "__sdc_spreadsheet_id"])
    def test_are_never_sent_and_no_identity(self, name: str) -> None:
        sent = compiled(f"id {name}").user({"id": 1, name: 2, f"{name}_new": 3}).payload
        assert sent == {"external_id": "1"}
        with pytest.raises(MappingError, match="no way to an identity"):
            compiled(f"name {name}", [name])

    def test_but_can_be_mapped_by_name(self) -> None:
        mapping = compiled("id __sdc_row", mapping={"data.row": "__sdc_row"})
        assert mapping.user({"id": 1, "__sdc_row": 2}).payload["data"] == {"row": 2}


class TestSoundness:
    """Records that came another way than as ordinary JSON may hold what is none."""

    NONE = (Decimal("NaN"), Decimal("Infinity"), float("nan"), -float("inf"))

    @pytest.mark.parametrize("none", NONE, ids=repr)
    @pytest.mark.parametrize(
        "shape",
        [lambda n: n, lambda n: [1, n], lambda n: {"a": {"b": n}}],
        ids=["bare", "in a list", "in objects"],
    )
    @pytest.mark.parametrize("policy", ["drop", "reject"])
    def test_a_number_that_is_none_is_not_sent(self, none: Any, shape: Any, policy: str) -> None:
        mapping = compiled("id x y", invalid_fields=policy)
        with pytest.raises(RecordError) as caught:
            mapping.sound(mapping.user({"id": 1, "x": shape(none), "y": 2}))
        assert (caught.value.code, caught.value.field) == ("number_invalid", "data.x")

    @pytest.mark.parametrize("none", NONE, ids=repr)
    def test_or_as_null_where_invalid_fields_says_so(self, none: Any) -> None:
        record = {"id": 1, "x": none, "y": {"z": [none, 2]}, "ok": 3}
        before = repr(record)
        mapping = compiled("id x y ok", invalid_fields="null")
        user = mapping.sound(mapping.user(record))
        assert user.payload["data"] == {"x": None, "y": {"z": [None, 2]}, "ok": 3}
        assert user.invalid == ("data.x", "data.y")
        assert repr(record) == before

    @pytest.mark.parametrize("name", ["email", "phone", "timezone", "locale"])
    def test_a_field_that_is_none_could_not_be_right(self, name: str) -> None:
        for none in self.NONE:
            user = compiled(f"id {name}").user({"id": 1, name: none})
            assert user.invalid == (name,)
            assert user.payload == {"external_id": "1"}

    def test_an_id_that_is_none_is_invalid(self) -> None:
        for none in self.NONE:
            with pytest.raises(RecordError) as caught:
                compiled("id").user({"id": none})
            assert caught.value.code == "identity_invalid"

    def test_what_is_excluded_may_be_anything(self) -> None:
        mapping = compiled("id x", exclude=["x"])
        assert mapping.sound(mapping.user({"id": 1, "x": float("nan")})).payload == {
            "external_id": "1"
        }

    def test_a_value_that_is_too_deep_to_be_read_is_not_sent(self) -> None:
        mapping = compiled("id x")
        with pytest.raises(RecordError) as caught:
            mapping.sound(mapping.user({"id": 1, "x": msgspec.Raw(b"[[]]")}))
        assert caught.value.code == "record_too_deep"

    @given(records, entries)
    def test_what_is_sound_stays_as_it_is(self, record: Record, entry: dict[str, Any]) -> None:
        mapping = compiled(KNOWN, **entry)
        user = mapping.user(record)
        assert mapping.sound(user) is user
