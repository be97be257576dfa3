"""The page that reads a paper's text while it is typed: marks, places, and nothing sent.
Must not know: what a share is for.
"""

import json
import pathlib

from children import until
from selenium.webdriver.common.by import By

VECTOR = pathlib.Path(__file__).parent.parent / "vectors/sealed/share_text.json"
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def spoiled(text, *places):
    """Another letter at each of these places, counted from 1."""
    letters = list(text)
    for place in places:
        letters[place - 1] = ALPHABET[(ALPHABET.index(letters[place - 1]) + 7) % 32]
    return "".join(letters)


def marks(browser):
    """The groups that are marked as wrong, and how many read well."""
    groups = browser.driver.find_elements(By.CSS_SELECTOR, "#groups li")
    words = [group.text.replace("\n", " ") for group in groups]
    wrong = [at for at, said in enumerate(words, 1) if "looks wrong" in said]
    return wrong, sum("reads well" in said for said in words)


def types(browser, text, sentence):
    """Replaces what stands in the field; what the page then says."""
    browser.driver.execute_script("const field = document.getElementById('typed'); field.focus(); field.select()")
    browser.cdp("Input.insertText", text=text)
    said = browser.driver.find_element(By.ID, "said")
    until(f"the page says {sentence!r}", lambda: sentence in said.text)
    return said.text


def reads(checks, browser, page, looks):
    """A tired person at the sheet."""
    text = json.loads(VECTOR.read_text())["text"]
    browser.traffic()
    browser.open(f"{page}paper.html")
    groups = [text[at:at + 4] for at in range(0, len(text), 4)]
    said = types(browser, " ".join(groups[:9]), "36 of 78")
    checks.equal("half a sheet: groups are marked, none is wrong", marks(browser), ([], 0))
    said = types(browser, spoiled(text, 13, 41), "Characters 13 and 41 look wrong (groups 4 and 11).")
    checks.equal("two wrong characters are shown where they stand", marks(browser)[0], [4, 11])
    checks.hold("and nothing was sent", "Nothing was sent." in said, said)
    looks.inspect(browser, "custodian-paper-wrong")
    said = types(browser, " ".join(groups).upper(), "The text is whole")
    checks.equal("the whole sheet reads well", marks(browser), ([], 20))
    checks.hold("with the command that opens the share", "breakglass approve INC-… --paper" in said, said)
    looks.inspect(browser, "custodian-paper-whole")
    asked = {url.rsplit("/", 1)[1] for _, url, _, _ in browser.traffic()}
    checks.equal("the page asks for its own files and nothing else",
                 asked - {"favicon.ico"}, {"paper.html", "paper.js", "paper.css", "custodian.css"})
    stored = browser.driver.execute_script("return JSON.stringify([{...localStorage}, {...sessionStorage}])")
    checks.hold("and keeps nothing in the browser", text[4:12] not in stored, stored)
