from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from target_spotzee.sandbox.bodies import parse
from target_spotzee.sandbox.bodies import users as check
from target_spotzee.sandbox.codec import encode
from target_spotzee.sandbox.emails import is_email
from target_spotzee.sandbox.problems import Problem, Refusal
from target_spotzee.sandbox.users import User, Users


def new_users(**options: Any) -> Users:
    return Users(lambda: "2026-11-01T00:00:00Z", **options)


def found(users: Users, external_id: str) -> User:
    user = users.find(external_id)
    assert user is not None
    return user


class TestUpsert:
    def test_absent_fields_are_left_alone(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "email": "a@shop.example", "locale": "en-AU"})
        users.upsert({"external_id": "a", "locale": "en-GB"})

        assert found(users, "a").email == "a@shop.example"
        assert found(users, "a").locale == "en-GB"

    @pytest.mark.parametrize("field", ["email", "phone", "timezone", "locale"])
    def test_a_first_class_null_clears(self, field: str) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "email": "a@shop.example", field: "b@shop.example"})
        users.upsert({"external_id": "a", field: None})

        assert getattr(found(users, "a"), field) is None

    def test_data_is_merged_key_by_key_and_nested_objects_are_replaced_whole(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "data": {"plan": "free", "home": {"x": 1, "y": 2}}})
        users.upsert({"external_id": "a", "data": {"home": {"x": 3}, "age": 7}})

        assert found(users, "a").data == {"plan": "free", "home": {"x": 3}, "age": 7}

    def test_a_null_inside_data_becomes_null(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "data": {"plan": "free"}})
        users.upsert({"external_id": "a", "data": {"plan": None}})

        assert found(users, "a").data == {"plan": None}

    @pytest.mark.parametrize("item", [{}, {"data": None}])
    def test_data_null_and_data_absent_leave_it(self, item: dict[str, Any]) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "data": {"plan": "free"}})
        users.upsert({"external_id": "a"} | item)

        assert found(users, "a").data == {"plan": "free"}

    def test_a_bad_email_refuses_the_item_and_changes_nothing(self) -> None:
        users = new_users()

        with pytest.raises(Refusal) as refused:
            users.upsert({"external_id": "a", "email": "nope"})

        assert refused.value.code == "validation_failed"
        assert len(users) == 0

    def test_a_wrong_locale_is_taken_silently(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "locale": "en_au"})

        assert found(users, "a").locale == "en_au"

    def test_phones_are_normalised_where_possible(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "phone": "+61 (400) 123-456"})
        users.upsert({"external_id": "b", "phone": "call me"})

        assert found(users, "a").phone == "+61400123456"
        assert found(users, "b").phone == "call me"
        assert found(users, "a").data == {}

    @pytest.mark.parametrize(
        ("phone", "held"),
        [
            ("+61400123456", "+61400123456"),
            ("+610400123456", "+61400123456"),
            ("+61 (0)400 123 456", "+61400123456"),
            ("+3530871234567", "+353871234567"),
            ("+390612345678", "+390612345678"),
            ("tel:+61-400-123-456", "+61400123456"),
            ("+61 400.123.456 ext 5", "+61400123456"),
            ("\uff0b61400123456", "+61400123456"),
            ("0400 123 456", "0400 123 456"),
            ("0061 400 123 456", "0061 400 123 456"),
            ("+999 123 456", "+999 123 456"),
            ("+61 12", "+61 12"),
            ("", ""),
        ],
    )
    def test_international_numbers_become_e164_and_others_stay(self, phone: str, held: str) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "phone": phone})

        assert found(users, "a").phone == held

    def test_a_phone_may_add_attributes(self) -> None:
        users = new_users(phone_attributes=True)
        users.upsert({"external_id": "a", "phone": "+61 400 123 456", "data": {"x": 1}})
        users.upsert({"external_id": "b", "phone": "call me"})

        assert found(users, "a").data == {"x": 1, "phone_country": "AU", "phone_is_valid": True}
        assert found(users, "b").data == {"phone_country": None, "phone_is_valid": False}

    def test_every_version_is_kept_in_order(self) -> None:
        users = new_users()
        for plan in ("a", "b", "a"):
            users.upsert({"external_id": "x", "data": {"plan": plan}})

        assert [version.data["plan"] for version in users.versions] == ["a", "b", "a"]
        assert [user.external_id for user in users.latest(5)] == ["x"]


