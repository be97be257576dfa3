"""The console in a real browser: people walk through one incident, page by page, by keyboard.

Every page is looked at in both themes and at 320, 390 and 1280 px: axe finds nothing, nothing
scrolls sideways, nothing is asked of another origin, no policy is violated; a picture of each is
kept. Must not know: how pages are made.
"""

import datetime
import http.client
import json
import pathlib
import re
import shlex
import sqlite3
import tomllib
import urllib.parse
import zoneinfo

import pictures
from browser import Browser
from selenium.webdriver.common.keys import Keys
from vault import Checks, Vault, arguments, until

COOKIE = "__Host-breakglass"
SIZES = [(320, 640), (390, 844), (1280, 900)]
THEMES = ["light", "dark"]
# What a thumb must hit: 48 px high. Links within sentences are theirs.
TARGETS = ("button, .button, summary, label:has(input), header a, nav a, select, textarea, "
           "input:not([type=hidden], [type=radio], [type=checkbox])")


def more(parser):
    parser.add_argument("--axe", required=True, help="axe.min.js")
    parser.add_argument("--pictures", required=True, help="folder for the pictures")

# Tables wider than their boxes, those of folded parts too.
WIDE_TABLES = """
  const shut = [...document.querySelectorAll('details:not([open])')];
  for (const fold of shut) fold.open = true;
  const wide = [...document.querySelectorAll('.scroll > table')].map((table) => table.parentNode)
    .filter((box) => box.scrollWidth > box.clientWidth + 1)
    .map((box) => `${box.getAttribute('aria-label')}: ${box.scrollWidth} in ${box.clientWidth}`);
  for (const fold of shut) fold.open = false;
  return wide"""


class Console:
    """Somebody's browser at the console, with everything that is looked at on each page."""

    def __init__(self, vault, checks, given):
        self.vault, self.checks = vault, checks
        self.pictures = pathlib.Path(given.pictures)
        self.browser = Browser(f"http://{vault.console}", given.axe)
        self.seen = set()

    def sign_in(self, name):
        """Through the driver, with the token that `login` keeps."""
        self.browser.cdp("Network.clearBrowserCookies")
        kept = self.browser.keep_cookie(COOKIE, self.vault.login_token(name))
        self.checks.hold(f"{name}'s cookie is kept", kept)

    def inspect(self, name, path=None):
        """Looks at the page that is open, or at `path`, in every size and theme."""
        browser = self.browser
        if path:
            browser.go(path)
        wrong = []
        for theme in THEMES:
            for width, height in SIZES:
                browser.look(width, height, theme)
                sideways = browser.run(
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                if sideways > 0:
                    wrong.append(f"{width} {theme}: {sideways} px sideways")
                wide = browser.run(WIDE_TABLES)
                if width < 640:
                    wrong += [f"{width} {theme}: the table scrolls sideways: {name}" for name in wide]
                if width != 1280 or theme == "light":
                    wrong += [f"{width} {theme}: {fault}" for fault in browser.faults()]
                if width != 1280 or theme == "light":
                    browser.picture(self.pictures / f"{name}-{theme}-{width}.png")
        small = browser.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 47.5)"
            ".map((e) => e.textContent || e.name)", TARGETS)
        wrong += [f"target below 48 px: {text}" for text in small]
        self.seen.add(name)
        self.checks.equal(f"{name}: nothing wrong in both themes and three sizes", wrong, [])
        browser.look(390, 844, "light")


ROLES = ("table", "row", "columnheader", "rowheader", "cell")


def heard(browser):
    """How many of each part of a table a screen reader finds."""
    nodes = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    roles = [node.get("role", {}).get("value") for node in nodes if not node.get("ignored")]
    return {role: roles.count(role) for role in ROLES}


def folds(console):
    """On a phone a row is a card with each value's column beside it; for a screen reader it stays a table."""
    browser, checks = console.browser, console.checks
    browser.look(1280, 900, "light")
    wide = heard(browser)
    browser.look(320, 640, "light")
    shape = browser.run("""
        const cell = document.querySelector('.fold td');
        return [getComputedStyle(cell.parentNode).display, getComputedStyle(cell, '::before').content]""")
    checks.hold("a row is a card, a value has its column's name beside it",
                shape[0] == "grid" and "At (UTC)" in shape[1], shape)
    checks.hold("folded, the table is still one to a screen reader",
                heard(browser) == wide and min(wide.values()) >= 1, [wide, heard(browser)])
    browser.look(390, 844, "light")


