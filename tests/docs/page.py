#!/usr/bin/env python3
"""The command blocks of a page of docs/, run for real or printed.

    page.py run PAGE [--show] [--mark WORD=COMMAND]... [--replace "TEXT=>OTHER"]... [--from HEADING] [--set OPTIONS] [--limit SECONDS]
                                             in the current folder; exit 0 when all is as the page says
    page.py blocks PAGE HEADING              prints the commands of one section, for a scenario that runs them itself

Fences, by their first line:

    ```sh            commands for bash, run with -euo pipefail (--set); all of a page are one session
    ```sh WORD       cannot be run here as it stands: COMMAND of --mark gets the block on stdin and judges it; without one the page is refused
    ```text          what the block before it prints, stdout and stderr; `...` stands for anything in a line, alone in a line for any lines
    ```text like     the same in part: each of its lines in this order, others may stand between; numbers, KSUIDs and blanks may differ
    ```json FILE     a file (also ```ini): written before the commands that follow it, with what --replace says put in its place
    ```json          (and others without a file) an excerpt, only read

--replace puts one text in the place of another, in what is run and in what is shown.  --from begins at the heading that begins so.  Links to files of
the tree must lead somewhere, to a heading as well where they name one.
"""
import argparse
import os
import re
import signal
import subprocess
import sys

FENCE = re.compile(r"^```(\w+)(?: (\S+))?$")


def blocks_of(page):
    """(line number, heading, language, word, text) of each fenced block."""
    found, heading, block = [], "", None
    with open(page, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if block:
                if line.rstrip("\n") == "```":
                    found.append((*block[:4], "".join(block[4])))
                    block = None
                else:
                    block[4].append(line)
            elif line.startswith("#"):
                heading = line.lstrip("#").strip()
            elif line.startswith("```"):
                fence = FENCE.match(line.rstrip("\n"))
                if not fence:
                    sys.exit(f"{page}:{number}: a fence that this does not know: {line.strip()}")
                block = [number, heading, fence[1], fence[2], []]
    if block:
        sys.exit(f"{page}:{block[0]}: the block does not end")
    return found


def dead_links(page):
    """Links of the page to a file, or a heading of one, that is not there."""
    with open(page, encoding="utf-8") as text:
        links = re.findall(r"\]\(([^):]+)\)", text.read())
    for link in links:
        name, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page), name)) if name else page
        if not os.path.exists(target):
            yield link
        elif anchor:
            with open(target, encoding="utf-8") as lines:
                # As GitHub makes them: small letters, no punctuation, dashes for spaces.
                anchors = [re.sub(r"[^\w -]", "", line.lstrip("#").strip().lower()).replace(" ", "-") for line in lines if line.startswith("#")]
            if anchor not in anchors:
                yield link


def matches(shown, seen):
    """Whether the lines that were seen are those that the page shows."""
    if not shown:
        return not seen
    if shown[0].strip() == "...":
        return any(matches(shown[1:], seen[skip:]) for skip in range(len(seen) + 1))
    pattern = ".*".join(re.escape(part) for part in shown[0].split("..."))
    return bool(seen) and re.fullmatch(pattern, seen[0].rstrip()) is not None and matches(shown[1:], seen[1:])


def plain(line):
    """A line without what differs from run to run."""
    line = re.sub(r"\b[0-9A-Za-z]{27}\b", "KSUID", line)
    return re.sub(r"\s+", " ", re.sub(r"[0-9][0-9,.]*", "#", line)).strip()


def is_like(shown, seen):
    """Whether the lines that the page shows are among those that were seen, in this order."""
    have = iter([plain(line) for line in seen])
    return all(any(plain(line) == other for other in have) for line in shown if plain(line))


def replaced(text, pairs):
    for pair in pairs:
        before, after = pair.split("=>", 1)
        text = text.replace(before, after)
    return text