class TestIdentity:
    def test_ids_are_compared_exactly(self) -> None:
        users = new_users()
        users.upsert({"external_id": "Ada"})
        users.upsert({"external_id": "ada"})

        assert len(users) == 2

    def test_a_case_blind_server_keeps_the_first_spelling(self) -> None:
        users = new_users(case_blind=True)
        users.upsert({"external_id": "Ada"})
        users.upsert({"external_id": "ADA", "locale": "en"})

        assert len(users) == 1
        assert found(users, "ada").external_id == "Ada"
        assert found(users, "ada").locale == "en"

    @pytest.mark.parametrize(
        ("options", "same"),
        [
            ({}, []),
            ({"case_blind": True}, ["ZOË"]),
            ({"accent_blind": True}, ["Zoe", "Zoe\u0308"]),
            ({"case_blind": True, "accent_blind": True}, ["ZOË", "Zoe", "zoe", "Zoe\u0308"]),
        ],
    )
    def test_a_server_may_be_blind_to_case_and_to_accents(
        self, options: dict[str, bool], same: list[str]
    ) -> None:
        users = new_users(**options)
        users.upsert({"external_id": "Zoë"})
        spellings = ["ZOË", "Zoe", "zoe", "Zoe\u0308", "Zo"]

        assert [text for text in spellings if users.find(text) is not None] == same
        assert found(users, "Zoë").external_id == "Zoë"

    def test_both_ids_link_an_anonymous_user(self) -> None:
        users = new_users()
        users.upsert({"anonymous_id": "cookie", "data": {"seen": 1}})
        users.upsert({"anonymous_id": "cookie", "external_id": "a"})

        assert len(users) == 1
        assert found(users, "a").data == {"seen": 1}
        assert users.find(anonymous_id="cookie") == found(users, "a")

    def test_two_users_that_turn_out_to_be_one_are_merged(self) -> None:
        """What is known wins; the anonymous user fills the gaps; the item comes last."""
        users = new_users()
        users.upsert({"external_id": "a", "locale": "en", "data": {"plan": "team"}})
        users.upsert(
            {"anonymous_id": "c", "locale": "fr", "phone": "1", "data": {"plan": "?", "seen": 1}}
        )
        users.upsert({"external_id": "a", "anonymous_id": "c", "data": {"age": 3}})

        assert len(users) == 1
        assert found(users, "a").plain() == {
            "external_id": "a",
            "anonymous_id": "c",
            "email": None,
            "phone": "1",
            "timezone": None,
            "locale": "en",
            "data": {"plan": "team", "seen": 1, "age": 3},
        }

    @pytest.mark.parametrize(
        "others",
        [
            [{"external_id": "b", "anonymous_id": "c"}],
            [{"external_id": "a"}, {"external_id": "b", "anonymous_id": "c"}],
            [{"external_id": "a", "anonymous_id": "d"}, {"anonymous_id": "c"}],
        ],
    )
    def test_ids_of_two_different_users_are_a_conflict(self, others: list[dict[str, str]]) -> None:
        users = new_users()
        for other in others:
            users.upsert(other)
        before = list(users)

        with pytest.raises(Refusal) as refused:
            users.upsert({"external_id": "a", "anonymous_id": "c", "locale": "en"})

        assert refused.value.code == "state_conflict"
        assert list(users) == before

    def test_a_null_id_beside_another_clears_it(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "anonymous_id": "c"})
        users.upsert({"external_id": "a", "anonymous_id": None})

        assert found(users, "a").anonymous_id is None
        assert users.find(anonymous_id="c") is None

    def test_an_empty_id_beside_another_says_nothing(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "anonymous_id": "c"})
        users.upsert({"external_id": "a", "anonymous_id": ""})

        assert found(users, "a").anonymous_id == "c"

    def test_a_deleted_user_is_gone_under_both_ids(self) -> None:
        users = new_users()
        users.upsert({"external_id": "a", "anonymous_id": "c"})

        assert users.delete("a") is not None
        assert users.delete("a") is None
        assert users.find("a", "c") is None
        assert users.latest(5) == []