def signs_in_by_code(console):
    """A stranger, a wrong code, a right one: everything by keyboard."""
    browser, checks = console.browser, console.checks
    browser.look(390, 844, "light")
    browser.go("/share")
    checks.equal("a stranger is led to the sign-in page", browser.path(), "/sign-in")
    console.inspect("sign-in")
    browser.type("#code", "WRONG-CODE")
    browser.one("#code").send_keys(Keys.ENTER)
    browser.wait("the error", lambda: browser.title().startswith("Error"))
    focused = browser.run("return document.activeElement.getAttribute('role')")
    checks.equal("the error has the focus", focused, "alert")
    checks.hold("it says that nothing was released", "Nothing was released" in browser.text())
    console.inspect("sign-in-error")
    code = console.vault.does("ada", "login", "--page")["code"]
    browser.type("#code", code.lower())
    browser.one("#code").send_keys(Keys.ENTER)
    browser.wait("my share", lambda: browser.path() == "/share")
    checks.hold("she is led back to where she wanted", "You hold share 1" in browser.text())


def quiet_pages(console):
    """The vault at rest."""
    checks, browser = console.checks, console.browser
    console.inspect("board-sealed", "/")
    checks.hold("the board says sealed", "Sealed" in browser.text("h1"))
    console.inspect("my-share", "/share")
    console.inspect("enrol", "/enrol")
    console.vault.does("otto", "alert", "test")
    browser.go("/custodians")
    tested = [row.text for row in browser.every("#alerts ~ .scroll tbody tr")]
    checks.hold("each channel says when it was tested, and that nobody has read it",
                "just now" in tested[0] and "not yet" in tested[0], tested)
    console.inspect("custodians", "/custodians")
    pictures.readiness(console)
    steps = [each.text for each in browser.every(".steps > li")]
    checks.hold("the epoch's steps say where it stands and what follows", len(steps) == 4
                and "Epoch 1 is dealt" in steps[0] and "Epoch 2 follows" in steps[-1], steps)
    waves = browser.text(".waves")
    checks.hold("paging order and fallback list stand there", "At once" in waves and "otto" in waves, waves)
    console.inspect("log", "/log")
    console.inspect("no-such-page", "/nothing/here")
    checks.hold("a dead end has three parts", "Nothing was released" in browser.text())
    console.inspect("no-such-incident", "/i/INC-77")
    console.inspect("incidents-none", "/incidents")
    console.inspect("reviews-none", "/reviews")


def asks(console):
    """rio walks the tree, makes mistakes, loses nothing, and runs the command she is given."""
    browser, checks, vault = console.browser, console.checks, console.vault
    console.sign_in("rio")
    console.inspect("ask-question", "/ask")
    browser.press("button[value=no]")
    browser.wait("the other door", lambda: "another door" in browser.text("h1"))
    console.inspect("ask-another-door")
    browser.go("/ask")
    for answer in ["yes", "no", "no", "yes"]:
        before = browser.text("h1")
        browser.press(f"button[value={answer}]")
        browser.wait("the next page", lambda: browser.text("h1") != before)
    checks.equal("the tree leads to the outage", browser.text("h1"), "Catastrophic outage")
    console.inspect("ask-facts")
    reason = "it's down; `all` admins $LOCKED out"
    browser.type("#reason", reason)
    chosen = "return document.querySelector('input[name=minutes]:checked').value"
    offered = [each.get_attribute("value") for each in browser.every("input[name=minutes]")]
    checks.equal("15, 30 and 60 minutes are offered, 30 is chosen", (offered, browser.run(chosen)),
                 (["15", "30", "60", "other"], "30"))
    who_is_woken(console)
    browser.type("input[name=minutes_other]", "600")
    checks.equal("typing a number of one's own chooses it", browser.run(chosen), "other")
    browser.one("input[name=minutes_other]").send_keys(Keys.ENTER)
    browser.wait("the error", lambda: browser.title().startswith("Error"))
    kept = [browser.one(css).get_attribute("value") for css in ("#reason", "input[name=minutes_other]")]
    checks.equal("nothing typed is lost", kept, [reason, "600"])
    focused = browser.run("return document.activeElement.getAttribute('role')")
    checks.equal("the list of faults has the focus", focused, "alert")
    console.inspect("ask-error")
    browser.one("input[name=minutes][value='30']").send_keys(Keys.SPACE)
    browser.type("#workspace", vault.databricks["workspace_id"])
    browser.one("#workspace").send_keys(Keys.ENTER)
    browser.wait("the command", lambda: browser.every("#open"))
    console.inspect("ask-command")
    words = shlex.split(browser.text("#open"))
    checks.equal("the command quotes what was typed", words[-1], reason)
    checks.hold("and has the minutes that were chosen", "30m" in words, words)
    browser.press("main form button")
    browser.wait("the form", lambda: browser.every("#reason"))
    browser.one(".tree a").send_keys(Keys.ENTER)
    browser.wait("the first question", lambda: browser.text(".hint").startswith("Question 1"))
    kept = browser.one("input[name=reason]").get_attribute("value")
    checks.equal("an answer can be given anew and nothing typed is lost", kept, reason)
    opened = vault.does("rio", *words[1:-1], "--no-wait", "--scope", "ws:read",
                        "--scope", "ws:change", words[-1])
    return opened["incident"], opened["phrase"]


