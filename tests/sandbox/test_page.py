from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from target_spotzee.sandbox import Fault
from tests.sandbox.browser import find, open_browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selenium.webdriver.chrome.webdriver import WebDriver

    from tests.sandbox.client import Client
    from tests.sandbox.conftest import Start

pytestmark = pytest.mark.skipif(
    find() is None, reason="no Chromium on this machine (apt-get install chromium chromium-driver)"
)

TEXTS = """
return [...document.querySelectorAll(arguments[0])].map(
  (element) => element.checkVisibility({visibilityProperty: true}) ? element.innerText : "");
"""
HTML = "<img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def chrome() -> Iterator[WebDriver]:
    with open_browser() as chrome:
        yield chrome


class Page:
    """The page, as somebody sees it."""

    def __init__(self, chrome: WebDriver, client: Client) -> None:
        self.chrome = chrome
        # The page of the test before may still ask for its sandbox, and complain.
        chrome.get("about:blank")
        chrome.get_log("browser")  # type: ignore[no-untyped-call]
        chrome.get(client.sandbox.url)

    def text(self, selector: str) -> str:
        return " ".join(self._texts(selector)[0].split())

    def cells(self, row: str) -> list[str]:
        return [text.strip("\N{EN DASH}") for text in self._texts(f"{row} td")]

    def _texts(self, selector: str) -> list[str]:
        """What can be seen, asked for at once: the page may draw itself anew at any moment."""
        texts: list[str] = self.chrome.execute_script(TEXTS, selector)
        return texts

    def wait(self, condition: Callable[[], bool]) -> None:
        WebDriverWait(self.chrome, 10, poll_frequency=0.05).until(lambda _: condition())

    @property
    def complaints(self) -> list[str]:
        log = self.chrome.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log]


def test_an_empty_page_says_what_to_run(chrome: WebDriver, start: Start) -> None:
    client = start(keys={"sk_mine": "editor"})
    page = Page(chrome, client)
    page.wait(lambda: page.text("#pulse") == "live")

    assert client.sandbox.key in page.text("#example")
    assert "target-spotzee" in page.text("#example")
    assert client.sandbox.api_url in page.text("#example")
    assert page.text("#statuses") == "none yet"
    assert page.complaints == []


def test_users_and_requests_appear_while_it_is_open(chrome: WebDriver, start: Start) -> None:
    client = start(Fault(effect="status", status=503, nth=[2]))
    page = Page(chrome, client)
    page.wait(lambda: page.text("#pulse") == "live")

    client.post(
        {"external_id": "cus_1", "email": "ada@shop.example", "data": {"spent": 9007199254740993}},
        {"external_id": "cus_2", "email": "nope"},
    )
    client.post({"external_id": "cus_3"})
    client.patch({"anonymous_id": "cookie_4", "locale": "en-AU"})
    page.wait(lambda: page.text("#statuses") == "2001 2041 5031")

    assert page.text("#users") == "2"
    assert page.cells("#user-rows tr:nth-child(1)") == ["cookie_4", "", "", "en-AU", "", "", "{}"]
    assert page.cells("#user-rows tr:nth-child(2)") == (
        ["cus_1", "ada@shop.example", "", "", "", "", '{"spent":9007199254740993}']
    )
    assert "PATCH /api/client/users 1 204 0" in page.text("#request-rows tr:nth-child(1)")
    assert "1 503 status 0" in page.text("#request-rows tr:nth-child(2)")
    assert "POST /api/client/users/batch 2 200 1" in page.text("#request-rows tr:nth-child(3)")
    assert "req_00000001" in page.text("#request-rows tr:nth-child(3)")
    assert page.complaints == []


def test_it_shows_what_users_are_subscribed_to(chrome: WebDriver, client: Client) -> None:
    client.post({"external_id": "cus_1"})
    toggle = {"external_id": "cus_1", "subscription_id": 1, "state": 0}
    client.send(
        "POST", "/subscriptions/batch", [toggle, {**toggle, "subscription_id": 2, "state": 1}]
    )
    page = Page(chrome, client)
    page.wait(lambda: page.cells("#user-rows tr:nth-child(1)")[5] == "Newsletter: no, Offers: yes")


def test_html_in_a_user_is_text(chrome: WebDriver, client: Client) -> None:
    page = Page(chrome, client)
    client.post({"external_id": HTML, "timezone": "<b>bold</b>", "data": {"name": HTML}})
    page.wait(lambda: page.text("#users") == "1")

    assert page.text("#user-rows td:nth-child(1)") == HTML
    assert page.text("#user-rows td:nth-child(5)") == "<b>bold</b>"
    assert chrome.find_elements(By.CSS_SELECTOR, "td img, td b") == []
    assert chrome.title == "Spotzee sandbox"
    assert page.complaints == []


def test_a_narrow_screen_needs_no_sideways_scrolling(chrome: WebDriver, client: Client) -> None:
    client.post({"external_id": "cus_1", "email": f"{'long' * 15}@shop.example"})
    page = Page(chrome, client)
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.wait(lambda: page.text("#users") == "1")

    assert chrome.execute_script("return document.documentElement.scrollWidth") == 360


def test_it_says_when_the_sandbox_has_stopped(chrome: WebDriver, client: Client) -> None:
    page = Page(chrome, client)
    page.wait(lambda: page.text("#pulse") == "live")
    client.sandbox.stop()

    page.wait(lambda: page.text("#pulse") == "sandbox has stopped")
