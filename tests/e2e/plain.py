"""What stays where no script runs: every act has its command, forms work, the page refreshes itself.
And what script adds: a command copied by a press, a time that counts down. Must not know: styles.
"""

import re
import shlex

from vault import until


class Plain:
    """A browser without script, for as long as the block lasts."""

    def __init__(self, browser):
        self.browser = browser

    def __enter__(self):
        self.browser.scripts(False)
        return self.browser

    def __exit__(self, *_):
        self.browser.scripts(True)


def commands(states, who, path, *wanted):
    """A page without script has these commands, and no button that would need one."""
    states.as_(who)
    with Plain(states.browser) as browser:
        browser.go(path)
        shown = [each.text for each in browser.every("pre code") if each.is_displayed()]
        missing = [each for each in wanted if not any(text.startswith(each) for text in shown)]
        states.checks.hold(f"without script {path.split('?')[0]} shows {', '.join(wanted)}", not missing, shown)
        dead = [each.text for each in browser.every("[data-sign], [data-passkey], [data-copy]") if each.is_displayed()]
        states.checks.equal("and no button that would do nothing", dead, [])


def signs_in(states):
    """By the code of the command line."""
    browser = states.browser
    browser.cdp("Network.clearBrowserCookies")
    code = states.vault.does("ada", "login", "--page")["code"]
    with Plain(browser):
        browser.go("/share")
        states.checks.equal("without script a stranger is led to the sign-in page", browser.path(), "/sign-in")
        dead = [each.text for each in browser.every("[data-passkey]") if each.is_displayed()]
        states.checks.equal("which offers no passkey there", dead, [])
        browser.type("#code", code)
        browser.press("main form button")
        browser.wait("my share", lambda: browser.path() == "/share")
    states.checks.hold("and lets her in by code, to where she wanted", browser.path() == "/share")
    states.who = "ada"


def asks(states):
    """The tree and the form work as plain pages; a fault gives back what was typed."""
    states.as_("rio")
    with Plain(states.browser) as browser:
        browser.go("/ask")
        for answer in ["yes", "no", "no", "yes"]:
            before = browser.text("h1")
            browser.press(f"button[value={answer}]")
            browser.wait("the next page", lambda: browser.text("h1") != before)
        browser.type("#reason", "the plain way")
        browser.press("main form button[type=submit]:not([value])")
        browser.wait("the fault", lambda: browser.title().startswith("Error"))
        kept = browser.one("#reason").get_attribute("value")
        states.checks.equal("without script a missing target is named and the reason stays", kept, "the plain way")
        browser.type("#workspace", states.vault.databricks["workspace_id"])
        browser.press("main form button[type=submit]:not([value])")
        browser.wait("the command", lambda: browser.every("#open"))
        words = shlex.split(browser.text("#open"))
    states.checks.equal("and the command says it", (words[:2], words[-1]), (["breakglass", "open"], "the plain way"))


def custodian_page(states, incident):
    """A static page of script says what works without it."""
    with Plain(states.browser) as browser:
        browser.go(f"/custodian/#{incident}")
        said = browser.text()
    states.checks.hold("without script the custodian's page says so, with the commands",
                       "This page needs script" in said and "breakglass approve" in said and "breakglass refuse" in said, said)


def refreshes(states, incident, change):
    """Nothing is pressed, and the page shows what has changed."""
    states.as_("rio")
    with Plain(states.browser) as browser:
        browser.go(f"/i/{incident}")
        states.checks.hold("before: no share", "0 of 3 shares in" in browser.text("h1"), browser.text("h1"))
        change()
        browser.wait("the page that refreshed itself", lambda: "1 of 3 shares in" in browser.text("h1"))
    states.checks.hold("without script the page refreshed itself", True)


def copies(states, path, command):
    """One press, and the command is in the clipboard."""
    browser = states.browser
    browser.go(path)
    browser.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.wait("the button", lambda: any(each.is_displayed() for each in browser.every("[data-copy]")))
    button = next(each for each in browser.every("[data-copy]") if each.is_displayed())
    button.click()
    read = "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done(e.name))"
    browser.wait("the clipboard", lambda: browser.driver.execute_async_script(read) == command)
    states.checks.hold(f"a press copied {command}", True)


def counts_down(states, path):
    """Two readings of the same time that is left."""
    browser = states.browser
    browser.go(path)

    def left():
        found = re.match(r"(\d+):(\d\d) ", browser.text("[data-until]"))
        return found and int(found[1]) * 60 + int(found[2])

    until("a time that is counted", left)
    first = left()
    until("a later reading", lambda: (left() or first) < first)
    second = left()
    states.checks.hold("the time that is left counts down", second < first <= 30 * 60, [first, second])


def typing_survives(states, incident, restart):
    """The vault restarts while somebody types a note: what she typed is there, and is taken."""
    browser = states.browser
    browser.go(f"/i/{incident}")
    browser.type("#text", "half a sentence, ")
    restart()
    states.checks.equal("a restart takes away nothing that was typed",
                        browser.one("#text").get_attribute("value"), "half a sentence, ")
    browser.one("#text").send_keys("and the rest")
    browser.press("#notes button")
    browser.wait("the note", lambda: "half a sentence, and the rest" in browser.text("#notes blockquote"))
    states.checks.hold("and it is kept as a note", True)


def review(states, incident):
    """tess answers and finds without script; what is not taken comes back, with everything beside it."""
    browser, checks = states.browser, states.checks
    states.as_("tess")
    browser.go(f"/reviews/{incident}")
    fields = [each.get_attribute("id") for each in browser.every("#questions textarea")]
    put = "document.getElementById(arguments[0]).value = arguments[1]"
    long = "f" * 4_001
    browser.run(put, fields[0], "typed, not saved")
    browser.run(put, "finding", long)
    browser.press("#findings button")
    browser.wait("the fault", lambda: browser.title().startswith("Error"))
    kept = [browser.one(css).get_attribute("value") for css in (f"[id='{fields[0]}']", "#finding")]
    checks.equal("a finding that is too long comes back, and the answer beside it", kept, ["typed, not saved", long])
    states.looks.inspect(browser, "state-review-fault")
    browser.run(put, fields[1], long)
    browser.run(put, "finding", "begun")
    browser.press("#questions button")
    browser.wait("the fault", lambda: browser.title().startswith("Error") and browser.one("#finding").get_attribute("value") == "begun")
    kept = browser.one(f"[id='{fields[1]}']").get_attribute("value")
    checks.equal("an answer that is too long comes back, and the finding that was begun", kept, long)
    browser.go(f"/reviews/{incident}")
    with Plain(browser):
        for field in fields[1:]:
            browser.type(f"[id='{field}']", "looked at")
        browser.type("#finding", "FINDING: the reason was thin")
        browser.press("#findings button")
        browser.wait("the finding", lambda: "the reason was thin" in browser.text("#findings ul"))
        checks.hold("without script a finding is added, and the answers beside it are kept",
                    f"breakglass review sign {incident}" in browser.text("#sign"), browser.text("#sign"))
