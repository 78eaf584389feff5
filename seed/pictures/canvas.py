"""The one style of the shop's pictures: a tinted ground, one light from the upper left, flat shapes without outlines."""

from contextlib import contextmanager

SIZE = 800

# Background (top, bottom) and the colour of shadows, by category.
TINTS = {
    "kitchen": ("#faf1e6", "#f1dfcb", "#8a6440"),
    "stationery": ("#eef3f7", "#d6e2ec", "#3f5c78"),
    "food": ("#f3f6ea", "#dde7cc", "#586b39"),
    "gadgets": ("#f2f1f7", "#dedceb", "#4d4a70"),
    "apparel": ("#fbefed", "#f1dad6", "#8a4f48"),
    "hobby": ("#fcf6e2", "#f3e6bd", "#84692a"),
}

# The palette: dyes, glazes, woods and metals.
CREAM = "#f8f2e6"
PAPER = "#fffdf8"
INDIGO = "#34507a"
NAVY = "#26374f"
SKY = "#8fb5cd"
VERMILION = "#c9553f"
BRICK = "#a4553f"
ROSE = "#e0a19b"
MATCHA = "#8aa35a"
FOREST = "#4f6b45"
MUSTARD = "#dba63f"
LILAC = "#a79cc4"
WOOD = "#d3a878"
PALE_WOOD = "#e6c79d"
WALNUT = "#7d573f"
BRASS = "#c9a04a"
STEEL = "#c6ccd3"
SILVER = "#e3e7eb"
INK = "#3a3b42"
GRAPHITE = "#55575f"
CLAY = "#b98e6a"

_SHADES = {
    # Round bodies seen from the side.
    "cyl": '<linearGradient id="cyl"><stop offset="0" stop-color="#fff" stop-opacity=".26"/>'
    '<stop offset=".34" stop-color="#fff" stop-opacity="0"/><stop offset=".6" stop-opacity="0"/>'
    '<stop offset="1" stop-opacity=".17"/></linearGradient>',
    # Flat surfaces.
    "flat": '<linearGradient id="flat" x2="1" y2="1"><stop offset="0" stop-color="#fff" stop-opacity=".2"/>'
    '<stop offset=".5" stop-color="#fff" stop-opacity="0"/><stop offset="1" stop-opacity=".11"/></linearGradient>',
    # Balls and domes.
    "ball": '<radialGradient id="ball" cx=".36" cy=".28" r=".8"><stop offset="0" stop-color="#fff" stop-opacity=".34"/>'
    '<stop offset=".5" stop-color="#fff" stop-opacity="0"/><stop offset="1" stop-opacity=".2"/></radialGradient>',
}


def _number(value):
    if not isinstance(value, float):
        return str(value)
    # A tenth is enough for a coordinate, but not for an opacity.
    return f"{value:.{1 if abs(value) > 2 else 2}f}".rstrip("0").rstrip(".")


def _attributes(pairs):
    return "".join(f' {name.rstrip("_").replace("_", "-")}="{_number(value)}"' for name, value in pairs.items())


