"""Where a custodian's page does not go on: what happened, whether anything was released, what to do
now. Each is reached in a real browser. Must not know: how she got there.
"""

import keyboard
from selenium.webdriver.common.by import By


def three_parts(checks, what, said, *wanted):
    """The box says whether anything was released, and the given sentences."""
    missing = [part for part in ("Nothing was released", *wanted) if part not in said]
    checks.hold(f"{what}: what happened, whether anything was released, what to do now", not missing, said)


def not_yours(checks, vault, gus, page):
    """An incident of an epoch in which she has no share."""
    incident, _ = vault.asks()
    gus.open(f"{page}#{incident}")
    said = gus.until_trouble("not_yours")
    three_parts(checks, "no share of hers", said, "There is no share of yours for this incident", "Nothing for you to do")
    vault.does("rio", "withdraw", incident)


def not_needed(checks, gus, page, incident, looks):
    """The session is open already."""
    gus.open(f"{page}#{incident}")
    said = gus.until_trouble("not_needed")
    looks.inspect(gus, "custodian-not-needed")
    three_parts(checks, "too late", said, "is open: no share is needed now", "Nothing for you to do")


def restarts(vault):
    """The vault ends and starts again: whatever collects is asked anew."""
    vault.serve.end()
    vault.start_serve()


def restarted_meanwhile(checks, vault, gus, incident, words):
    """The vault restarts between the opening of the page and the touch. Gives the new words."""
    gus.click(words)
    restarts(vault)
    gus.click("Release my share")
    said = gus.until_trouble("other_terms")
    three_parts(checks, "restarted before the touch", said, "The vault asks anew", "hear the new words")
    fresh = " ".join(vault.does("rio", "status", incident)["phrase"].replace("\u00b7", " ").split())
    checks.hold("the page shows the new terms with the new words", fresh in said and words not in said, [fresh, said])
    checks.equal("and no share is in", vault.view(incident)["shares_in"], 0)
    return fresh


def typed_words_stay(checks, vault, gus):
    """Neither a vault that does not answer nor one that restarted takes a typed refusal away."""
    def typed():
        return gus.driver.execute_script(
            "return [document.querySelector('input[name=reason]:checked').value, document.getElementById('more').value]")
    before = typed()
    gus.cdp("Network.enable")
    gus.cdp("Network.setBlockedURLs", urls=["*/api/v1/*"])
    gus.click("Refuse")
    said = gus.until_trouble("unreachable")
    three_parts(checks, "a vault that does not answer", said, "The vault did not answer", "try again")
    checks.equal("and the refusal stays as it was typed", typed(), before)
    gus.cdp("Network.setBlockedURLs", urls=[])
    restarts(vault)
    gus.click("Refuse")
    said = gus.until_trouble("other_terms")
    three_parts(checks, "restarted before the refusal", said, "The vault asks anew", "Press again.")
    checks.equal("and it is still there", typed(), before)
    gus.complaints()


def typed_reason_stays(checks, gus):
    """The vault does not answer a stop: nothing was signed, and the reason is still there."""
    def told():
        boxes = gus.driver.find_elements(By.CSS_SELECTOR, ".box.bad[data-code]")
        return boxes and boxes[0].text
    gus.cdp("Network.enable")
    gus.cdp("Network.setBlockedURLs", urls=["*/api/v1/*"])
    keyboard.enter(gus, "[data-act=stop] [data-sign]")
    said = gus.wait("what happened", told)
    reason = gus.driver.execute_script("return document.getElementById('reason').value")
    checks.hold("a stop that the vault does not answer: what happened, whether anything was released, what to do now",
                all(part in said for part in ("The vault did not answer", "Nothing was released", "try again")), said)
    checks.equal("and its reason stays as it was typed", reason, "this was a rehearsal")
    gus.cdp("Network.setBlockedURLs", urls=[])
    gus.complaints()