class TestEmail:
    @pytest.mark.parametrize(
        "address",
        [
            "a@shop.example",
            "first.last+tag@mail.shop.co.uk",
            "o'brien@shop.com",
            "jörg@müller.de",
            "x@shop.test",
            "x@localhost",
            "x@printer.local",
            "x@LocalHost",
            '"x y"@shop.com',
            "x@[192.0.2.1]",
        ],
    )
    def test_all_that_rfc_5322_and_unicode_allow_is_fine(self, address: str) -> None:
        assert is_email(address)

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "a",
            "@b.com",
            "a@",
            "a@b",
            "a b@c.com",
            "a@b..com",
            ".a@b.com",
            "a@-b.com",
            "a@@b.com",
        ],
    )
    def test_what_is_not_an_address_is_not(self, address: str) -> None:
        assert not is_email(address)


class TestBody:
    def refused(self, value: Any) -> Problem:
        with pytest.raises(Problem) as refused:
            check(value)
        return refused.value

    @pytest.mark.parametrize("count", [1, 100])
    def test_1_to_100_items(self, count: int) -> None:
        assert len(check([{"external_id": "a"}] * count)) == count

    @pytest.mark.parametrize("count", [0, 101])
    def test_more_or_fewer_are_refused_whole(self, count: int) -> None:
        problem = self.refused([{"external_id": "a"}] * count)

        assert (problem.status, problem.code, *problem.flaws) == (422, "validation_failed")

    @pytest.mark.parametrize("value", [{"external_id": "a"}, {"users": []}, "a", None, 3])
    def test_anything_but_a_bare_array_is_refused(self, value: Any) -> None:
        assert self.refused(value).status == 400

    @pytest.mark.parametrize(
        ("item", "field"),
        [
            ({}, "external_id"),
            ({"external_id": None}, "external_id"),
            ({"external_id": ""}, "external_id"),
            ({"external_id": None, "anonymous_id": None}, "external_id"),
            ({"external_id": 7}, "external_id"),
            ({"external_id": "a", "anonymous_id": 7}, "anonymous_id"),
            ({"external_id": "a", "email": 7}, "email"),
            ({"external_id": "a", "phone": 61400123456}, "phone"),
            ({"external_id": "a", "data": []}, "data"),
            ({"external_id": "a", "data": "x"}, "data"),
            (None, ""),
            ([], ""),
        ],
    )
    def test_one_item_that_breaks_the_rules_refuses_the_whole(self, item: Any, field: str) -> None:
        problem = self.refused([{"external_id": "good"}, item])

        assert (problem.status, problem.code) == (422, "validation_failed")
        assert {(flaw.index, flaw.field) for flaw in problem.flaws} == {(1, field)}

    @pytest.mark.parametrize(
        "item",
        [
            {"external_id": "a", "unheard_of": 1},
            {"anonymous_id": "a", "external_id": None},
            {"anonymous_id": "a", "external_id": ""},
            dict.fromkeys(("email", "phone", "timezone", "locale", "data")) | {"external_id": "a"},
            {"external_id": "a", "timezone": "x" * 51},
        ],
    )
    def test_what_the_schema_allows_is_accepted(self, item: Any) -> None:
        assert check([item]) == [item]

    @pytest.mark.parametrize("body", [b"", b"[", b"[NaN]", b"[Infinity]", b"\xff", b"[" * 100_000])
    def test_what_is_not_json_is_refused(self, body: bytes) -> None:
        with pytest.raises(Problem) as refused:
            parse(body)

        assert refused.value.status == 400

    def test_numbers_keep_all_of_their_digits(self) -> None:
        body = b"[1.10,9007199254740993,0.1234567890123456789,123456789012345678901234567890]"

        assert parse(body)[:3] == [Decimal("1.10"), 2**53 + 1, Decimal("0.1234567890123456789")]
        assert encode(parse(body)) == body
