"""Going through a page by keyboard alone: Tab until the wanted element has the focus, then a key.
Each stop must be seen: a ring around it, inside the window. Must not know: what a page is for.
"""

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

FARTHEST = 60

# The focused element: whether it is the wanted one, whether it is seen, and what it says.
FOCUSED = """
  const e = document.activeElement, at = e.getBoundingClientRect(), style = getComputedStyle(e);
  const ring = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none';
  const inside = at.bottom > 0 && at.top < innerHeight;
  return [e !== document.body && e.matches(arguments[0]), ring && inside, e.labels?.[0]?.textContent ?? e.textContent];
"""


def press(browser, key):
    """One key, to whatever has the focus."""
    ActionChains(browser.driver).send_keys(key).perform()


def focused(browser, css="*"):
    """Whether the focus is there, whether it is seen, and its text."""
    return browser.driver.execute_script("return (function () {" + FOCUSED + "}).apply(null, arguments)", css)


def reach(browser, css, text=None):
    """Tab until an element that fits (and says this text) has the focus."""
    for _ in range(FARTHEST):
        there, seen, said = focused(browser, css)
        if there and (text is None or said.strip() == text):
            if not seen:
                raise AssertionError(f"{browser.name}: the focus on {css} is not seen: {said!r}")
            return said
        press(browser, Keys.TAB)
    raise AssertionError(f"{browser.name}: {css} {text or ''} is not reached by Tab: {browser.text()[:600]!r}")


def choose(browser, css, text):
    """Of several radio buttons the one with this label: arrows, as in every group of them."""
    reach(browser, css)
    for _ in range(12):
        if focused(browser, css)[2].strip() == text:
            press(browser, Keys.SPACE)
            browser.acts.append(f"choose {text}")
            return
        press(browser, Keys.ARROW_DOWN)
    raise AssertionError(f"{browser.name}: no arrow leads to {text!r}")


def fill(browser, css, text):
    """Types into a field; counted."""
    reach(browser, css)
    browser.acts.append(f"type into {css}")
    press(browser, text)


def enter(browser, css, text=None):
    """Presses a button with Enter; counted."""
    said = reach(browser, css, text)
    browser.acts.append(f"press {said}")
    press(browser, Keys.ENTER)