def who_is_woken(console):
    """The waves of people, each with the hour it is there."""
    browser, checks = console.browser, console.checks
    waves = browser.every(".waves > li")
    checks.hold("the page says who is woken at once and who later", len(waves) == 3 and
                waves[0].text.startswith("At once") and "find custodians" in waves[-1].text,
                [each.text for each in waves])
    hours = re.findall(r"^(\w+) [0-9]{2}:[0-9]{2} ", browser.text(".waves"), re.M)
    checks.hold("with the hour it is there", {"ada", "ben", "cleo", "dora", "emil"} <= set(hours), hours)
    reasons = [each.text for each in browser.every(".reasons > li")]
    checks.hold("the three reasons and the tree stand beside", len(reasons) == 3 and
                "you are here" in reasons[0] and len(browser.every(".tree > li")) >= 6, reasons)


def alerts_as_stored(console, incident):
    """The table's mails are the outbox's: to as many people, on the clock that stands in the stored text."""
    browser, checks = console.browser, console.checks
    with sqlite3.connect(console.vault.dir / "vault" / "data" / "vault.db", timeout=30) as rows:
        stored = rows.execute("SELECT recipients, body FROM alert WHERE incident = ? AND channel = 'mail' "
                              "AND kind = 'incident.opened' ORDER BY id", (incident,)).fetchall()
    wanted = []
    for recipients, body in stored:
        day, hour, clock = re.search(r"(\S{10}) (\d\d:\d\d) UTC(?: \(([^)]+)\))?", body).groups()
        utc = datetime.datetime.fromisoformat(f"{day}T{hour}+00:00")
        wanted.append((len(json.loads(recipients)), utc, clock))
    shown = re.findall(r"to (\d+) (?:person|people), for ([^\n]+)", browser.run(
        "return [...document.querySelectorAll('[data-fold=alerts] tbody tr')]"
        ".filter((row) => row.textContent.includes('incident opened')).map((row) => row.textContent).join('\\n')"))
    told = []
    for people, zones in shown:
        zone = re.split(r", | and |[✓0-9]|not yet", zones)[0].strip().replace(" ", "_")
        for count, utc, clock in wanted:
            local = utc.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%H:%M %Z")
            if count == int(people) and (clock or "UTC").endswith(local if clock else zone):
                told.append((count, clock))
    checks.hold("each mail of the opening stands once, with its number of readers and its clock",
                len(wanted) > 2 and len(shown) == len(wanted)
                and sorted(told, key=str) == sorted(((n, c) for n, _, c in wanted), key=str), [wanted, shown, told])


