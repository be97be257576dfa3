"""The console's acts by passkey: signing in, asking, stopping, closing, reviewing. Nobody uses a
command where a touch will do; only the claim stays with the machine that works.
"""

import subprocess
from urllib.parse import quote

import keyboard
from children import until
from selenium.webdriver.common.by import By
from vault import ANSWERS, call

PEOPLE = ("rio", "tess", "sam")


def at_console(browser, css):
    """The first visible element of the console's page."""
    return browser.wait(css, lambda: next(
        (e for e in browser.driver.find_elements(By.CSS_SELECTOR, css) if e.is_displayed()), None))


def press(browser, css):
    """Presses it; counted."""
    found = at_console(browser, css)
    browser.acts.append(f"press {found.text or css}")
    found.click()


def fill(browser, css, text):
    """Types into a field; counted."""
    field = at_console(browser, css)
    browser.acts.append(f"type into {css}")
    field.clear()
    field.send_keys(text)


def path(browser):
    """Where the browser is."""
    return browser.driver.execute_script("return location.pathname")


def said(browser):
    """What the console's page shows."""
    return browser.driver.find_element(By.TAG_NAME, "main").text


def shown(browser):
    """What the page shows, asked for until there is one."""
    return browser.wait("the page's text", lambda: said(browser))


def arrives(browser, where):
    """Waits for a path; what a box says ends the wait."""
    def look():
        boxes = browser.driver.find_elements(By.CSS_SELECTOR, ".box.bad[data-code]")
        if boxes:
            raise AssertionError(f"{browser.name}: {boxes[0].text} {browser.complaints()}")
        return path(browser) == where
    browser.wait(f"the page {where}", look)


def count(browser):
    """Acts since `browser.acts` was emptied, touches included."""
    return len(browser.acts) + browser.touches() - browser.touched


def begin(browser):
    """From here acts are counted."""
    browser.acts, browser.touched = [], browser.touches()
    browser.traffic(), browser.complaints()


def enrol(browser, vault, page, looks=None):
    """Somebody who keeps no share: her device learns the vault by her link."""
    browser.take(0)
    browser.open(f"{page}#{vault.lines()[browser.name].split('#', 1)[1]}")
    browser.until_title("Enrolled")
    if looks:
        looks.inspect(browser, "custodian-enrolled")


def signs_in(checks, vault, browser, looks=None):
    """By passkey, at the console."""
    begin(browser)
    browser.open(f"{vault.console_url}/sign-in")
    at_console(browser, "[data-passkey=sign-in]")
    if looks:
        looks.inspect(browser, "sign-in-passkey")
    press(browser, "[data-passkey=sign-in]")
    arrives(browser, "/")
    cookie = next(c for c in browser.cdp("Network.getAllCookies")["cookies"] if c["name"] == "__Host-breakglass")
    checks.hold(f"{browser.name} signed in by passkey; no script can read her cookie",
                cookie["httpOnly"] and cookie["secure"] and f"Signed in as {browser.name}" in
                browser.driver.find_element(By.TAG_NAME, "footer").text, cookie)
    foreign = [url for _, url, _, _ in browser.traffic() if not url.startswith((vault.console_url, "about:", "data:", "chrome:"))]
    checks.equal(f"{browser.name}: signing in asks no other origin", foreign, [])


def page_text(vault, browser, where):
    """The page as the server sends it, before any script."""
    cookie = next(c for c in browser.cdp("Network.getAllCookies")["cookies"] if c["name"] == "__Host-breakglass")
    host = vault.console_url.split("//")[1]
    reply = call(vault.console, "GET", where, {"host": host, "cookie": f"__Host-breakglass={cookie['value']}"})
    return reply.body.decode()


def new_key(vault, name):
    """An SSH key of somebody new; where its public half is."""
    made = vault.dir / "people" / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True)
    return made.with_suffix(".pub")


def claim_words(browser):
    """The four words of the claim key that the page shows."""
    return browser.wait("the claim key's words", lambda: browser.driver.find_element(By.ID, "claim-words").text)


