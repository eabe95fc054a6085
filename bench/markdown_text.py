"""Numbers and tables as Markdown."""

NONE = "–"


def number(value: float | None, digits: int = 2, unit: str = "") -> str:
    if value is None:
        return NONE
    text = f"{value:,.0f}" if abs(value) >= 1000 or digits == 0 else f"{value:.{digits}f}"
    return text + (f" {unit}" if unit and unit != "×" else unit and " ×")


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