def collects(console, incident, phrase):
    """The live page follows what happens without being loaded again."""
    browser, checks, vault = console.browser, console.checks, console.vault
    console.inspect("board-collecting", "/")
    console.inspect("incident-collecting", f"/i/{incident}")
    browser.run("window.untouched = true")
    # Unfolded by keyboard, which leaves the focus in the part that is about to change.
    browser.press("[data-fold=alerts] summary")
    rows = len(browser.every("[data-fold=alerts] tbody tr"))
    checks.hold("the alerts unfold", browser.run("return document.querySelector('[data-fold=alerts]').open"), rows)
    alerts_as_stored(console, incident)
    console.inspect("incident-alerts")
    vault.approves(incident, phrase, ["ada"])
    browser.wait("the share on the page", lambda: "1 of 3 shares in" in browser.text("h1"))
    browser.wait("another alert", lambda: len(browser.every("[data-fold=alerts] tbody tr")) > rows)
    still = browser.run("return [document.querySelector('[data-fold=alerts]').open, document.activeElement.tagName]")
    checks.equal("they stay unfolded, and the focus where it was", still, [True, "SUMMARY"])
    checks.hold("the page was not loaded again", browser.run("return window.untouched === true"))
    said = "return document.getElementById('say').textContent"
    browser.wait("the word to a screen reader", lambda: browser.run(said) == "1 of 3 shares in")
    checks.equal("a screen reader is told", browser.run(said), "1 of 3 shares in")
    browser.scripts(False)
    browser.go(f"/i/{incident}")
    checks.hold("the page is readable without script", "1 of 3 shares in" in browser.text("h1"))
    checks.equal("it refreshes itself without script",
                 len(browser.every("noscript meta[http-equiv=refresh]")), 1)
    browser.scripts(True)
    console.sign_in("ben")
    console.inspect("release", f"/i/{incident}/release")
    bottom = browser.run(
        "return document.querySelector('.actions .button').getBoundingClientRect().bottom")
    checks.hold("the button stands on a phone's first screen", bottom <= 844, bottom)
    console.inspect("refuse", f"/i/{incident}/refuse")
    console.sign_in("ada")
    console.inspect("release-already-in", f"/i/{incident}/release")
    console.inspect("my-share-asked", "/share")
    vault.approves(incident, phrase, ["ben", "cleo"])
    until("the open session", lambda: vault.phase(incident) == "open")


def moves_only_for_who_likes_it(console):
    """What has changed is marked by a movement, unless somebody asked for none."""
    browser, checks = console.browser, console.checks
    for wish, wanted in [("reduce", "none"), ("no-preference", "fresh")]:
        browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": wish}])
        moved = browser.run("""
            const part = document.querySelector('[data-part]');
            part.classList.add('fresh');
            const name = getComputedStyle(part).animationName;
            part.classList.remove('fresh');
            return name""")
        checks.equal(f"movement for who wishes {wish}", moved, wanted)
    browser.look(390, 844, "light")


def works(console, incident):
    """A session with reads, changes and refused calls, watched by the responder."""
    browser, checks, vault = console.browser, console.checks, console.vault
    vault.does("rio", "claim", incident)
    token = vault.token(incident)
    for _ in range(6):
        vault.through(token, "GET", "/api/2.0/clusters/list")
    vault.through(token, "POST", "/api/2.2/jobs/run-now", {"job_id": 1})
    vault.through(token, "POST", "/api/2.2/jobs/create", {"name": "x"})
    vault.through(token, "GET", "/api/2.0/nothing/like/this")
    console.sign_in("rio")
    console.inspect("board-open", "/")
    console.inspect("incident-open", f"/i/{incident}")
    moves_only_for_who_likes_it(console)
    odd = "restarted\u202e job 1"
    browser.run("document.getElementById('text').value = arguments[0]", odd)
    browser.press("#notes button")
    browser.wait("the error", lambda: browser.title().startswith("Error"))
    kept = browser.run("return [document.getElementById('text').value, document.activeElement.getAttribute('role')]")
    checks.equal("a note that cannot be taken loses nothing typed, and the error has the focus", kept, [odd, "alert"])
    checks.hold("it says what happened, whether anything was released, and what to do now",
                all(part in browser.text("#notes .box.bad") for part in
                    ("holds control characters", "Nothing was written or released", "change it and send it again")),
                browser.text("#notes"))
    console.inspect("note-refused")
    browser.type("#text", "restarted job 1")
    browser.press("#notes button")
    browser.wait("the note", lambda: "restarted job 1" in browser.text("#notes blockquote"))
    checks.hold("a note is kept with its author", "rio" in browser.text("#notes blockquote"))
    console.inspect("stop", f"/i/{incident}/stop")
    vault.close(incident)
    until("the review", lambda: vault.phase(incident) == "in_review")


def same_numbers(console):
    """What the pictures show stands in their tables, number by number."""
    counted = console.browser.run("""
        const tables = [...document.querySelectorAll('details table')];
        const columns = (count) => tables.find((t) => t.querySelectorAll('thead th').length === count);
        const sum = (texts) => texts.reduce((all, text) => all + Number(text), 0);
        const [lanes, bars] = document.querySelectorAll('figure');
        return {
          drawn: sum([...bars.querySelectorAll('g title')].map((each) => /[0-9]+$/.exec(each.textContent)[0])),
          written: sum([...columns(6).querySelectorAll('tbody td.number')].map((each) => each.textContent)),
          marks: lanes.querySelectorAll('.mark').length,
          rows: columns(3).querySelectorAll('tbody tr').length,
        };""")
    console.checks.hold("bars and their table have the same number of calls",
                        counted["drawn"] == counted["written"] == 9, counted)
    console.checks.hold("every mark of the timeline has its row", counted["rows"] == counted["marks"] >= 8, counted)