def thiefs_link(checks, vault, rio, url, words):
    """Who stole rio's login sends her the same page, with a claim key of his own."""
    key = " ".join(new_key(vault, "thief").read_text().split()[:2])
    begin(rio)
    rio.open(f"{url.split('#')[0]}#claim={quote(key)}")
    shown = claim_words(rio)
    checks.hold("a link with another claim key shows other words than the terminal", shown != words, [shown, words])
    checks.hold("and says what that means", "Only go on if your terminal shows these four words" in said(rio), said(rio))
    rio.driver.execute_script("location.hash = ''")
    rio.wait("no words", lambda: not rio.driver.find_elements(By.ID, "claim-words"))
    checks.hold("without a claim key the page says so", "This page has no claim key" in said(rio), said(rio))
    fill(rio, "#reason", "nobody can sign in")
    press(rio, "[data-act=open] [data-sign]")
    at_console(rio, ".box.bad[data-code=no_claim_key]")
    checks.equal("and asks for no touch", rio.touches(), rio.touched)


def asks(checks, vault, rio, looks):
    """rio asks on the page; her own machine keeps the claim key."""
    words = ["open", "--page", "--answers", ANSWERS, "--workspace", vault.databricks["workspace_id"],
             "--account", "--for", "30m"]
    printed = vault.runs_plain("rio", *words)
    checks.hold("the terminal says what the page must show", "only if the page shows these four words: " in printed, printed)
    opened = vault.does("rio", *words)
    url = opened["url"]
    thiefs_link(checks, vault, rio, url, opened["claim_words"])
    begin(rio)
    rio.open(url)
    checks.equal("the page shows the terminal's four words", claim_words(rio), opened["claim_words"])
    looks.inspect(rio, "ask-passkey")
    # Without a mouse from here on. Moving the focus is as little an act as moving a pointer.
    keyboard.fill(rio, "#reason", "nobody can sign in")
    keyboard.enter(rio, "[data-act=open] [data-sign]")
    rio.wait("the incident", lambda: path(rio).startswith("/i/INC-"))
    acts, incident = count(rio), path(rio).rsplit("/", 1)[1]
    checks.hold(f"rio asked by keyboard alone in {acts} acts, at most 4", acts <= 4, rio.acts)
    sent = [body for method, where, body, _ in rio.traffic() if method == "POST"]
    checks.hold("what was signed names the page's facts", any("nobody can sign in" in body for body in sent), sent)
    phrase = rio.wait("the phrase", lambda: rio.driver.find_element(By.ID, "phrase").text)
    looks.inspect(rio, "incident-phrase")
    checks.equal("the page's phrase is the command line's", phrase, spoken(vault, incident))
    html = page_text(vault, rio, f"/i/{incident}")
    checks.hold("the server's page does not have it", phrase not in html and 'id="phrase"' in html)
    checks.equal("rio: no violation of the content policy", rio.complaints(), [])
    return incident, phrase


def spoken(vault, incident):
    """The words that rio's command line shows."""
    theirs = vault.does("rio", "status", incident)["phrase"]
    return " ".join(theirs.replace("\u00b7", " ").split())


def new_responder(vault, ada, page, name, seq):
    """A roster with one responder more takes effect: otto proposes it, ada signs."""
    vault.does("otto", "person", "add", name, "--role", "responder", "--mail", f"{name}@example.com",
               "--login-key", str(new_key(vault, name)), "--yes")
    ada.open(f"{page}#versions")
    ada.until_title("Sign a new version?")
    ada.click(f"Sign roster {seq}")
    ada.until_title("The roster is in force")


