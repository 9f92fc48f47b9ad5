#!/usr/bin/env python3
"""Events that nobody means well with, and what each must become.

usage: hostile_events.py SEED RANDOM_ONES MESSAGES EXPECTED

Writes MESSAGES for tools_produce_raw, and EXPECTED: for each of them a line, its offset, `row` or the reason of its dead letter (`any` where only
one of the two must be), and its name.  The stream is that of tests/integration/lib.sh.  RANDOM_ONES more are well-formed events, broken by the seed.
"""
import json
import random
import struct
import sys

events = []


def event(name, expected, value, key=b"k", headers=()):
    events.append((name, expected, key, value, list(headers)))


def with_properties(text):
    """A good event whose `properties` is that text."""
    return b'{"type":"track","userId":"u1","timestamp":"2026-01-02T03:04:05Z","properties":' + text + b"}"


def with_member(text):
    """A good event with one more member that no column takes."""
    return b'{"type":"track","userId":"u1","x":' + text + b"}"


GOOD = with_properties(b"{}")


def corpus():
    event("good", "row", GOOD)
    # depth: the event's own object counts, and nothing is stored of what no column takes
    event("deep arrays, the most", "row", with_member(b"[" * 511 + b"]" * 511))
    event("deep arrays, one more", "json_depth", with_member(b"[" * 512 + b"]" * 512))
    event("deep objects", "json_depth", with_member(b'{"a":' * 600 + b"1" + b"}" * 600))
    event("100,000 brackets", "json_depth", b"[" * 100000)
    event("100,000 brackets in an object", "json_depth", b'{"a":' + b"[" * 100000)
    # size
    event("a mebibyte of blanks", "any", with_member(b" " * 1000000 + b"1"))
    event("long member that no column takes", "row", with_member(b'"' + b"a" * 500000 + b'"'))
    event("long text for a column", "too_long", b'{"type":"track","userId":"' + b"u" * 100000 + b'"}')
    event("long properties", "too_long", with_properties(b'{"a":"' + b"p" * 5000 + b'"}'))
    event("100,000 members", "row", b'{"type":"track","userId":"u1"' + b"".join(b',"m%d":0' % i for i in range(50000)) + b"}")
    event("a long name", "row", b'{"type":"track","userId":"u1","' + b"n" * 100000 + b'":1}')
    event("the same name again and again", "row", b'{"type":"track"' + b',"userId":"u1"' * 10000 + b"}")
    # NUL
    event("NUL in a text", "json_syntax", b'{"type":"track","userId":"a\0b"}')
    event("NUL after the end", "json_syntax", GOOD + b"\0")
    event("NUL before the beginning", "json_syntax", b"\0" + GOOD)
    event("only NUL", "json_syntax", b"\0" * 100)
    event("an escaped NUL", "row", b'{"type":"track","userId":"a\\u0000b"}')
    # UTF-8
    for name, bytes_ in (
        ("a lone byte above 127", b"\xff"), ("a lone continuation", b"\x80"), ("overlong slash", b"\xc0\xaf"),
        ("overlong of three", b"\xe0\x80\xaf"), ("surrogate in UTF-8", b"\xed\xa0\x80"), ("above U+10FFFF", b"\xf4\x90\x80\x80"),
        ("cut short", b"\xe2\x82"), ("five bytes", b"\xf8\x88\x80\x80\x80"),
    ):
        event(f"UTF-8: {name}", "json_utf8", b'{"type":"track","userId":"' + bytes_ + b'"}')
        event(f"UTF-8 in a name that no column takes: {name}", "json_utf8", b'{"type":"track","userId":"u","' + bytes_ + b'":1}')
    event("the last character of Unicode", "row", '{"type":"track","userId":"\U0010ffff"}'.encode())
    event("byte order mark", "json_syntax", b"\xef\xbb\xbf" + GOOD)
    event("UTF-16", "json_syntax", GOOD.decode().encode("utf-16-le"))
    event("lone high surrogate", "json_escape", b'{"type":"track","userId":"\\ud800"}')
    event("lone low surrogate", "json_escape", b'{"type":"track","userId":"\\udc00"}')
    event("two high surrogates", "json_escape", b'{"type":"track","userId":"\\ud800\\ud800"}')
    event("unknown escape", "json_escape", b'{"type":"track","userId":"\\x41"}')
    # numbers
    event("huge number that no column takes", "row", with_member(b"9" * 10000))
    event("1e999999999 that no column takes", "row", with_member(b"1e999999999"))
    event("huge total", "out_of_range", with_properties(b'{"total":' + b"9" * 400 + b"}"))
    event("total with a huge exponent", "out_of_range", with_properties(b'{"total":1e2147483648}'))
    event("total with an exponent beyond 64 bits", "out_of_range", with_properties(b'{"total":1e99999999999999999999999}'))
    event("total with a tiny exponent", "too_precise", with_properties(b'{"total":1e-99999999999999999999999}'))
    event("total of many zeros", "row", with_properties(b'{"total":1.' + b"0" * 900 + b"}"))
    event("nought with a huge exponent", "row", with_properties(b'{"total":0e99999999999999999999999}'))
    for name, number in (("NaN", b"NaN"), ("Infinity", b"-Infinity"), ("hexadecimal", b"0x10"), ("leading zero", b"01"), ("plus", b"+1"),
                         ("no digits", b"-"), ("bare point", b"1."), ("bare exponent", b"1e")):
        event(f"number: {name}", "json_syntax", with_member(number))
    # the routing key and the shape
    event("the largest 64-bit key", "row", b'{"type":"track","anonymousId":18446744073709551615}')
    event("a key beyond 64 bits", "key_type", b'{"type":"track","userId":' + b"9" * 400 + b"}")
    event("a fraction as the key", "key_type", b'{"type":"track","userId":1.5}')
    event("an array as the key", "key_type", b'{"type":"track","userId":[]}')
    event("no key", "key_missing", b'{"type":"track"}')
    event("an empty key", "row", b'{"type":"track","userId":""}')
    event("an array", "json_root", b"[]")
    event("a text", "json_root", b'"track"')
    event("empty", "empty", b"")
    event("null value", "tombstone", None)
    event("cut short", "json_syntax", GOOD[:-1])
    event("two events", "json_syntax", GOOD + GOOD)
    event("a comment", "json_syntax", b"/* */" + GOOD)
    event("single quotes", "json_syntax", GOOD.replace(b'"', b"'"))
    event("control character", "json_syntax", b'{"type":"track","userId":"a\nb"}')
    event("SQL in a text", "row", b"{\"type\":\"track\",\"userId\":\"'; DROP TABLE events; -- \\\\\"}")
    event("type too long", "too_long", b'{"type":"' + b"t" * 17 + b'","userId":"u"}')
    event("type null", "required", b'{"type":null,"userId":"u"}')
    event("a date that does not exist", "bad_format", b'{"type":"track","userId":"u","timestamp":"2026-02-30T00:00:00Z"}')
    event("a year of many digits", "bad_format", b'{"type":"track","userId":"u","timestamp":"99999999999-01-01T00:00:00Z"}')
    # message keys and headers
    event("a message key of 100 kB", "row", GOOD, key=bytes(range(256)) * 400)
    event("no message key", "row", GOOD, key=None)
    event("an empty message key", "row", GOOD, key=b"")
    event("2,000 headers", "row", GOOD, headers=[(b"h%d" % (i % 7), b"v") for i in range(2000)])
    event("headers of any bytes", "json_syntax", b"{", headers=[(b"\xff\xfe", bytes(range(256))), (b"", b""), (b"n", None), (b"a" * 30000, b"b" * 100000)])
    event("headers that look like ours", "json_syntax", b"{", headers=[
        (b"millrace.reason", b"none"), (b"millrace.origin", b"events/0/0/0"), (b"millrace.origin", b"\0\xff"), (b"__connect.errors.offset", b"-1")])


