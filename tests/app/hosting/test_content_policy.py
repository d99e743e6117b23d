"""The page in a browser under its content security policy: every tab works, and nothing is held back."""

import pytest
from playwright.sync_api import expect
from support.page import FIND, PATIENCE, answers, choose, example, state, tab

LISTENS = """window.refused = [];
document.addEventListener("securitypolicyviolation", event =>
  window.refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));"""


@pytest.mark.slow
def test_no_tab_asks_for_what_the_policy_forbids(visit, address, chelsea):
    page = visit(script=LISTENS)
    said = []
    page.on("console", lambda message: said.append(message.text))
    example(page, "coffee")
    state(page, "done")
    assert answers(page)
    for name in FIND:
        tab(page, name)
        page.wait_for_timeout(300)
    tab(page, "Find")
    choose(page, chelsea)
    expect(page.locator("#viewer")).to_have_attribute("data-state", "empty", timeout=PATIENCE)
    assert page.evaluate("window.refused") == []
    assert [text for text in said if "Content Security Policy" in text] == []
    assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_policy_forbids_other_hosts(visit):
    page = visit(script=LISTENS)
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => null)")
    page.evaluate("() => { new Image().src = 'http://127.0.0.1:9/a.png'; }")
    page.wait_for_function("window.refused.length == 2")
    assert sorted(text.split()[0] for text in page.evaluate("window.refused")) == ["connect-src", "img-src"]
