"""E-mail addresses: as they came, or without what people paste along."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_spotzee import fields
from target_spotzee.fields import emails
from tests.fields import NEVER_RIGHT, mutations, sent_or_refused

RIGHT = [
    "ann@example.com",
    "Ann.Lee+news@Sub.Example.COM",
    "a_b-c@x-y.co",
    "o'brien@example.com",
    '"ann lee"@example.com',
    "ann@[127.0.0.1]",
    "ann@bücher.example",
    "пример@пример.рф",
    "ann@host.test",
    "ann@printer.local",
    "ann@x.invalid",
    "o'brien@host.test",
    "o'brien@printer.local",
    f"{'a' * 64}@example.com",
    f"{'ü' * 32}@example.com",
    "ann@xn--bcher-kva.example",
]


@pytest.mark.parametrize("address", RIGHT)
def test_an_address_is_sent_as_it_was(address: str) -> None:
    assert fields.email(address) == address


@pytest.mark.parametrize(
    "pasted",
    [
        "mailto:Ada@example.com",
        "MAILTO:Ada@example.com?subject=Hello%20you&cc=bob@example.com",
        "mailto:%41da@example.com",
        "Ada L <Ada@example.com>",
        '"L, Ada" <Ada@example.com>',
        "'Ada@example.com' <Ada@example.com>",
        "ada@EXAMPLE.com <Ada@example.com>",
        "<Ada@example.com>",
        "<mailto:Ada@example.com>",
        "Ada@example.com (Ada L)",
        '"Ada@example.com"',
        "Ada@example.com.",
        "Ada@example.com,",
        "Ada@example.com ;",
        ", Ada@example.com:",
        "Ada L <Ada@example.com>;",
        "\u200bAda@example.com\ufeff",
        "Ada\u200b@exam\u00adple.com",
        "\u202aAda@example.com\u202c",
        "\u00a0Ada@example.com\u00a0",
        "Ada@\u00a0example.com",
        "Ada\u00a0L\u00a0<Ada@example.com>",
        "Ada@example.com\n",
        "Ada@exa\r\nmple.com",
        "Ada@example.com\n(home)",
        "Ada@example.com\0\0",
    ],
)
def test_what_was_pasted_along_is_taken_off(pasted: str) -> None:
    assert fields.email(pasted) == "Ada@example.com"


@pytest.mark.parametrize(
    "value",
    [
        *NEVER_RIGHT,
        5,
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "ann@@example.com",
        "ann lee@example.com",
        "ann..lee@example.com",
        ".ann@example.com",
        "ann.@example.com",
        "ann@-x.com",
        "ann@x-.com",
        "ann@x..com",
        "ann@ab--cd.com",
        "mailto:",
        "mailto:?to=ann@example.com",
        "Ann <>",
        "Ann <ann>",
        "<<ann@example.com>",
        f"ann@{'b' * 64}.com",
        f"{'a' * 65}@example.com",
        f"{'a' * 32}.{'b' * 32}@example.com",
        f"{'ü' * 33}@example.com",  # octets count
        f"Ann <{'a' * 65}@example.com>",
        "ann@example.com\0bob@example.com",
        f"ann@{'b.' * 126}com",
        f"{'x' * 1000} <ann@example.com>",
        "\ud800@example.com",
        "ann@\ud800.com",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(value: object) -> None:
    with pytest.raises(ValueError, match=r"^is not an e-mail address$"):
        fields.email(value)


@pytest.mark.parametrize(
    "between",
    [",", ", ", ";", "; ", " ", "/", " / ", "|", " or ", "\n", "\u00a0", "\t", "><", "> <", "> ,<"],
)
def test_of_two_addresses_none_is_taken(between: str) -> None:
    with pytest.raises(ValueError, match=r"^is not an e-mail address$"):
        fields.email(f"ann@example.com{between}bob@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "bob@example.com <ann@example.com>",
        "Ann <ann@example.com>, Bob <bob@example.com>",
        "mailto:ann@example.com,bob@example.com",
        "Bob\nann@example.com",  # or bobann@example.com, over two lines
        "ann@example.co\nm",
    ],
)
def test_what_can_be_read_in_two_ways_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not an e-mail address$"):
        fields.email(text)


@given(
    st.text("aZ09_+-.", min_size=1, max_size=4) | st.just("a" * 64) | st.just("a" * 65),
    st.lists(
        st.text("aZ0-", min_size=1, max_size=4) | st.sampled_from(["b" * 63, "b" * 64]),
        min_size=1,
        max_size=4,
    ),
    st.text("cZ", min_size=1, max_size=3) | st.sampled_from(["c1", "1", "x-y", "test"]),
)
def test_the_quick_look_accepts_nothing_that_the_library_refuses(
    local: str, labels: list[str], top: str
) -> None:
    text = f"{local}@{'.'.join([*labels, top])}"
    quick = emails.ordinary(text) and "--" not in text
    if quick:
        assert emails._is_address(text)


@given(
    st.text(min_size=1)
    | mutations(st.sampled_from(RIGHT))
    | mutations(mutations(st.sampled_from(["Ada L <ada@example.com>", "mailto:ada@example.com"])))
)
@example("'")
@example("mailto:mailto:")
def test_any_text_is_an_address_or_refused(text: str) -> None:
    sent = sent_or_refused(fields.email, text)
    if sent is not None:
        assert fields.email(sent) == sent
        assert len(sent) <= 255
        assert emails._is_address(sent)