def broken(dice, number):
    """A good event with some of its bytes changed, dropped, doubled or swapped."""
    properties = {"total": dice.choice([1, 1.5, -0.01, "x", None, [1, {"a": []}]]), "n": "\u00e4\U0001f600" * dice.randrange(4)}
    text = bytearray(json.dumps({"type": "track", "userId": f"u{number}", "timestamp": "2026-01-02T03:04:05.678Z", "properties": properties},
                                ensure_ascii=dice.random() < 0.5).encode())
    for _ in range(dice.choice([1, 1, 2, 5, 20])):
        at = dice.randrange(len(text))
        change = dice.randrange(5)
        if change == 0:
            text[at] = dice.randrange(256)
        elif change == 1:
            del text[at]
        elif change == 2:
            text[at:at] = text[dice.randrange(len(text)):][:dice.randrange(40)]
        elif change == 3:
            text[at:at] = dice.choice([b"\0", b'"', b"\\", b"{", b"[", b"]", b"}", b"\\u", b"\xf0\x9f", b"1e9", b",", b":"])
        else:
            del text[at:]
        text = text or bytearray(b" ")
    return bytes(text)


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    corpus()
    dice = random.Random(seed)
    for number in range(count):
        event(f"random {number} of seed {seed}", "any", broken(dice, number), key=dice.randbytes(dice.randrange(20)))
    length = lambda text: -1 if text is None else len(text)
    with open(sys.argv[3], "wb") as messages, open(sys.argv[4], "w", encoding="utf-8") as expected:
        for offset, (name, should, key, value, headers) in enumerate(events):
            messages.write(struct.pack("=iii", length(key), length(value), len(headers)))
            for pair in headers:
                messages.write(struct.pack("=ii", *map(length, pair)))
            messages.write((key or b"") + (value or b"") + b"".join((n or b"") + (v or b"") for n, v in headers))
            expected.write(f"{offset} {should} {name}\n")


main()
