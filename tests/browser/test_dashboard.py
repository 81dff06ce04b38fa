"""The dashboard in a real browser: what is seen, what can be done, with the keyboard as well."""

import re

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import Look, Served

pytestmark = [pytest.mark.pipeline]

CONVERSATION = "body[data-asked='2']"
"""Both of its answers are there: the thread, and whether it may be answered."""


def test_every_panel_shows_something_and_nothing_comes_from_elsewhere(
    full: Served, look: Look
) -> None:
    page = look.open(f"{full.url}/dashboard")
    page.screenshot(path=full.folder / "light.png", full_page=True)
    for panel in page.locator(".panel").all():
        assert panel.locator(".plotly, table, .empty").count() > 0, panel.text_content()
    assert page.locator(".tile .number").first.text_content() not in ("…", "\N{EN DASH}", "0")
    assert page.locator(".plotly").count() >= 8
    assert all(url.startswith(full.url) for url in look.requests if not url.startswith("data:"))
    assert not look.errors


def test_each_number_explains_itself(full: Served, look: Look) -> None:
    page = look.open(f"{full.url}/dashboard")
    buttons = page.locator("button.explain")
    assert buttons.count() >= 25
    for metric in {b.get_attribute("data-metric") for b in buttons.all()}:
        page.locator(f"button.explain[data-metric='{metric}']").first.click()
        expect(page.locator("#meaning dl")).to_contain_text("Leaves out")
        page.keyboard.press("Escape")
    assert not look.errors


def test_a_number_leads_to_its_conversations_and_their_threads(full: Served, look: Look) -> None:
    page = look.open(f"{full.url}/dashboard")
    page.get_by_role("article").filter(has_text="Waiting now").locator("button.number").click()
    first = page.locator("#list td a").first
    first.wait_for()
    page.screenshot(path=full.folder / "list.png")
    address = first.get_attribute("href")
    look.open(f"{full.url}{address}", once=CONVERSATION)
    page.screenshot(path=full.folder / "conversation.png", full_page=True)
    assert page.locator(".message.in").count() > 0
    expect(page.locator("#about")).to_contain_text("May be answered")
    assert not look.errors


def test_profile_platform_and_period_are_chosen_and_kept_in_the_address(
    full: Served, look: Look
) -> None:
    page = look.open(f"{full.url}/dashboard")
    before = page.locator(".tile .number").first.text_content()
    page.select_option("#platform", "instagram")
    page.wait_for_selector("body[data-shows*='platform=instagram']", timeout=120_000)
    assert page.locator(".tile .number").first.text_content() != before
    assert "platform=instagram" in page.url
    page.wait_for_function("document.querySelectorAll('#profile option').length > 5")
    page.select_option("#profile", index=1)
    chosen = page.locator("#profile").input_value()
    page.wait_for_selector(f"body[data-shows*='profile={chosen}']", timeout=120_000)
    look.open(page.url)
    assert page.locator("#platform").input_value() == "instagram"
    assert not look.errors