def script_of(options, found, pairs):
    """One bash script; what each block prints comes after a line of \\x01 and the block's index."""
    script = [f"set {options}\ntrap 'printf \"\\001exit %d\\n\" $?' EXIT\n"]
    for index, (_, _, language, word, text) in enumerate(found):
        if language == "sh" and not word:
            script.append(f"printf '\\001{index}\\n'\n{replaced(text, pairs)}")
        elif language in ("json", "ini") and word:
            name = os.path.expanduser(word)
            script.append(f"cat >'{name}' <<'END OF FILE'\n{replaced(text, pairs)}END OF FILE\n")
    return "".join(script)


def run_script(script, limit_s):
    """Status, the last block that was begun, and what each printed.  What the script started and left is ended with it."""
    with subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True, text=True, errors="replace") as bash:
        def too_long(_signal, _frame):
            os.killpg(bash.pid, signal.SIGKILL)
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(limit_s)
        out, reached, said, status = {}, None, [], 1
        for line in bash.stdout:
            before, mark, after = line.rstrip("\n").partition("\x01")
            if before or not mark:
                said.append(before)
            if mark and after.startswith("exit "):
                status = int(after[5:])
                break  # a worker that was left behind still holds the pipe
            if mark:
                reached = after
                said = out.setdefault(reached, [])
        signal.alarm(0)
        try:
            os.killpg(bash.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return status, reached, out


def run(given, marks):
    page, pairs, show = given.page, given.replace, given.show
    found = blocks_of(page)
    while given.start and found and not found[0][1].startswith(given.start):
        found.pop(0)
    failed = commands = compared = judged = 0
    for link in dead_links(page):
        print(f"{page}: the link {link} leads nowhere")
        failed += 1
    status, reached, out = run_script(script_of(given.set, found, pairs), given.limit)
    for index, (line, _, language, word, text) in enumerate(found):
        where = f"{page}:{line}"
        if language == "sh" and word:
            if word not in marks:
                print(f"{where}: nobody judges blocks of \"{word}\"")
                failed += 1
                continue
            judge = subprocess.run(["bash", "-c", marks[word]], input=text, text=True, capture_output=True, check=False)
            judged += 1
            if judge.returncode:
                print(f"{where}: {judge.stdout}{judge.stderr}")
                failed += 1
        elif language == "sh":
            seen = out.get(str(index))
            if seen is None:
                continue  # a block before it failed
            commands += 1
            if show:
                print(f"{where}\n{text}----\n" + "".join(f"{one}\n" for one in seen))
            if status and reached == str(index):
                print(f"{where}: ended with {status}:\n" + "\n".join(f"    {one}" for one in seen))
                failed += 1
                continue
            after = found[index + 1] if index + 1 < len(found) else None
            if after and after[2] == "text":
                compared += 1
                shown = replaced(after[4], pairs)
                if not (is_like if after[3] == "like" else matches)(shown.splitlines(), seen):
                    print(f"{page}:{after[0]}: what is shown and what was seen:")
                    print(shown + "----\n" + "\n".join(seen))
                    failed += 1
    if status and not failed:
        print(f"{page}: ended with {status}, after block {reached}")
        failed += 1
    print(f"{page}: {commands} blocks run, {compared} outputs compared, {judged} judged otherwise, {failed} failed")
    return failed == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["run", "blocks"])
    parser.add_argument("page")
    parser.add_argument("heading", nargs="?")
    parser.add_argument("--show", action="store_true", help="also what each block printed")
    parser.add_argument("--mark", action="append", default=[])
    parser.add_argument("--replace", action="append", default=[])
    parser.add_argument("--from", dest="start", default="")
    parser.add_argument("--set", default="-euo pipefail")
    parser.add_argument("--limit", type=int, default=120)
    given = parser.parse_args()
    if given.what == "run":
        sys.exit(0 if run(given, dict(mark.split("=", 1) for mark in given.mark)) else 1)
    section = [block[4] for block in blocks_of(given.page) if block[1] == given.heading and block[2] == "sh" and not block[3]]
    if not section:
        sys.exit(f"{given.page} has no commands below \"{given.heading}\"")
    print("".join(section), end="")


main()
