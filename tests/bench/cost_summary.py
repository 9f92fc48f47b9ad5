#!/usr/bin/env python3
"""The tables and the plot of tests/bench/cost: results.tsv of a folder (case, step, round, what, value) to stdout and cost.svg."""
import collections
import html
import math
import statistics
import sys

from figures import WIDTH, picture, print_columns, spread

Case = collections.namedtuple("Case", "step title axis at floor columns")
# step: the table's first heading; axis: what the plot says below; at: the value that is a step's place on the axis, else all are equally far apart;
# floor: 0, or where a logarithmic scale begins.
# columns: value, heading, format, class of its line in the plot, what the plot calls it.
CASES = {
    "rate": Case("events/s", "CPU of the worker, us an event, logarithmic", "events a second offered", None, 1, [
        ("per_second", "rows/s", "{:,.0f}", None, ""),
        ("program_us", "worker us/event", "{:.2f}", "n", ""),
        ("cores", "worker cores", "{:.3f}", None, ""),
        ("consumer_us", "its consumer thread", "{:.2f}", None, ""),
        ("writer_us", "its writer threads", "{:.2f}", None, ""),
        ("library_us", "librdkafka's threads", "{:.2f}", None, ""),
        ("database_us", "databases us/row", "{:.2f}", None, ""),
    ]),
    "memory": Case("memory.pool_mib", "resident memory with a full pool, MiB", "records in flight", "in_flight", 0, [
        ("in_flight", "records in flight", "{:,.0f}", None, ""),
        ("rss_mib", "RSS MiB", "{:,.0f}", "n", "resident"),
        ("limit_mib", "limit MiB", "{:,.0f}", "o", "limit that `explain` names"),
    ]),
    "backlog": Case("parked events", "resident memory while a shard is parked, MiB", "events that wait for it in Kafka", "parked", 0, [
        ("parked", "offsets parked", "{:,.0f}", None, ""),
        ("rss_mib", "RSS MiB", "{:,.0f}", "n", ""),
    ]),
    "start": Case("shards", "start-up, ms after exec", "shards", None, 0, [
        ("ready_ms", "ready ms", "{:,.0f}", "n", "/readyz"),
        ("first_row_ms", "first row ms", "{:,.0f}", "o", "first row"),
    ]),
}
HIGH, LEFT, COLUMNS = 250, 44, 2


def read(folder):
    """{case: {step: {what: [a value a round]}}}, all in the order in which they were measured."""
    cases = collections.OrderedDict()
    with open(f"{folder}/results.tsv", encoding="utf-8") as file:
        for line in file:
            case, step, _, what, value = line.rstrip("\n").split("\t")
            steps = cases.setdefault(case, collections.OrderedDict())
            steps.setdefault(step, collections.defaultdict(list))[what].append(float(value))
    return cases


def table(case, steps):
    columns = [column for column in case.columns if any(values[column[0]] for values in steps.values())]
    print_columns([[case.step] + [heading for _, heading, *_ in columns]] +
                  [[step] + [spread(values[what], form) for what, _, form, *_ in columns] for step, values in steps.items()])


def panel(x, y, width, case, steps):
    """One case: a line through the medians, each with its value; a thin line from minimum to maximum."""
    out = [f'<text x="{x}" y="{y + 14}" class="t">{html.escape(case.title)}</text>']
    drawn = [(what, form, style, name) for what, _, form, style, name in case.columns if style]
    top = max(value for values in steps.values() for what, *_ in drawn for value in values[what])
    top = max(top, 2 * case.floor, 1)
    left, right, up, down = x + LEFT, x + width - 30, y + 44, y + HIGH - 44
    middle = {step: statistics.median(values[case.at]) for step, values in steps.items()} if case.at else {}
    far = max(middle.values(), default=0) or 1
    place = {step: left + (right - left) * (middle[step] / far if case.at else at / max(1, len(steps) - 1)) for at, step in enumerate(steps)}

    def height(value):
        share = math.log(max(value, case.floor) / case.floor) / math.log(top / case.floor) if case.floor else value / top
        return down - (down - up) * share

    out.append(f'<path d="M{left} {up}V{down}H{right}" class="a" fill="none"/>')
    out.append(f'<text x="{(left + right) / 2:.0f}" y="{down + 32}" class="c x">{html.escape(case.axis)}</text>')
    shown = -99.0
    for step in steps:
        if place[step] - shown >= 40:  # those at the left of a linear axis lie too near each other for their names
            name = f"{middle[step]:,.0f}" if case.at else (f"{int(step):,}" if step.isdigit() else step)
            out.append(f'<text x="{place[step]:.1f}" y="{down + 16}" class="v x">{html.escape(name)}</text>')
            shown = place[step]
    for line, (what, form, style, name) in enumerate(drawn):
        points = [(place[step], values[what], step) for step, values in steps.items() if values[what]]
        out.append('<path d="M' + "L".join(f"{at:.1f} {height(statistics.median(values)):.1f}" for at, values, _ in points) + f'" class="{style}"/>')
        shown = -99.0
        for at, values, step in points:
            level = height(statistics.median(values))
            out.append(f'<path d="M{at:.1f} {height(min(values)):.1f}V{height(max(values)):.1f}" class="s"/>')
            out.append(f'<circle cx="{at:.1f}" cy="{level:.1f}" r="3" class="{"m" if style == "n" else "d"}"/>')
            if at - shown >= 40:
                value = statistics.median(values)  # above the upper line, beneath the lower one
                below = any((statistics.median(steps[step][other[0]]), i) > (value, line) for i, other in enumerate(drawn) if i != line)
                out.append(f'<text x="{at:.1f}" y="{level + (18 if below else -9):.1f}" class="v x">{form.format(value)}</text>')
                shown = at
        if name:
            out.append(f'<path d="M{left + line * 110} {y + 26}h14" class="{style}"/><text x="{left + line * 110 + 20}" y="{y + 30}" class="c">{html.escape(name)}</text>')
    return out


def main():
    folder, caption = sys.argv[1:]
    cases = read(folder)
    body, width = [], WIDTH // COLUMNS - 20
    for at, (name, steps) in enumerate(cases.items()):
        if at:
            print()
        table(CASES[name], steps)
        body += panel(16 + at % COLUMNS * (WIDTH // COLUMNS), 40 + at // COLUMNS * HIGH, width, CASES[name], steps)
    height = 40 + HIGH * ((len(cases) + COLUMNS - 1) // COLUMNS) + 24
    with open(f"{folder}/cost.svg", "w", encoding="utf-8") as file:
        file.write(picture("Cost grows as the work grows", "Millrace: CPU, memory and start-up as the work grows", height, body,
                           f"{caption}; points: median, thin lines: minimum to maximum"))


main()