def test_it_works_by_keyboard_alone(full: Served, look: Look) -> None:
    page = look.open(f"{full.url}/dashboard")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator("article.tile button.number").first.focus()
    page.keyboard.press("Enter")
    page.locator("#list td a").first.wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("#list")).not_to_be_visible()
    page.locator(".panel details summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".panel details[open] table tr").nth(7)).to_be_attached()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_sees_everything_without_scrolling_sideways(
    full: Served, browser: Browser, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme=scheme, is_mobile=True, has_touch=True
    )
    phone = Look(context.new_page())
    page = phone.open(f"{full.url}/dashboard")
    page.screenshot(path=full.folder / f"phone-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not phone.errors
    context.close()


def test_dark_is_dark(full: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="dark")
    dark = Look(context.new_page())
    page = dark.open(f"{full.url}/dashboard")
    page.screenshot(path=full.folder / "dark.png", full_page=True)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", colour)[:3])) < 64
    context.close()


def test_an_empty_archive_is_told_in_words(empty: Served, look: Look) -> None:
    page = look.open(f"{empty.url}/dashboard")
    page.screenshot(path=empty.folder / "empty.png", full_page=True)
    assert page.locator(".panel .empty").count() >= 10
    assert not page.get_by_text(re.compile(r"\bNaN\b")).count()
    assert not page.get_by_text("undefined").count()
    assert not look.errors


@pytest.mark.parametrize(("in_hours", "shown"), [(0, "\N{EN DASH}"), (3, "0 s")])
def test_no_wait_in_business_hours_is_no_answer_at_once(
    full: Served, look: Look, in_hours: int, shown: str
) -> None:
    columns = ["kind", "in_hours", "answered", "median_seconds", "p90_seconds"]
    answer = {"columns": columns, "rows": [["first_response", in_hours, 40, 0, 0]]}

    def told(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | answer)

    look.page.route("**/data/business_hours*", told)
    page = look.open(f"{full.url}/dashboard")
    tile = page.locator(".tile", has_text="In business hours")
    expect(tile.locator(".number")).to_have_text(shown)
    assert tile.get_by_text("no answered wait lay in them").count() == (in_hours == 0)
    assert tile.get_by_text("3 of 40 waits lay partly in them").count() == (in_hours == 3)
    assert not look.errors


def test_a_hundred_profiles_are_chosen_among_and_fit_the_page(many: Served, look: Look) -> None:
    page = look.open(f"{many.url}/dashboard")
    page.wait_for_function("document.querySelectorAll('#profile option').length > 99")
    page.screenshot(path=many.folder / "many.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400
    page.select_option("#profile", index=50)
    chosen = page.locator("#profile").input_value()
    page.wait_for_selector(f"body[data-shows*='profile={chosen}']", timeout=120_000)
    assert "profile=" in page.url
    assert not look.errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_conversation_is_read_on_a_phone(full: Served, browser: Browser, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme=scheme, is_mobile=True, has_touch=True
    )
    phone = Look(context.new_page())
    page = phone.open(f"{full.url}/dashboard")
    page.get_by_role("article").filter(has_text="Waiting now").locator("button.number").click()
    first = page.locator("#list td a").first
    first.wait_for()
    page.screenshot(path=full.folder / f"list-phone-{scheme}.png")
    phone.open(f"{full.url}{first.get_attribute('href')}", once=CONVERSATION)
    page.screenshot(path=full.folder / f"conversation-phone-{scheme}.png", full_page=True)
    assert page.locator(".message.in").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not phone.errors
    context.close()


def test_a_long_list_says_how_long_it_is_and_is_read_to_its_end(many: Served, look: Look) -> None:
    page = look.open(f"{many.url}/dashboard?days=365")
    page.get_by_role("article").filter(has_text="Waiting now").locator("button.number").click()
    said = page.locator("#list-body [role=status]")
    expect(said).to_contain_text(re.compile(r"^50 of [\d,]+, least time left to reply first\.$"))
    total = int(re.sub(r"\D", "", (said.text_content() or "").split(" of ")[1]))
    assert total > 100
    addresses = page.locator("#list td a")
    assert addresses.count() == 50
    page.get_by_role("button", name="Show more").click()
    expect(addresses).to_have_count(100)
    shown = [one.get_attribute("href") for one in addresses.all()]
    assert len(set(shown)) == 100
    assert f"100 of {total:,}" in (said.text_content() or "")
    assert not look.errors


def test_a_panel_that_leaves_rows_out_says_so_and_leads_to_them(many: Served, look: Look) -> None:
    page = look.open(f"{many.url}/dashboard")
    panel = page.locator("[data-panel=limits]")
    expect(panel.locator("tbody tr")).to_have_count(7)
    expect(panel).to_contain_text(re.compile(r"7 of \d+, largest share of the limit first\."))
    panel.get_by_role("button", name="Show all").click()
    expect(page.locator("#list tbody tr")).to_have_count(50)
    assert not look.errors


def test_a_chart_leads_to_its_conversations_by_keyboard_too(full: Served, look: Look) -> None:
    page = look.open(f"{full.url}/dashboard")
    panel = page.locator("[data-panel=response_distribution]")
    panel.locator("summary").focus()
    page.keyboard.press("Enter")
    first = panel.locator("tbody tr").first
    told = sum(int(re.sub(r"\D", "", text)) for text in first.locator("td.n").all_text_contents())
    page.keyboard.press("Tab")
    button = first.get_by_role("button", name="under 5 min")
    expect(button).to_be_focused()
    # The page asks by itself every half minute, and makes its tables anew: one stays where one was.
    button.evaluate("made => { made.before = true; document.getElementById('again').click(); }")
    page.wait_for_selector("body[data-asked='2']", timeout=120_000)
    assert not button.evaluate("made => made.before"), "the table was not made anew"
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    # The list has what the bar counts.
    expect(page.locator("#list-body [role=status]")).to_contain_text(f"{told:,}")
    assert not look.errors


def test_lists_on_a_phone_do_not_scroll_sideways(full: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True)
    phone = Look(context.new_page())
    page = phone.open(f"{full.url}/dashboard")
    page.get_by_role("article").filter(has_text="Waiting now").locator("button.number").click()
    page.locator("#list td a").first.wait_for()
    wide = page.evaluate(
        "[...document.querySelectorAll('.chart table, #list-body table')]"
        ".filter((t) => t.getBoundingClientRect().right > 390).length"
    )
    assert wide == 0
    assert page.evaluate("document.getElementById('list').scrollWidth") <= 390
    context.close()


def test_it_refreshes_itself(full: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.clock.install()
    look = Look(page)
    look.open(f"{full.url}/dashboard")
    asked = len([url for url in look.requests if "/data/" in url])
    page.clock.fast_forward(31_000)
    page.wait_for_selector("body[data-asked='2']", timeout=120_000)
    assert len([url for url in look.requests if "/data/" in url]) > asked
    assert not look.errors
    context.close()


def test_texts_of_strangers_are_shown_as_text(full: Served, look: Look) -> None:
    """No script of ours takes HTML from an answer."""
    for name in ("overview.js", "conversation.js", "common.js", "charts.js", "lists.js"):
        response = look.page.request.get(f"{full.url}/dashboard/static/{name}")
        assert response.ok
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", response.text()
        )
