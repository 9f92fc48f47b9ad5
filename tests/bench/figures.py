"""What the tables and plots of the benchmarks share: the spread of rounds as text, columns, the frame of an SVG."""
import html
import statistics

WIDTH = 940
STYLE = (
    "text{font:12px sans-serif;fill:#222}.h{font-size:15px;font-weight:bold}.t{font-weight:bold}.l{text-anchor:end}.x{text-anchor:middle}"
    ".v,.c{fill:#555}.m{fill:#1f6feb}.p{fill:#b8c0cc}.s{stroke:#222;stroke-width:1.5}.a{stroke:#b8c0cc}"
    ".n{stroke:#1f6feb;stroke-width:2;fill:none}.o{stroke:#d1641f;stroke-width:2;fill:none}.d{fill:#d1641f}"
)


def spread(values, form):
    """Median of the rounds, and minimum to maximum when there are several."""
    if not values:
        return "-"
    middle = form.format(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({form.format(min(values))}-{form.format(max(values))})"


def print_columns(lines):
    """A table: the first column to the left, the others to the right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.ljust(width) if i == 0 else text.rjust(width) for i, (text, width) in enumerate(zip(line, widths))))


def picture(title, label, height, body, caption):
    """An SVG of WIDTH x height: title on top, caption at the bottom, between them what the body draws (from y 40 to height - 24)."""
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{html.escape(label)}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="24" class="h">{html.escape(title)}</text>',
        *body,
        f'<text x="16" y="{height - 10}" class="c">{html.escape(caption)}</text>',
        "</svg>",
        "",
    ])
