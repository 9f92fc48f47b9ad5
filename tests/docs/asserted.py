"""What the tests assert: the texts that test code compares with what the program says, in C and in shell.

A comment, what a test says itself (say, fail, echo, print_message) and what is only put in do not count.  In C these are the strings in calls of cmocka's
assertions and of helpers that assert, and those in tables; in shell the words of commands that compare (grep, [[, diff) and of functions that do so or
fail, such as `expect`.
"""
import functools
import glob
import os
import re

import sources

SAYS = {"fail", "fail_msg", "die", "say", "skip", "skip_test", "echo", "printf", "print_message", "clean", "cleanup", "usage",
        "wait_for"} # what that runs counts, not what it says when it does not come
COMPARES = {"grep", "[", "[[", "test", "diff", "cmp"}
KEYWORDS = {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "}", "time", "fi", "done", "local"}


def closure(names, bodies):
    """`names` and the functions whose body calls one of them, or one that does."""
    names, grown = set(names), True
    while grown:
        more = {name for name, body in bodies.items() if name not in names and name not in SAYS
                and any(word in names for word in body)}
        names, grown = names | more, bool(more)
    return names


# ---- C ----

def c_bodies(text):
    """{function or macro: the names that it calls}"""
    bodies = {}
    for name, body in re.findall(r"^[a-z_][\w \t*]*?\b(\w+)\([^;{}]*?\)\s*\n\{(.*?)^\}", text, flags=re.M | re.S) + \
            re.findall(r"^#\s*define\s+(\w+)\([^)]*\)((?:[^\n]*\\\n)*[^\n]*)", text, flags=re.M):
        bodies.setdefault(name, set()).update(re.findall(r"\b(\w+)\s*\(", body))
    return bodies


def c_said(parts):
    for part in parts:
        yield from sources.texts(part)
        for name in re.findall(r"\bMR_REASON_([A-Z0-9_]+)", part):
            yield "reason " + name.lower()


def c_strings(text, asserting):
    """The strings in calls of `asserting` and in initializers."""
    for call in re.finditer(r"\b(\w+)\(", text):
        if call[1] in asserting and not re.search(r"#\s*define\s+$|^[a-z][\w *]*$", text[text.rfind("\n", 0, call.start()) + 1:call.start()]):
            yield from c_said(sources.arguments(text, call.end() - 1))
    for table in re.finditer(r"=\s*\(?[\w ]*\)?\s*\{", text):
        yield from c_said(sources.arguments(text, table.end() - 1))


# ---- shell ----

