"""Pictures against what they picture: the table beside them, and the log. Must not know: who looks.
"""

# Per row of the readiness grid what is drawn, and what the table beside it says.
GRID = """
  const svg = document.querySelector('figure svg');
  const marks = [...svg.querySelectorAll('.mark')], letters = [...svg.querySelectorAll('.letter')];
  const lines = new Map();
  marks.forEach((mark, place) => {
    const top = mark.getAttribute('y');
    lines.set(top, (lines.get(top) ?? '') + letters[place].textContent);
  });
  const names = [...svg.querySelectorAll('text:not(.letter)')].map((each) => each.textContent)
    .filter((text) => /^[0-9]+ [a-z]/.test(text));
  const table = document.querySelector('figure ~ .scroll table, figure ~ table');
  const rows = [...table.querySelectorAll('tbody tr')].map((row) => {
    const cell = (proved) => (proved ? '✓' : '–');
    const unlockers = [...row.querySelectorAll('li')].map((each) => cell(!/never/i.test(each.textContent)));
    return [row.querySelector('td').textContent + ' ' + row.querySelector('th').textContent,
      cell(!row.querySelector('.badge.warn')) + unlockers.join('')];
  });
  return [names.map((name, place) => [name, [...lines.values()][place]]), rows];
"""

MARKS = """
  const [lanes, bars] = document.querySelectorAll('figure > .scroll svg');
  const count = (svg, css) => svg.querySelectorAll(css).length;
  return {
    marks: count(lanes, '.mark'), letters: count(lanes, '.letter'),
    pieces: count(bars, 'g rect'), named: count(bars, '.letter'),
    axes: [lanes, bars].filter((svg) => [...svg.querySelectorAll('text')].some((t) => t.textContent === 'UTC')).length,
    shown: [...document.querySelectorAll('figure figcaption')].every((each) => each.textContent.trim() !== ''),
  };
"""


def readiness(console):
    """The grid of who has proved, and its table."""
    drawn, written = console.browser.run(GRID)
    console.checks.equal("the readiness grid says what its table says, custodian by custodian", drawn, written)
    console.checks.hold("and has five custodians", len(drawn) == 5, drawn)


def readable(console):
    """No mark is told by its colour alone; axes say which clock."""
    seen = console.browser.run(MARKS)
    console.checks.hold("every mark of the timeline has its letter", seen["marks"] == seen["letters"] > 0, seen)
    console.checks.hold("every piece of a bar has its letter", seen["pieces"] == seen["named"] > 0, seen)
    console.checks.hold("both axes say UTC, and both pictures have their key", seen["axes"] == 2 and seen["shown"], seen)


def writes(console, incident):
    """The table of writes has those of the log, no more and no fewer."""
    _, entries = console.vault.exported()
    begun = [entry for entry in entries if entry["t"] == "call.begin" and entry["inc"] == incident]
    logged = sorted(entry["seq"] for entry in begun if entry["cls"] not in ("read", "egress"))
    shown = console.browser.run("""
        const heading = [...document.querySelectorAll('h2')].find((h) => /changed something/.test(h.textContent));
        const links = heading.nextElementSibling.querySelectorAll("td a[href^='/log/']");
        return [...links].map((a) => Number(a.getAttribute('href').slice(5))).sort((a, b) => a - b)""")
    console.checks.equal("the table of writes is the log's", shown, logged)
    console.checks.hold("of which there are some", logged, [entry["cls"] for entry in begun])
