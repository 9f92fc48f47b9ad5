"""Looks at the status page for tests/page/run: look.py URL FOLDER.

Reads the name of a step (a function below) and its arguments from stdin, a line each; answers `well`, or what is wrong.  `end` ends.
"""

import json
import re
import sys
import time
import traceback
import urllib.request

from browser import Browser, Failed

LANDMARKS = [("banner", ""), ("main", ""), ("contentinfo", ""), ("region", "The last five minutes"), ("region", "Shards"),
             ("region", "Partitions"), ("region", "Dead letters")]
HEADERS = ["Shard", "State", "Rows/s", "Parked", "Replay", "Partition", "Committed", "Frontier", "Log end", "Lag", "Oldest event that waits",
           "Reason", "Meaning", "Last 5 min", "Since start"]

# The texts that are visible and whose contrast with what is behind them is too low for WCAG's level AA.
LOW_CONTRAST = """(() => {
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const behind = one => {
        for (; one; one = one.parentElement) {
            const color = parts(getComputedStyle(one).backgroundColor);
            if (color.length < 4 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    const low = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    while (texts.nextNode()) {
        const one = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !one.checkVisibility() || one.closest('script, noscript')) continue;
        const [a, b] = [light(parts(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
        const ratio = (a + .05) / (b + .05);
        seen++;
        if (ratio < 4.5) low.push(ratio.toFixed(2) + ': ' + texts.currentNode.data.trim());
    }
    return seen > 30 ? low : ['only ' + seen + ' texts are visible'];
})()"""

url, folder = sys.argv[1:]
browser = page = None


def check(well, *what):
    if not well:
        raise Failed(" ".join(str(one) for one in what))


def same(have, want, what):
    check(have == want, what, "is", json.dumps(have), "and not", json.dumps(want))


def status():
    with urllib.request.urlopen(url + "status", timeout=10) as answer:
        return json.load(answer)


def table(of, name):
    return of.run(f"[...document.querySelectorAll('#{name} tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))")


def quiet(of):
    check(not of.said, "the browser complains:", *of.said)


def new_page(width=1200, height=900, scale=1, scheme="light", phone=False):
    one = browser.page()
    one.size(width, height, scale, phone)
    one.scheme(scheme)
    return one


def agrees(of, seconds=20):
    """The tables say what /status says, as soon as nothing moves."""
    end = time.monotonic() + seconds
    while True:
        try:
            compare(of, status())
            return
        except Failed:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def compare(of, now):
    rows = table(of, "partitions")
    same([row[:6] for row in rows], [[f"{p['topic']}/{p['partition']}", p["state"], str(p["committed"]), str(p["frontier"]), str(p["end"]),
                                      f"{p['lag']:,}"] for p in now["partitions"]], "the table of partitions")
    same([row[6] for row in rows], ["nothing waits"] * len(rows), "what waits")
    shards = table(of, "shards")
    same([row[0] for row in shards], [s["name"] for s in now["shards"]], "the shards")
    for row, shard in zip(shards, now["shards"]):
        check(row[1].startswith(f"{shard['state']} for "), shard["name"], "is", row[1])
        check((shard["why"] or "") in row[1], shard["name"], "does not say why:", row[1], shard["why"])
        ranges = len(shard["parked"])
        check(row[3].startswith("nothing") if ranges == 0 else f"in {ranges} range" in row[3], shard["name"], "has parked", row[3])
        for one in shard["parked"]:
            check(f"{one['topic']}/{one['partition']} from {one['from']} " in row[3], "no range", one, "in", row[3])
    letters = table(of, "letters")
    same({row[0]: row[3] for row in letters}, {reason: f"{count:,}" for reason, count in now["dead_letters"].items()}, "the dead letters")