class Shell:
    """Splits a script into simple commands, each a list of words without their quotes; those within words come first."""

    def __init__(self, text):
        self.text, self.at, self.commands, self.heredocs = text, 0, [], []
        while self.at < len(text):
            self.list()

    def quoted(self):
        """The inside of double quotes; `at` is behind the first."""
        out = []
        while self.at < len(self.text) and self.text[self.at] != '"':
            if self.text[self.at] == "\\":
                out.append(self.text[self.at + 1:self.at + 2])
                self.at += 2
            else:
                out.append(self.expansion() or self.take(1))
        self.at += 1
        return "".join(out)

    def take(self, count):
        self.at += count
        return self.text[self.at - count:self.at]

    def expansion(self):
        """`$(...)`, `$((...))`, `${...}`: what it becomes is not known; "" when there is none here."""
        if self.text.startswith("$((", self.at):
            self.at = self.text.find("))", self.at) + 2 or len(self.text)
        elif self.text.startswith("$(", self.at):
            start, self.at = self.at, self.at + 2
            self.list(inside=True)
            return self.text[start:self.at] # it may be what is compared: `[ "$(metric 'name{label="value"}')" = 6 ]`
        elif self.text.startswith("${", self.at):
            depth = 0
            while self.at < len(self.text):
                char = self.take(1)
                depth += (char == "{") - (char == "}")
                if char == '"':
                    self.quoted()
                if depth == 0 and char == "}":
                    break
        else:
            return ""
        return "\0"

    def skip_heredocs(self):
        for end in self.heredocs:
            found = re.compile(r"^\t*" + re.escape(end) + "$", re.M).search(self.text, self.at)
            self.at = found.end() if found else len(self.text)
        self.heredocs = []

    def list(self, inside=False):
        """Commands to the end, or to the parenthesis that closes."""
        words, word, depth = [], None, 0

        def ended(final=True):
            nonlocal words, word
            if word is not None:
                words.append("".join(word))
            word = None
            if final and words:
                self.commands.append(words)
                words = []

        while self.at < len(self.text):
            char, rest = self.text[self.at], self.text[self.at:self.at + 3]
            if char == "\\":
                if rest[1:2] != "\n":
                    word = (word or []) + [rest[1:2]]
                self.at += 2
            elif char == "#" and word is None:
                self.at = self.text.find("\n", self.at) if "\n" in self.text[self.at:] else len(self.text)
            elif char == "'" or rest.startswith("$'"):
                ansi = char == "$"
                found = re.compile(r"\$'((?:[^'\\]|\\.)*)'" if ansi else r"'([^']*)'", re.S).match(self.text, self.at)
                word = (word or []) + [found[1].replace("\\n", " ").replace("\\'", "'") if ansi else found[1]]
                self.at = found.end()
            elif char == '"':
                self.at += 1
                word = (word or []) + [self.quoted()]
            elif char == "$":
                word = (word or []) + [self.expansion() or self.take(1)]
            elif rest in ("<<<",):
                ended(False)
                self.at += 3
            elif rest.startswith("<<"):
                ended(False)
                found = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?").match(self.text, self.at)
                if found:
                    self.heredocs.append(found[1])
                self.at = found.end() if found else self.at + 2
            elif rest[:2] in ("<(", ">("):
                self.at += 2
                self.list(inside=True)
                word = (word or []) + ["\0"]
            elif char in " \t":
                ended(False)
                self.at += 1
            elif char in "\n;&|()":
                between = words[:1] == ["[["] and char in "|&()" # `[[ a || b ]]` is one command
                ended(not between)
                self.at += 1
                if char == "\n":
                    self.skip_heredocs()
                depth += (char == "(") - (char == ")")
                if inside and depth < 0:
                    ended()
                    return
            else:
                word = (word or []) + [char]
                self.at += 1
        ended()


def simple(words):
    """A command without its keywords and assignments."""
    at = 0
    while at < len(words) and (words[at] in KEYWORDS or re.match(r"^\w+\+?=", words[at])):
        at += 1
    return words[at:]


def shell_bodies(text):
    """{function: the words that may name commands in it}"""
    found = re.findall(r"^([\w-]+)\(\) \{(.*?)^\}|^([\w-]+)\(\) \{([^\n]*)\}$", text, flags=re.M | re.S)
    return {one[0] or one[2]: set(re.findall(r"[\w\[]+", one[1] or one[3])) for one in found}


def shell_strings(commands, asserting):
    for words in map(simple, commands):
        if words and words[0] in asserting:
            yield from words[1:]
        for at, word in enumerate(words): # what another command runs: `wait_for 20 'not there' grep -q ...`
            if at > 0 and word in COMPARES:
                yield from words[at + 1:]


# ---- all of them ----

def is_shell(file):
    with open(file, "rb") as start:
        return file.endswith(".sh") or re.match(rb"#!.*[/ ]bash\b", start.readline(80)) is not None


@functools.cache
def spoken():
    """All texts that are asserted, in one, each a line; blanks and some punctuation do not matter."""
    c, shell = {}, {}
    for file in sorted(glob.glob(os.path.join(sources.ROOT, "tests", "**", "*"), recursive=True)):
        if not os.path.isfile(file) or "/corpus/" in file or "/docs/" in file:
            continue
        if file.endswith((".c", ".h")):
            with open(file, encoding="utf-8") as text:
                c[file] = sources.without_comments(text.read())
        elif is_shell(file):
            with open(file, encoding="utf-8") as text:
                shell[file] = text.read()
    bodies = {}
    for text in c.values():
        for name, calls in c_bodies(text).items():
            bodies.setdefault(name, set()).update(calls)
    primitive = {call for calls in bodies.values() for call in calls if re.match(r"_?assert_", call)}
    asserting = closure(primitive | {"fail_msg", "fail"}, bodies) - SAYS
    found = [one for text in c.values() if "assert_" in text or "fail_msg" in text for one in c_strings(text, asserting)]
    bodies = {}
    for text in shell.values():
        for name, words in shell_bodies(text).items():
            bodies.setdefault(name, set()).update(words)
    asserting = closure(COMPARES | {"fail", "failed"}, bodies) - SAYS
    found += [one for text in shell.values() for one in shell_strings(Shell(text).commands, asserting)]
    return "\n".join(map(plain, found))


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"[:;,]|\\(?=[.()?*+|`\"])", "", text.replace("%%", "%")))