class Picture:
    """One picture under construction. Shapes are painted in the order of the calls."""

    def __init__(self, category):
        self.top, self.bottom, self.shadow = TINTS[category]
        self.body = []
        self.shades = set()
        self.clips = []
        self.stamps = []

    # --- shapes ---------------------------------------------------------------------------------------------------

    def _shape(self, tag, geometry, fill, shade, more):
        opening = f"<{tag}{_attributes(geometry)}"
        paint = f' fill="{fill}"' if fill else ""
        self.body.append(f"{opening}{paint}{_attributes(more)}/>")
        if shade:
            self.shades.add(shade)
            kept = {name: value for name, value in more.items() if name in ("transform", "opacity")}
            self.body.append(f'{opening} fill="url(#{shade})"{_attributes(kept)}/>')

    def path(self, d, fill, shade=None, **more):
        self._shape("path", {"d": d}, fill, shade, more)

    def rect(self, x, y, width, height, fill, rx=0, shade=None, **more):
        geometry = {"x": x, "y": y, "width": width, "height": height}
        if rx:
            geometry["rx"] = rx
        self._shape("rect", geometry, fill, shade, more)

    def circle(self, cx, cy, r, fill, shade=None, **more):
        self._shape("circle", {"cx": cx, "cy": cy, "r": r}, fill, shade, more)

    def ellipse(self, cx, cy, rx, ry, fill, shade=None, **more):
        self._shape("ellipse", {"cx": cx, "cy": cy, "rx": rx, "ry": ry}, fill, shade, more)

    def stroke(self, d, colour, width, **more):
        more.setdefault("stroke_linecap", "round")
        more.setdefault("stroke_linejoin", "round")
        self._shape("path", {"d": d}, "none", None, {"stroke": colour, "stroke_width": width, **more})

    def dots(self, points, r, fill, **more):
        for x, y in points:
            self.circle(x, y, r, fill, **more)

    def gloss(self, d, shade):
        """Light and shade alone, over something with a pattern of its own."""
        self.shades.add(shade)
        self.path(d, f"url(#{shade})")

    # --- groups ---------------------------------------------------------------------------------------------------

    @contextmanager
    def group(self, transform=None, **more):
        pairs = {"transform": transform, **more} if transform else more
        self.body.append(f"<g{_attributes(pairs)}>")
        yield
        self.body.append("</g>")

    @contextmanager
    def clip(self, d):
        """Keeps what is painted inside to the path `d`."""
        self.clips.append(d)
        with self.group(clip_path=f"url(#k{len(self.clips)})"):
            yield

    @contextmanager
    def stamp(self):
        """Keeps what is painted inside, without showing it. Gives its name, for `print`. A file with a pattern stays small that way."""
        outside, self.body = self.body, []
        name = f"s{len(self.stamps) + 1}"
        yield name
        self.stamps.append(f'<g id="{name}">{"".join(self.body)}</g>')
        self.body = outside

    def print(self, stamp, x, y, more="", **pairs):
        """Shows a stamp at (x, y). What was painted without a fill takes `fill`, and `currentColor` is `color`."""
        self.body.append(f'<use href="#{stamp}" transform="translate({_number(x)} {_number(y)}){more}"{_attributes(pairs)}/>')

    # --- shadows --------------------------------------------------------------------------------------------------

    def floor(self, cx=400, cy=606, rx=200, ry=22):
        """The shadow under something that stands."""
        self.ellipse(cx + 14, cy, rx, ry, self.shadow, opacity=0.2)

    def drop(self, d, dx=12, dy=16):
        """The shadow of a shape that lies flat."""
        self.path(d, self.shadow, opacity=0.2, transform=f"translate({dx} {dy})")

    def drop_rect(self, x, y, width, height, rx=0, dx=12, dy=16):
        self.rect(x + dx, y + dy, width, height, self.shadow, rx, opacity=0.2)

    def drop_circle(self, cx, cy, r, dx=12, dy=16):
        self.circle(cx + dx, cy + dy, r, self.shadow, opacity=0.2)

    def steam(self, x, y):
        """Two wisps that rise from (x, y)."""
        for dx in (-26, 26):
            self.stroke(f"M{x + dx} {y}q-18-24 0-46t0-46", "#fff", 11, opacity=0.75)

    # --- result ---------------------------------------------------------------------------------------------------

    def svg(self):
        clips = "".join(f'<clipPath id="k{n}"><path d="{d}"/></clipPath>' for n, d in enumerate(self.clips, 1))
        shades = "".join(_SHADES[name] for name in sorted(self.shades))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">'
            f'<defs><linearGradient id="bg" x2="0" y2="1"><stop offset="0" stop-color="{self.top}"/>'
            f'<stop offset="1" stop-color="{self.bottom}"/></linearGradient>{shades}{clips}{"".join(self.stamps)}</defs>'
            f'<rect width="{SIZE}" height="{SIZE}" fill="url(#bg)"/>'
            f'<circle cx="400" cy="400" r="292" fill="#fff" opacity=".42"/>'
            + "".join(self.body)
            + "</svg>\n"
        )


def rounded(x, y, width, height, r):
    """The path of a rounded rectangle, for clips and drop shadows."""
    return (
        f"M{x + r} {y}h{width - 2 * r}a{r} {r} 0 0 1 {r} {r}v{height - 2 * r}a{r} {r} 0 0 1-{r} {r}"
        f"h-{width - 2 * r}a{r} {r} 0 0 1-{r}-{r}v-{height - 2 * r}a{r} {r} 0 0 1 {r}-{r}z"
    )