def reviews(console, incident):
    """tess answers, downloads and signs with the command the page gives her."""
    browser, checks, vault = console.browser, console.checks, console.vault
    console.sign_in("ada")
    browser.go(f"/reviews/{incident}")
    checks.hold("a participant cannot sign", "You took part" in browser.text("#sign"))
    console.sign_in("tess")
    console.inspect("board-review-due", "/")
    console.inspect("review", f"/reviews/{incident}")
    marks = len(browser.every("svg .mark"))
    checks.hold("the picture has marks", marks >= 8, marks)
    same_numbers(console)
    pictures.readable(console)
    pictures.writes(console, incident)
    fields = browser.every("#questions textarea")
    checks.hold("refused calls want an answer", len(fields) >= 6, len(fields))
    for field in fields:
        field.send_keys("looked at; within what was asked")
    browser.press("#questions button")
    browser.wait("all answers", lambda: browser.every("#sign pre#sign, #sign #sign"))
    console.inspect("review-to-sign")
    link = browser.one("#sign a[download]").get_attribute("href")
    answers = fetched(vault, "tess", urllib.parse.urlsplit(link).path)
    checks.equal("the file has every answer", len(tomllib.loads(answers)), len(fields))
    file = vault.folder / f"{incident}-answers.toml"
    file.write_text(answers)
    words = shlex.split(browser.run(
        "return [...document.querySelectorAll('#sign pre code')]"
        ".map((e) => e.textContent).find((t) => t.includes('review sign'))"))
    at = words.index("--answers") + 1
    words[at] = str(file)
    vault.does("tess", *words[1:], "--yes")
    checks.equal("the review is signed", vault.phase(incident), "reviewed")
    console.inspect("review-signed", f"/reviews/{incident}")
    console.inspect("incidents", "/incidents")
    console.inspect("incident-over", f"/i/{incident}")
    table = fetched(vault, "tess", "/incidents.csv").splitlines()
    checks.hold("the CSV has the incident", table[1].startswith(f"{incident},reviewed,"), table)


def fetched(vault, name, path):
    """A file of the console, as a browser with somebody's cookie gets it."""
    connection = http.client.HTTPConnection(vault.console, timeout=120)
    connection.request("GET", path, headers={"Cookie": f"{COOKIE}={vault.login_token(name)}"})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    assert reply.status == 200, (reply.status, text[:500])
    return text


def looks_into_the_log(console, incident):
    """Search, one entry with its proof, and a checkpoint that was kept."""
    browser, checks, vault = console.browser, console.checks, console.vault
    browser.go("/log")
    browser.type("#kind", "share.accept")
    browser.type("#incident", incident)
    browser.one("#incident").send_keys(Keys.ENTER)
    browser.wait("the search", lambda: "kind=share.accept" in browser.driver.current_url)
    checks.equal("three shares are found", len(browser.every("tbody tr")), 3)
    console.inspect("log-search")
    folds(console)
    browser.one("tbody th a").send_keys(Keys.ENTER)
    browser.wait("the entry", lambda: browser.text("h1").startswith("Entry"))
    checks.hold("its proof holds", "✓ The proof leads" in browser.text())
    console.inspect("log-entry")
    note = fetched(vault, "tess", "/api/v1/log/checkpoint")
    for name, pasted, wanted in [
        ("log-compare-good", note, "is the beginning of today's"),
        ("log-compare-bad", note.replace("\n", "\n", 1)[:-6] + "AAAA=\n", "no checkpoint of this log"),
    ]:
        browser.go("/log")
        browser.run("document.getElementById('note').value = arguments[0]", pasted)
        browser.press("#compare button")
        browser.wait("the outcome", lambda: wanted in browser.text("#compare"))
        console.inspect(name)