def runs(fragment):
    """Every three words in a row, or all when there are fewer: what a test has to quote to mean this message."""
    words = plain(fragment).split()
    return [" ".join(words[at:at + 3]) for at in range(max(1, len(words) - 2))]


def signs(message):
    """What tells a message: runs of its words; when it has no three in a row, its longest fragment."""
    fragments = [one.strip(" :;,") for one in re.split(sources.CONVERSION, message)]
    whole = [run for one in fragments for run in runs(one) if len(run.split()) == 3]
    return whole or [plain(max(fragments, key=len))]


def silent(messages):
    """Those of `messages` of which no test speaks, in their order.  What several messages say stands for none of them, if there is anything else."""
    count = {}
    for message in messages:
        for sign in set(signs(message)):
            count[sign] = count.get(sign, 0) + 1
    return [message for message in messages
            if not any(sign in spoken() for sign in [one for one in signs(message) if count[one] == 1] or signs(message))]


def silent_reasons(reasons):
    """Those of the reasons of dead letters that no test compares: alone, with the word before it, or as C has it."""
    return [reason for reason in reasons if not re.search(rf'(?m)^{reason}$|reason ?="?{reason}\b|reason {reason}$', spoken())]


def silent_events(events):
    """Those of a log's events whose name no test compares: alone, or as a line has it."""
    return [event for event in events if not re.search(rf'(?m)^{event}$|event["\\ ]*=?["\\ ]*{event}\b|(?:^|[|(]){event}[|)]', spoken())]


# ---- whether this sees what it should ----

def check():
    c = sources.without_comments("""/* assert_true(strstr(said, "in a comment")) */
static void refuse(const char *says) { assert_true(strstr(said, says)); }
// assert_string_equal(said, "behind slashes");
static void says_it(const char *text)
{
    if (!strstr(said, text))
        fail_msg("not said: %s", "of the test's own");
}
static void test(void)
{
    static const struct { int n; const char *what; } cases[] = {{7, "in a table"}};
    put_in("an input");
    print_message("printed");
    says_it("by a " /* joined */ "helper");
    assert_non_null(strstr(said, "/* no comment */ by an assertion"));
}
""")
    asserting = closure({"assert_true", "assert_non_null", "fail_msg"}, c_bodies(c)) - SAYS
    assert list(c_strings(c, asserting)) == ["by a helper", "/* no comment */ by an assertion", "in a table"], list(c_strings(c, asserting))
    shell = """# expect 'in a comment'
expect() { # STATUS 'part'
    [ "$1" = "$2" ] || failed=1
}
expect 64 'by a helper' "$millrace" run # expect 'at the end'
say 'of its own'
grep -q 'by grep' "$work/said" || fail "not said: 'of the test'"
wait_for 20 'run by another' grep -q 'behind another' <<'END'
expect 'in a document'
END
[ "$(metric 0 'inside')" = 6 ] && printf '%s' "printed"
"""
    found = "|".join(shell_strings(Shell(shell).commands, closure(COMPARES | {"fail", "failed"}, shell_bodies(shell)) - SAYS))
    for text in ("by a helper", "by grep", "behind another", "inside"):
        assert text in found, (text, found)
    for text in ("in a comment", "at the end", "of its own", "of the test", "in a document", "printed"):
        assert text not in found, (text, found)
    assert signs("%s: cannot listen on %s, %s") == ["cannot listen on"] and signs("--%s takes") == ["takes"]


if __name__ == "__main__":
    check()