def people_change(checks, vault, rio, ada, page, incident):
    """Rosters take effect while rio's page is open: it is asked anew, with other words. Gives them."""
    def shows():
        command = rio.driver.find_element(By.CSS_SELECTOR, "#phrase ~ .by-command")
        return rio.driver.find_element(By.ID, "phrase").text, command.is_displayed()
    def focus():
        return rio.driver.execute_script("return document.activeElement.tagName")
    before, focused = rio.wait("the words", lambda: shows() if shows()[0] else None), focus()
    checks.hold("while the words stand, the command for them is away", not before[1], before)
    rio.cdp("Network.enable")
    rio.cdp("Network.setBlockedURLs", urls=["*/api/v1/*"])
    new_responder(vault, ada, page, "ida", 4)
    rio.wait("the command in place of the words", lambda: shows() == ("", True))
    boxes = rio.driver.find_elements(By.CSS_SELECTOR, ".box.bad[data-code]")
    checks.hold("where the vault does not answer the page, the command is back and nothing alarms", not boxes)
    rio.cdp("Network.setBlockedURLs", urls=[])
    rio.traffic()
    new_responder(vault, ada, page, "jon", 5)
    theirs = spoken(vault, incident)
    rio.wait("the new words", lambda: shows() == (theirs, False))
    checks.hold("a roster took effect: the open page shows the new words", theirs != before[0], [theirs, before])
    sent = [url for _, url, _, _ in rio.traffic() if "/api/v1/" in url]
    checks.hold(f"and asked for them in {len(sent)} requests, at most 150", len(sent) <= 150, sent[-5:])
    boxes = rio.driver.find_elements(By.CSS_SELECTOR, ".box.bad[data-code]")
    checks.hold("with no alarm, and the focus where it was", focus() == focused and not boxes, focus())
    rio.complaints()
    return theirs


def closes(checks, vault, rio, incident):
    """One button, by keyboard, and a touch."""
    rio.open(f"{vault.console_url}/i/{incident}")
    at_console(rio, "[data-act=close] [data-sign]")
    begin(rio)
    keyboard.enter(rio, "[data-act=close] [data-sign]")
    until("the review", lambda: vault.phase(incident) == "in_review")
    checks.hold("rio closed by keyboard with one button and a touch", count(rio) == 2, rio.acts)


def is_led_to_the_stop(checks, vault, browser, incident, details):
    """Board and live page show how to get in, and the way to stop it, to each who may."""
    for where in ("/", f"/i/{incident}"):
        browser.open(vault.console_url + where)
        links = browser.driver.find_elements(By.CSS_SELECTOR, f"a.stop[href='/i/{incident}/stop']")
        checks.hold(f"{browser.name} sees on {where.split('INC')[0]} how to get in and how to stop it",
                    len(links) == 1 and details in said(browser), said(browser))


def stops(checks, vault, browser, incident, looks):
    """One button and a touch, by a custodian."""
    browser.open(f"{vault.console_url}/i/{incident}/stop")
    looks.inspect(browser, "stop-passkey")
    begin(browser)
    press(browser, "[data-act=stop] [data-sign]")
    until("the end of the session", lambda: vault.phase(incident) in ("closing", "in_review"))
    checks.hold(f"{browser.name} stopped it with one button and a touch", count(browser) == 2, browser.acts)
    cause = vault.view(incident)["close_cause"]
    checks.hold("its end says stopped", "stop" in str(cause), cause)


# Nobody types these: they come by pasting, and the field's own limit is gone where a page was altered.
ODD_REASONS = {"too long": "somebody pretends to be rio " * 24, "turned around": "rio asked\u202e for nothing",
               "a bell": "rio\u0007 is asleep"}


def refused_reasons(checks, vault, sam, incident, looks):
    """A reason that cannot be taken: its own sentence in three parts, the focus on it, nothing typed lost."""
    begin(sam)
    fill(sam, "#reason", "  ")
    press(sam, "[data-act=veto] [data-sign]")
    box = at_console(sam, ".box.bad[data-code=missing]").text
    focused = sam.driver.execute_script("return document.activeElement.id")
    checks.equal("a veto without a reason asks for one before any touch",
                 (focused, "Nothing was signed" in box, sam.touches()), ("reason", True, sam.touched))
    for what, reason in ODD_REASONS.items():
        sam.driver.execute_script(
            "const field = document.getElementById('reason'); field.removeAttribute('maxlength');"
            "field.value = arguments[0]; document.querySelector('.box.bad[data-code]')?.remove()", reason)
        press(sam, "[data-act=veto] [data-sign]")
        box = at_console(sam, ".box.bad[data-code=bad_text]").text
        parts = ("characters that do not show", "Nothing was released", "nothing you typed is lost",
                 "The reason is empty, too long or holds control characters.")
        checks.hold(f"a reason {what}: what happened, whether anything was released, what to do now",
                    all(part in box for part in parts), box)
        kept, focused = sam.driver.execute_script(
            "return [document.getElementById('reason').value, document.activeElement.dataset.code]")
        checks.equal(f"a reason {what}: nothing typed is lost, and the error has the focus",
                     (kept.strip(), focused, vault.phase(incident)), (reason.strip(), "bad_text", "collecting"))
    looks.inspect(sam, "veto-refused")


