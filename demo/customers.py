"""Prints 2,350 made-up customers as JSON lines, the same each time.

They are as untidy as a real table: locales of three kinds, national and international phone
numbers, nulls, names in many scripts, and now and then an e-mail address that is none. Phone
numbers are of ranges that are set aside for fiction, addresses of domains that nobody can have.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

COUNT = 2350


@dataclass(frozen=True)
class Country:
    """Where some of the customers live."""

    code: str
    language: str
    time_zone: str
    towns: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    mobile: Callable[[random.Random], str | None]


COUNTRIES = (
    Country(
        "AU",
        "en_au",
        "Australia/Sydney",
        ("Sydney", "Wollongong", "Bendigo"),
        ("Charlotte", "Liam", "Mia", "Noah", "Siân"),
        ("Walsh", "O'Connor", "Nguyễn", "Papadopoulos"),
        lambda dice: dice.choice(
            (f"0491 570 {dice.randrange(1000):03}", f"+61491570{dice.randrange(1000):03}")
        ),
    ),
    Country(
        "BR",
        "pt_BR",
        "America/Sao_Paulo",
        ("São Paulo", "Florianópolis", "Belém"),
        ("João", "Luíza", "Mateus", "Conceição"),
        ("Ribeiro", "Araújo", "da Silva", "Gonçalves"),
        lambda _: None,
    ),
    Country(
        "FR",
        "fr_FR.UTF-8",
        "Europe/Paris",
        ("Paris", "Saint-Étienne", "Nîmes"),
        ("Chloé", "Zoë", "François", "Anaïs"),
        ("Martin", "Lefèvre", "D'Aubigné", "Garçon"),
        lambda dice: f"+331990{dice.randrange(100_000):05}",
    ),
    Country(
        "GB",
        "en-GB",
        "Europe/London",
        ("Leeds", "Truro", "Stirling"),
        ("Aoife", "Jack", "Priya", "Zubair"),
        ("Smith", "Bhatt", "Campbell-Reid", "Okafor"),
        lambda dice: f"+447700900{dice.randrange(1000):03}",
    ),
    Country(
        "JP",
        "ja_JP",
        "Asia/Tokyo",
        ("東京", "京都", "札幌"),
        ("陽菜", "蓮", "さくら", "大翔"),
        ("佐藤", "鈴木", "田中", "渡辺"),
        lambda _: None,
    ),
    Country(
        "CN",
        "zh-hans-CN",
        "Asia/Shanghai",
        ("上海", "成都", "西安"),
        ("伟", "芳", "秀英", "娜"),
        ("王", "李", "张", "刘"),
        lambda _: None,
    ),
    Country(
        "US",
        "en-US",
        "America/Chicago",
        ("Chicago", "Boise", "San José"),
        ("Ada", "Grace", "Miguel", "Ximena"),
        ("Johnson", "Peña", "Kowalski", "Two Feathers"),
        lambda dice: f"+1202555{dice.randrange(100, 200):04}",
    ),
)

PLANS = ("free", "starter", "team", "business")
NOTES = (None, None, "prefers e-mail", "met at the fair 🎪", "☕ + 🥐 regular", 'says "hi"')


def customer(number: int, dice: random.Random) -> dict[str, Any]:
    """Return one row of the table."""
    country = dice.choice(COUNTRIES)
    first, last = dice.choice(country.first_names), dice.choice(country.last_names)
    signed_up = date(2019, 1, 7) + timedelta(days=dice.randrange(2700))
    return {
        "id": number,
        "email_address": _email(first, last, number),
        "mobile": country.mobile(dice) if dice.random() < 0.8 else None,
        "time_zone": country.time_zone,
        "language": country.language,
        "first_name": first,
        "last_name": last,
        "birthday": _birthday(dice) if dice.random() < 0.6 else None,
        "signed_up_at": f"{signed_up}T{dice.randrange(24):02}:{dice.randrange(60):02}:00Z",
        "orders": dice.randrange(60),
        "spent": dice.randrange(500_000) / 100,
        "opted_in": dice.random() < 0.7,
        "note": dice.choice(NOTES),
        "subscription": {"plan": dice.choice(PLANS), "seats": dice.randrange(1, 30)},
        "town": dice.choice(country.towns),
        "country": country.code,
        "password_hash": f"$2b$12${dice.randbytes(8).hex()}",
    }


def _email(first: str, last: str, number: int) -> str:
    """Return an address, which one customer in 400 has typed wrong."""
    name = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode()
    local = "".join(char for char in name.lower() if char.isalnum() or char == ".").strip(".")
    at = "@@" if number % 400 == 0 else "@"
    return f"{local or 'customer'}.{number}{at}example.{('com', 'net', 'org')[number % 3]}"


def _birthday(dice: random.Random) -> str:
    return str(date(1950, 1, 1) + timedelta(days=dice.randrange(20_000)))


def main() -> None:
    """Print them all."""
    dice = random.Random(COUNT)
    for number in range(1, COUNT + 1):
        print(json.dumps(customer(number, dice), ensure_ascii=False))


if __name__ == "__main__":
    main()
