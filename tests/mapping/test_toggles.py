"""What a record says of subscriptions: values read as yes and no, by the stream's policy."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from target_spotzee.exceptions import MappingError, RecordError
from target_spotzee.mapping.streams import StreamConfig
from target_spotzee.mapping.toggles import OPT_INS, Wish, Wishes, read_consent
from target_spotzee.mapping.users import Mapping

COLUMNS: dict[str, Any] = {name: {} for name in ("id", "email", "yes", "no", "consent")}


def mapping(opt_in: str = "never", **config: Any) -> Mapping:
    config = {"subscriptions": {"News": "yes", "2": "!no"}, **config}
    return Mapping("s", COLUMNS, ["id"], StreamConfig(opt_in=opt_in, **config))


def wishes(opt_in: str = "never", **record: Any) -> Wishes:
    return mapping(opt_in).user({"id": "u", **record}).wishes


class TestValues:
    @pytest.mark.parametrize(
        "value", [True, 1, 1.0, Decimal(1), "true", "TRUE", " Yes ", "1", "Subscribed"], ids=repr
    )
    def test_yes(self, value: object) -> None:
        assert read_consent(value) is True

    @pytest.mark.parametrize(
        "value", [False, 0, 0.0, Decimal("0.0"), "false", "No", "0", "UNSUBSCRIBED\n"], ids=repr
    )
    def test_no(self, value: object) -> None:
        assert read_consent(value) is False

    @pytest.mark.parametrize("value", [None, "", "  "], ids=repr)
    def test_nothing(self, value: object) -> None:
        assert read_consent(value) is None

    @pytest.mark.parametrize(
        "value", ["perhaps", 2, -1, 0.5, float("nan"), [], [True], {}, "null"], ids=repr
    )
    def test_neither(self, value: object) -> None:
        with pytest.raises(ValueError, match="must be true or false"):
            read_consent(value)


class TestWishes:
    @pytest.mark.parametrize("opt_in", OPT_INS)
    def test_a_no_is_a_no_under_each_policy(self, opt_in: str) -> None:
        assert wishes(opt_in, yes=False, no=True) == (("News", Wish.OUT), ("2", Wish.OUT))

    @pytest.mark.parametrize(("opt_in", "wish"), OPT_INS.items())
    def test_a_yes_is_what_the_policy_makes_of_it(self, opt_in: str, wish: Wish) -> None:
        assert wishes(opt_in, yes="1", no="0") == (("News", wish), ("2", wish))

    def test_null_and_what_is_not_there_say_nothing(self) -> None:
        assert wishes(yes=None) == ()

    def test_what_is_neither_rejects_the_record_without_its_value(self) -> None:
        with pytest.raises(RecordError, match="must be true or false") as raised:
            wishes(yes="perhaps")
        assert (raised.value.code, raised.value.field) == ("field_invalid", "subscriptions.News")
        assert "perhaps" not in str(raised.value)

    def test_a_path_that_leads_nowhere_is_no_value(self) -> None:
        nested = mapping(subscriptions={"News": "consent.mail"})
        assert nested.user({"id": "u", "consent": {}}).wishes == ()
        assert nested.user({"id": "u", "consent": None}).wishes == ()
        with pytest.raises(RecordError, match="must be true or false"):
            nested.user({"id": "u", "consent": "yes"})

    def test_columns_do_not_become_attributes(self) -> None:
        assert mapping().user({"id": "u", "yes": True, "no": True}).payload == {"external_id": "u"}

    def test_odd_values_elsewhere_change_no_wish(self) -> None:
        found = mapping(invalid_fields="null")
        user = found.user({"id": "u", "yes": False, "consent": float("nan")})
        assert found.sound(user).wishes == (("News", Wish.OUT),)

    def test_they_are_in_the_table(self) -> None:
        assert ("!no", ("subscriptions", "2")) in mapping().table()
        assert ("yes", ("subscriptions", "News")) in mapping().table()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"subscriptions": {"News": "yess"}}, "subscriptions names column 'yess'.*'yes'"),
        ({"exclude": ["y*"]}, "column 'yes' is both in subscriptions and excluded"),
    ],
)
def test_a_column_that_can_not_be_looked_at(config: dict[str, Any], words: str) -> None:
    with pytest.raises(MappingError, match=words):
        mapping(**config)


def test_a_column_that_an_open_schema_does_not_name_is_a_warning() -> None:
    config = StreamConfig(subscriptions={"News": "later"})
    found = Mapping("s", {"id": {}}, ["id"], config, is_open=True)
    assert "'later'" in " ".join(found.warnings())
    assert found.user({"id": "u", "later": "no"}).wishes == (("News", Wish.OUT),)
