#!/usr/bin/env python3
"""The table and the plot of tests/bench/compare: results.tsv and skipped.tsv of a folder to stdout and compare.svg."""
import collections
import html
import statistics
import sys

from figures import WIDTH, picture, print_columns, spread

LABELS = {"millrace": "Millrace", "raw": "raw loop", "benthos": "Benthos", "rsyslog": "rsyslog", "debezium": "Debezium JDBC"}
# column, heading, format, whether it is drawn, what the plot calls it
METRICS = [
    ("rows_s", "rows/s", "{:,.0f}", True, "rows a second"),
    ("program_us", "program us/row", "{:.2f}", True, "CPU of the program, us a row"),
    ("database_us", "databases us/row", "{:.2f}", True, "CPU of both databases, us a row"),
    ("broker_us", "broker us/row", "{:.2f}", False, ""),
    ("rss_mib", "peak RSS MiB", "{:,.0f}", True, "highest resident memory, MiB"),
    ("age_p50", "age p50 ms", "{:,.1f}", True, "age of a row at a steady rate, p50, ms"),
    ("age_p99", "age p99 ms", "{:,.1f}", True, "age of a row at a steady rate, p99, ms"),
    ("age_p999", "age p99.9 ms", "{:,.1f}", False, ""),
]
LABEL, BAR, GAP, HEAD, COLUMNS = 108, 16, 8, 34, 2


def read(folder):
    """programs in order: {program: {column: [a value a round]}}, and who was skipped: {program: why}."""
    programs, skipped = collections.OrderedDict(), {}
    with open(f"{folder}/results.tsv", encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split("\t")
        for line in file:
            row = dict(zip(names, line.rstrip("\n").split("\t")))
            values = programs.setdefault(row["program"], collections.defaultdict(list))
            for column, *_ in METRICS:
                if row[column] != "-":
                    values[column].append(float(row[column]))
    with open(f"{folder}/skipped.tsv", encoding="utf-8") as file:
        for line in file:
            name, why = line.rstrip("\n").split("\t")
            skipped[name] = why
    return programs, skipped


def table(programs, skipped):
    lines = [["program"] + [heading for _, heading, *_ in METRICS]]
    for name, values in programs.items():
        lines.append([LABELS[name]] + [spread(values[column], form) for column, _, form, *_ in METRICS])
    print_columns(lines)
    for name, why in skipped.items():
        print(f"{LABELS[name]}: skipped: {why}")
    mine = programs.get("millrace")
    for name, values in programs.items():
        if mine and name != "millrace":
            speed = statistics.median(a / b for a, b in zip(mine["rows_s"], values["rows_s"]))
            cost = statistics.median(a / b if b else 0 for a, b in zip(mine["program_us"], values["program_us"]))
            print(f"Millrace against {LABELS[name]}: {speed:.2f} of its rows a second, {cost:.2f} of its CPU a row (medians of the rounds' ratios)")


def panel(x, y, width, title, rows, form):
    """One metric: a bar a program, its median as text, a thin line from minimum to maximum."""
    out = [f'<text x="{x}" y="{y + 14}" class="t">{html.escape(title)}</text>']
    room = width - LABEL - 90
    top = max((max(values) for _, values in rows if values), default=0) or 1
    for at, (name, values) in enumerate(rows):
        up = y + HEAD - 8 + at * (BAR + GAP)
        out.append(f'<text x="{x + LABEL - 8}" y="{up + 12}" class="l">{html.escape(LABELS[name])}</text>')
        if not values:
            out.append(f'<text x="{x + LABEL}" y="{up + 12}" class="v">not measured</text>')
            continue
        middle, left = statistics.median(values), x + LABEL
        kind = "m" if name == "millrace" else "p"
        out.append(f'<rect x="{left}" y="{up}" width="{max(1, room * middle / top):.1f}" height="{BAR}" class="{kind}"/>')
        low, high = (left + room * value / top for value in (min(values), max(values)))
        out.append(f'<path d="M{low:.1f} {up + BAR / 2}H{high:.1f}" class="s"/>')
        end = max(high, left + 1) + 6
        out.append(f'<text x="{end:.1f}" y="{up + 12}" class="v">{form.format(middle)}</text>')
    return out


def plot(programs, caption):
    drawn = [metric for metric in METRICS if metric[3] and any(values[metric[0]] for values in programs.values())]
    tall = HEAD + len(programs) * (BAR + GAP) + 12
    height = 40 + tall * ((len(drawn) + COLUMNS - 1) // COLUMNS) + 24
    width = WIDTH // COLUMNS - 20
    out = []
    for at, (column, _, form, _, title) in enumerate(drawn):
        rows = [(name, values[column]) for name, values in programs.items()]
        out += panel(16 + at % COLUMNS * (WIDTH // COLUMNS), 40 + at // COLUMNS * tall, width, title, rows, form)
    return picture("From Kafka into two databases", "From Kafka into two databases: Millrace and others", height, out,
                   f"{caption}; bars: median, lines: minimum to maximum")


def main():
    folder, caption = sys.argv[1:]
    programs, skipped = read(folder)
    table(programs, skipped)
    with open(f"{folder}/compare.svg", "w", encoding="utf-8") as file:
        file.write(plot(programs, caption))


main()