def drills(console):
    """Every page of a drill, as each of its people sees it, says that it is none of the real ones."""
    browser, checks, vault = console.browser, console.checks, console.vault
    asked = vault.does("rio", "drill", "the quarterly drill", "--no-wait")
    incident = asked["incident"]

    def marked(name, path):
        console.inspect(f"drill-{name}", path)
        checks.hold(f"drill: {name} is marked", "DRILL" in browser.text().upper(), browser.text()[:300])

    console.sign_in("rio")
    marked("board-responder", "/")
    marked("incident-asked", f"/i/{incident}")
    console.sign_in("ben")
    marked("board", "/")
    marked("release", f"/i/{incident}/release")
    marked("refuse", f"/i/{incident}/refuse")
    marked("my-share", "/share")
    vault.approves(incident, asked["phrase"])
    until("the drill's session", lambda: vault.phase(incident) == "open")
    console.sign_in("rio")
    marked("incident-open", f"/i/{incident}")
    marked("board-open", "/")
    marked("stop", f"/i/{incident}/stop")
    vault.does("rio", "claim", incident)
    vault.close(incident)
    until("its review", lambda: vault.phase(incident) == "in_review")
    console.sign_in("tess")
    marked("review", f"/reviews/{incident}")
    marked("incidents", "/incidents")


def epoch_steps(console):
    """The stepper of an epoch that has been dealt, from its first proof to its last; then the next one is asked for."""
    browser, checks, vault = console.browser, console.checks, console.vault
    console.sign_in("otto")

    def steps():
        browser.go("/custodians")
        now = browser.every(".steps > li[aria-current=step]")
        return [each.text for each in browser.every(".steps > li")], [each.text for each in now]

    shown, now = steps()
    checks.hold("an epoch just dealt: nobody has proved, the shares before it are kept",
                len(shown) == 5 and shown[0].startswith("✓ done Epoch 2 is dealt") and len(now) == 1
                and now[0].startswith("now 0 of 5") and "ada, ben, cleo, dora, emil" in now[0]
                and shown[2].startswith("later Ready") and shown[3].startswith("later The shares of epoch 1")
                and "They are kept" in shown[3] and shown[4].startswith("later Epoch 3"), shown)
    for name in ("ada", "ben"):
        vault.does(name, "prove", "--yes")
    _, now = steps()
    checks.hold("two have proved: who has not is named", len(now) == 1 and now[0].startswith("now 2 of 5")
                and "Not yet: cleo, dora, emil." in now[0], now)
    console.inspect("epoch-steps")
    for name in ("cleo", "dora", "emil"):
        vault.does(name, "prove", "--yes")
    browser.wait("the shares before it to be erased", lambda: steps()[0][3].startswith("✓ done"))
    shown, now = steps()
    checks.hold("all have proved: ready, and nothing is under way",
                not now and all(each.startswith("✓ done") for each in shown[:4]), shown)
    asked = vault.does("emil", "open", "--purpose", "rotate", "--no-wait", "a rehearsal")["incident"]
    _, now = steps()
    checks.hold("the next epoch is asked for: its step names the incident",
                len(now) == 1 and now[0].startswith("now Epoch 3 follows") and asked in now[0], now)
    vault.does("emil", "withdraw", asked)
    shown, now = steps()
    checks.hold("taken back, it rests", not now and "Nothing asks for it now" in shown[-1], shown)


def signs_out(console):
    """After signing out the cookie is gone and the login is over."""
    browser, checks = console.browser, console.checks
    browser.go("/")
    browser.press("footer button")
    browser.wait("the sign-in page", lambda: browser.path() == "/sign-in")
    cookies = [c["name"] for c in browser.cdp("Network.getAllCookies")["cookies"]]
    checks.equal("no cookie stays", cookies, [])
    browser.go("/log")
    checks.equal("the login is over", browser.path(), "/sign-in")


def main():
    given = arguments(__doc__, more)
    checks = Checks()
    with Vault(given.binary, given.keep, store=given.store) as vault:
        console = Console(vault, checks, given)
        with console.browser as browser:
            signs_in_by_code(console)
            quiet_pages(console)
            incident, phrase = asks(console)
            collects(console, incident, phrase)
            works(console, incident)
            reviews(console, incident)
            looks_into_the_log(console, incident)
            drills(console)
            epoch_steps(console)
            checks.equal("nothing is kept where a script could read it", browser.kept(), [0, 0, 0])
            checks.equal("no request left the origin", browser.strangers(), [])
            checks.equal("no policy was violated", browser.violations(), [])
            signs_out(console)
    checks.finish()


if __name__ == "__main__":
    main()
