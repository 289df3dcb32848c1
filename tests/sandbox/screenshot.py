"""Takes the picture of the page: ``python -m tests.sandbox.screenshot docs/sandbox.png``."""

from __future__ import annotations

import itertools
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import perf_counter

import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from target_spotzee.sandbox import Fault, Sandbox
from tests.sandbox.browser import open_browser

PEOPLE = (
    ("Ada", "Okafor", "ng", "+2348031234567", "Africa/Lagos", "en-NG"),
    ("Mateus", "Ribeiro", "com.br", "+5511961234567", "America/Sao_Paulo", "pt-BR"),
    ("Yuki", "Tanaka", "jp", "+819012345678", "Asia/Tokyo", "ja-JP"),
    ("Sofía", "Herrera", "mx", "+525512345678", "America/Mexico_City", "es-MX"),
    ("Liam", "Walsh", "com.au", "+61400123456", "Australia/Sydney", "en-AU"),
    ("Ingrid", "Solberg", "no", None, "Europe/Oslo", "nb-NO"),
    ("Priya", "Raman", "in", "+919812345678", "Asia/Kolkata", "en-IN"),
    ("Noah", "Keller", "de", "+4915112345678", "Europe/Berlin", "de-DE"),
    ("Chloé", "Martin", "fr", "+33612345678", "Europe/Paris", "fr-FR"),
    ("Omar", "Haddad", "example", None, "Asia/Amman", "ar-JO"),
)
PLANS = ("free", "starter", "team", "business")
# Requests in each second of a minute: it warms up, and then keeps its pace, more or less.
RATES = [min(6 + second, 42) - second * 7 % 5 for second in range(60)]


def person(number: int) -> dict[str, object]:
    first, last, top, phone, timezone, locale = PEOPLE[number % len(PEOPLE)]
    name = f"{first}.{last}".lower().replace("í", "i").replace("é", "e")
    return {
        "external_id": f"cus_{number + 48210}",
        "email": f"{name}@mail.{top}",
        "phone": phone,
        "timezone": timezone,
        "locale": locale,
        "data": {
            "first_name": first,
            "last_name": last,
            "plan": PLANS[number * 7 % 4],
            "orders": number * 13 % 41,
            "lifetime_value": round(number * 37.35 % 2400, 2),
        },
    }


def send(sandbox: Sandbox, batch: int) -> None:
    users = [person(batch * 100 + offset) for offset in range(100)]
    if batch % 17 == 0:
        users[0]["email"] = "not an address"
    with suppress(requests.ConnectionError):
        requests.post(
            f"{sandbox.api_url}/users/batch",
            json.dumps(users),
            headers={"Authorization": f"Bearer {sandbox.key}", "Idempotency-Key": f"7-{batch}"},
            timeout=60,
        )


def main(path: str) -> None:
    """Shows a minute of a load, on a clock whose seconds are short."""
    began = [perf_counter()]

    def clock() -> float:
        return len(began) + perf_counter() - began[-1]

    faults = [
        Fault(effect="rate_limited", every=211, retry_after=10),
        Fault(effect="status", status=503, every=127),
        Fault(effect="reset_after", every=913),
    ]
    batches = itertools.count()
    with Sandbox(faults, clock=clock, ip_limit=False) as sandbox:
        for rate in RATES:
            for batch in itertools.islice(batches, rate):
                send(sandbox, batch)
            began.append(perf_counter())
        with ThreadPoolExecutor() as pool, open_browser() as browser:
            sandbox.options.latency_ms = 60_000
            for batch in itertools.islice(batches, 3):
                pool.submit(send, sandbox, batch)
            browser.get(sandbox.url)
            WebDriverWait(browser, 10).until(
                lambda page: page.find_element(By.ID, "in-flight").text == "3"
            )
            browser.save_screenshot(path)
            sandbox.stop()


if __name__ == "__main__":
    main(sys.argv[1])
