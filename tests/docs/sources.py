"""What the generated pages of messages are made from: the texts in the product's C sources, the tables beside them, and the frame of both programs."""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONVERSION = r"(?<!%)%[-+ #0-9.*]*(?:ll|l|z|h)*[a-zA-Z]"


def literal(text):
    """A C string literal's text; `%%` stays."""
    return text.replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\")


def without_comments(text):
    """C without its comments; strings stay as they are."""
    kept = re.compile(r'("(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\')|/\*.*?\*/|//[^\n]*', re.S)
    return kept.sub(lambda found: found[1] or " ", text)


def worker_sources():
    """(name below worker/, text without comments and preprocessor lines) of every source."""
    for file in sorted(glob.glob(os.path.join(ROOT, "worker", "**", "*.c"), recursive=True)):
        with open(file, encoding="utf-8") as source:
            yield os.path.relpath(file, os.path.join(ROOT, "worker")), re.sub(r"^#.*$", "", without_comments(source.read()), flags=re.M)


def arguments(text, at):
    """The arguments of the call whose parenthesis is at `at`, as texts."""
    depth, start, found = 0, at + 1, []
    while True:
        char = text[at]
        if char in "\"'":
            end = at + 1
            while text[end] != char:
                end += 2 if text[end] == "\\" else 1
            at = end
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return found + [text[start:at]]
        elif char == "," and depth == 1:
            found.append(text[start:at])
            start = at + 1
        at += 1


def texts(argument):
    """The strings that an argument may be: adjacent literals are one, of a conditional each."""
    joined = re.findall(r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*', argument)
    return [literal("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', one))) for one in joined]


def shown(text):
    """A format as a reader sees it: what varies is a dot dot dot."""
    return re.sub(CONVERSION, "…", text).replace("%%", "%").replace("|", "\\|").replace("<", "&lt;").strip()


def read_table(name):
    """{first column: (second, third)} of tests/docs/NAME."""
    rows = {}
    with open(os.path.join(ROOT, "tests", "docs", name), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                first, second, third = (line.rstrip("\n").split("\t") + ["", ""])[:3]
                rows[first] = (second, third)
    return rows


def main(program, made, wrong, silent, count):
    """The options that tests/docs/errors and tests/docs/log have in common; `silent`: what no test speaks of."""
    page = os.path.join(ROOT, "docs", os.path.basename(program) + ".md")
    if sys.argv[1:] == ["--unprovoked"]:
        print("\n".join(silent), end="\n" if silent else "")
        return
    if sys.argv[1:] == ["--write"]:
        with open(page, "w", encoding="utf-8") as out:
            out.write(made)
    elif not os.path.exists(page) or open(page, encoding="utf-8").read() != made:
        wrong.append(f"{os.path.relpath(page, ROOT)} is not what the sources say: {program} --write")
    wrong += [f"no test provokes it: {one}" for one in silent]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{os.path.relpath(page, ROOT)}: {count}; a test provokes each")
