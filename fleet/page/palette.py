"""The colours of the page, once: the style sheet is made from them, and a test computes their contrast.

`LIGHT` and `DARK` hold the same names. Text is `ink` or `dim`; a tone (`good`, `busy`, `warn`, `bad`) is written on its
own `-soft`, or drawn on `surface` and `ground`.
"""

from __future__ import annotations

LIGHT = {
    "ground": "#f4f6f8", "surface": "#ffffff", "ink": "#151a21", "dim": "#596474", "line": "#dfe4ea", "soft": "#eef1f5",
    "edge": "#7f8a99", "accent": "#0b6e6a", "good": "#157239", "busy": "#1f5fcc", "bad": "#bb2222", "warn": "#8f4e00",
    "good-soft": "#e3f4e8", "busy-soft": "#e5eefc", "bad-soft": "#fbe7e7", "warn-soft": "#fbf0dd", "sea": "#eaf0f5",
}  # fmt: skip
DARK = {
    "ground": "#0e1217", "surface": "#161c24", "ink": "#e7ecf3", "dim": "#9aa7b8", "line": "#28313d", "soft": "#1e2631",
    "edge": "#6c7a8c", "accent": "#4fd1c5", "good": "#56d083", "busy": "#84b4ff", "bad": "#ff8f8f", "warn": "#f0b35a",
    "good-soft": "#16301f", "busy-soft": "#172a47", "bad-soft": "#3b1b1e", "warn-soft": "#38290f", "sea": "#121a23",
}  # fmt: skip


def tokens() -> str:
    """Both palettes as CSS variables: as the system asks, unless `data-theme` on the root says otherwise."""
    light, dark = _variables(LIGHT), _variables(DARK)
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; {dark} }} }}\n"
        f":root[data-theme=light] {{ color-scheme: light; {light} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
    )


def contrast(one: str, other: str) -> float:
    """Of two `#rrggbb` colours, 1..21, as WCAG 2.2 defines it (relative luminance)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _variables(palette: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