def fits():
    """Light and dark, wide and narrow: readable, and nothing sticks out."""
    for scheme in "light", "dark":
        for width in 1200, 390, 320:
            one = new_page(width, 844, scheme=scheme, phone=width < 500)
            one.open(url)
            same(one.run(LOW_CONTRAST), [], f"low contrast, {scheme} at {width}")
            check(one.run("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than", width)
            dark = one.run("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).every(c => c < 64)")
            same(dark, scheme == "dark", "whether the page is dark")
            quiet(one)
            one.close()


# ---- the steps ----


def healthy():
    global page
    page = new_page()
    page.open(url)
    same(page.run("document.getElementById('headline').textContent"), "All is well: 2 shards take rows from 4 partitions.", "the headline")
    same(page.run("document.getElementById('headline').className"), "fine", "its mood")
    agrees(page)
    check(page.run("document.querySelector('#about b').textContent") == status()["group"] and page.run("document.querySelectorAll('b').length") == 1,
          "the group's name is not text")
    check(page.run("document.title.startsWith(%s)" % json.dumps(status()["group"])), "the title is", page.run("document.title"))
    check(len(table(page, "letters")) > 2, "there are few dead letters:", table(page, "letters"))
    check(page.run("document.querySelector('.plot .line').getAttribute('d').length > 5 && document.querySelectorAll('.plot').length === 3"), "no plot")
    check(page.run("(m => 1e6 < m.value && m.value < m.max)(document.querySelector('meter'))"), "memory is not below its ceiling")
    names = page.names()
    missing = [one for one in LANDMARKS if one not in names] + [one for one in HEADERS if ("columnheader", one) not in names]
    missing += [one for one in ("s0", "s1", status()["partitions"][0]["topic"] + "/0") if ("rowheader", one) not in names]
    same(missing, [], "missing for screen readers")
    same(sum(role == "table" and name != "" for role, name in names), 3, "tables with captions")
    same([name for role, name in names if role in ("image", "img", "meter", "button") and not name], [], "things without a name")
    fits()
    quiet(page)


def follows():
    """The page that is open says what has come since, without being loaded again; and reads nothing out, for no state has changed."""
    page.run("""window.marker = 1, window.told = 0, window.then = document.querySelector('time').textContent,
        document.querySelector('details').open = true, document.querySelector('summary').focus(),
        new MutationObserver(() => told++).observe(document.getElementById('headline'), { childList: true, characterData: true, subtree: true }), 0""")
    total = sum(p["end"] for p in status()["partitions"])
    page.wait(f"[...document.querySelectorAll('#partitions tr td:nth-child(5)')].reduce((sum, cell) => sum + Number(cell.textContent), 0) >= {total}")
    page.wait("[...document.querySelectorAll('#partitions tr td:nth-child(6)')].every(cell => cell.textContent === '0')")
    page.wait("document.querySelector('time').textContent !== then")
    agrees(page)
    check(page.run("window.marker === 1"), "the page was loaded again")
    check(page.run("document.querySelector('details').open && document.activeElement === document.querySelector('summary')"), "what was open or had the focus has lost it")
    same(page.run("told"), 0, "changes that are read out")
    quiet(page)


def keyboard():
    page.run("document.activeElement.blur(), window.asked = 0, window.real = window.fetch, window.fetch = (...all) => (asked++, real(...all)), 0")
    for _ in range(10):
        page.key("Tab", 9)
        if page.run("document.activeElement.id") == "pause":
            break
    same(page.run("document.activeElement.id"), "pause", "what Tab comes to")
    check(page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus is not to be seen")
    page.wait("asked > 0")
    page.key("Enter", 13, "\r")
    same(page.run("document.activeElement.getAttribute('aria-pressed')"), "true", "the pressed state of Pause")
    page.wait("document.activeElement === document.getElementById('pause')")
    asked = page.run("new Promise(done => setTimeout(() => { asked = 0; setTimeout(() => done(asked), 3000) }, 500))")
    same(asked, 0, "how often a paused page asks")
    page.key("Enter", 13, "\r")
    page.wait("asked > 0")
    quiet(page)


def without_scripts():
    one = new_page()
    one.scripts(False)
    one.open(url)
    agrees(one)
    check(one.run("document.getElementById('pause').checkVisibility()") is False, "there is a button that does nothing")
    check(("StaticText", "Without JavaScript this page stays as it is: reload it to see what is new.") in one.names(), "it does not say that it stays")
    check(one.run("document.querySelector('.plot .line').getBoundingClientRect().width > 0"), "no plot")
    quiet(one)
    one.close()


def policy():
    """The policy is in force: what somebody would put into the page does not run, and the browser says so (which other steps rely on)."""
    one = new_page()
    one.open(url)
    for what, code in (("script", "const s = document.createElement('script'); s.textContent = 'window.evil = 1'"),
                       ("style", "const s = document.createElement('style'); s.textContent = 'body { visibility: hidden }'"),
                       ("image", "const s = new Image(); s.src = 'http://127.0.0.1:9/x'"),
                       ("handler", "const s = document.createElement('p'); s.setAttribute('onclick', 'window.evil = 1')")):
        before = len(one.said)
        one.run(f"(() => {{ {code}; document.body.append(s); s.click(); }})()")
        one.run("new Promise(done => setTimeout(done, 100))")
        check(len(one.said) > before, "the browser says nothing of a", what)
    check(one.run("window.evil === undefined && getComputedStyle(document.body).visibility === 'visible'"), "it ran")
    one.close()


def parked(name):
    page.wait("document.getElementById('headline').className === 'bad'")
    same(page.run("document.getElementById('headline').textContent"), f"{name} is parked: its events wait in the log. The other takes rows. ", "the headline")
    page.wait("[...document.querySelectorAll('#partitions tr td:nth-child(6)')].every(cell => cell.textContent === '0')")
    agrees(page)
    fits()
    quiet(page)


def pictures(light, dark):
    one = new_page()
    one.open(url)
    one.picture(light, 1437)
    one.close()
    one = new_page(390, 844, scale=1.5, scheme="dark", phone=True)
    one.open(url)
    one.picture(dark, 1045)
    one.close()


def replaying(name):
    """What the shard has still to be given, as a progress that moves, while the page that is open follows."""
    bar = f"document.querySelector('#shards progress[aria-label=\"Replay of {name}\"]')"
    page.wait(bar + " !== null")
    row = next(row for row in table(page, "shards") if row[0] == name)
    check(row[1].startswith("replay for "), name, "is", row[1])
    check(re.fullmatch(r"[1-9][\d,]* offsets left(, .+)?", row[4]), name, "has in its column of replays", row[4])
    check(("progressbar", f"Replay of {name}") in page.names() or ("ProgressIndicator", f"Replay of {name}") in page.names(), "screen readers are not told of the replay")
    same([row[4] for row in table(page, "shards") if row[0] != name], ["none"], "the replay of the other")
    page.run(f"window.first = {bar}.value, 0")
    page.wait(f"(bar => bar && first < bar.value && bar.value <= bar.max)({bar})")
    quiet(page)


def healed():
    page.wait("document.getElementById('headline').className === 'fine'")
    check(page.run("told > 0 && window.marker === 1"), "the change was not read out, or the page was loaded again")
    agrees(page)
    quiet(page)


def gone():
    page.wait("document.getElementById('contact').textContent.startsWith('The worker does not answer')")
    check(page.run("document.documentElement.classList.contains('stale')"), "it looks as if it were of now")
    same(len(table(page, "shards")), 2, "shards of the last words")


STEPS = {step.__name__.replace("_", "-"): step
         for step in (healthy, follows, keyboard, without_scripts, policy, parked, pictures, replaying, healed, gone)}

with Browser(folder) as browser:
    for line in sys.stdin:
        step, *arguments = line.split()
        if step == "end":
            break
        try:
            STEPS[step](*arguments)
            print("well", flush=True)
        except (Failed, OSError) as wrong:
            traceback.print_exc()
            print(" ".join(str(wrong).split()), flush=True)
print("well")