def vetoes(checks, vault, sam, incident, looks):
    """Security signs in, is led to the veto and gives it: one button and a touch; a key that verifies
    nobody vetoes nothing."""
    signs_in(checks, vault, sam)
    for where in ("/", f"/i/{incident}"):
        sam.open(vault.console_url + where)
        links = sam.driver.find_elements(By.CSS_SELECTOR, f"a.stop[href='/i/{incident}/veto']")
        checks.equal(f"sam is led to the veto from {where.split('INC')[0]}", len(links), 1)
    sam.open(f"{vault.console_url}/i/{incident}/veto")
    at_console(sam, "[data-act=veto] [data-sign]")
    looks.inspect(sam, "veto-passkey")
    sam.cdp("WebAuthn.setUserVerified", authenticatorId=sam.keys[0], isUserVerified=False)
    press(sam, "[data-act=veto] [data-sign]")
    said = at_console(sam, ".box.bad[data-code=not_confirmed]").text
    checks.hold("a touch that verifies nobody vetoes nothing",
                "Nothing was signed" in said and vault.phase(incident) == "collecting", said)
    # An authenticator that once failed stays shut: the next press asks for her other key.
    sam.take(1)
    refused_reasons(checks, vault, sam, incident, looks)
    begin(sam)
    fill(sam, "#reason", "nobody of us is on the bridge")
    press(sam, "[data-act=veto] [data-sign]")
    arrives(sam, f"/i/{incident}")
    until("the end of the incident", lambda: vault.phase(incident) == "refused")
    checks.hold("sam vetoed with a reason, one button and a touch", count(sam) == 3, sam.acts)
    sam.wait("the incident's page", lambda: path(sam) == f"/i/{incident}")
    checks.hold("its page says that it is over and nothing was released", "Nothing was released" in shown(sam),
                shown(sam))
    sent = [body for method, _, body, _ in sam.traffic() if method == "POST"]
    checks.hold("what she signed has her reason", any("nobody of us is on the bridge" in body for body in sent), sent)
    link = sam.driver.find_elements(By.CSS_SELECTOR, "a[href$='/veto']")
    checks.equal("and offers no second veto", len(link), 0)


def reviews(checks, vault, tess, incident, looks):
    """Five questions, one press, one touch; nothing is left out by accident."""
    where = f"/reviews/{incident}"
    begin(tess)
    tess.open(vault.console_url + where)
    fields = tess.driver.find_elements(By.CSS_SELECTOR, "#questions textarea")
    for field in fields:
        keyboard.fill(tess, f"#{field.get_attribute('id')}", "looked at; nothing to say against it")
    keyboard.enter(tess, "[data-verdict=justified]")
    until("the signature", lambda: vault.phase(incident) == "reviewed")
    acts = count(tess)
    checks.hold(f"tess reviewed by keyboard alone in {acts} acts, at most 8", acts <= 8, tess.acts)
    checks.equal("tess: no violation of the content policy", tess.complaints(), [])


def forgets_an_answer(checks, vault, tess, incident, looks):
    """Nothing is signed, and the field that lacks an answer has the focus."""
    tess.open(f"{vault.console_url}/reviews/{incident}")
    looks.inspect(tess, "review-passkey")
    press(tess, "[data-verdict=findings]")
    at_console(tess, ".box.bad[data-code=missing]")
    focused = tess.driver.execute_script("return document.activeElement.tagName")
    checks.hold("a missing answer is asked for before any touch",
                focused == "TEXTAREA" and vault.phase(incident) == "in_review", focused)


def strangers_device(checks, vault, browser, incident):
    """Signed in on a device that never saw the enrol link: no act, and it says why."""
    browser.driver.execute_script("localStorage.clear()")
    browser.open(f"{vault.console_url}/i/{incident}/stop")
    press(browser, "[data-act=stop] [data-sign]")
    box = at_console(browser, ".box.bad[data-code=not_enrolled]")
    checks.hold("a device without pins signs nothing", "Nothing was signed" in box.text, box.text)
    checks.equal("and the session goes on", vault.phase(incident), "open")
