"""Tea and things to eat, mostly as they are packed."""

from math import cos, pi, sin

from canvas import (
    BRASS, BRICK, CLAY, CREAM, FOREST, GRAPHITE, INDIGO, INK, MATCHA, MUSTARD, NAVY, PALE_WOOD, PAPER, ROSE, SILVER,
    SKY, STEEL, VERMILION, WALNUT, WOOD, LILAC,
)


# --- packs that several products share ---------------------------------------------------------------------------------


def pouch(p, x, colour, band, width=250, top=196):
    """A standing paper pouch with a label; returns the label's centre."""
    right = x + width
    p.path(f"M{x + 6} {top}h{width - 12}l6 {600 - top}q2 10-10 10H{x + 4}q-10 0-10-10z", colour, "cyl")
    p.rect(x + 2, top - 8, width - 4, 40, colour, 6)
    p.rect(x + 2, top - 8, width - 4, 40, "#000", 6, opacity=0.09)
    p.stroke(f"M{x + 14} {top + 12}h{width - 28}", "#fff", 3, opacity=0.45, stroke_dasharray="9 9")
    p.rect(x + 34, top + 92, width - 68, 216, PAPER, 8)
    p.rect(x + 34, top + 268, width - 68, 40, band, 8)
    p.rect(x + 34, top + 268, width - 68, 12, band)
    p.path(f"M{right - 34} {top + 36}l20 360h-34z", "#000", opacity=0.05)
    return x + width / 2, top + 178


def tin(p, x, colour, lid, width=220, top=290):
    """A round tin; returns the label's centre."""
    r = width / 2
    p.path(f"M{x} {top + 60}v248q{r} 34 {width} 0v-248z", colour, "cyl")
    p.path(f"M{x - 4} {top}v72q{r + 4} 32 {width + 8} 0v-72z", lid, "cyl")
    p.ellipse(x + r, top, r + 4, 26, lid)
    p.ellipse(x + r, top, r + 4, 26, "#fff", opacity=0.22)
    p.ellipse(x + r, top - 1, r - 14, 18, lid, opacity=0.6)
    p.path(f"M{x + 34} {top + 118}q{r - 34} 20 {width - 68} 0v136q-{r - 34} 20-{width - 68} 0z", PAPER)
    return x + r, top + 196


def jar(p, content, label, lid, x=270, top=250):
    """A glass jar; returns the label's centre."""
    body = f"M{x + 22} {top + 40}h216q34 16 34 56v220q0 40-40 40H{x + 28}q-40 0-40-40v-220q0-40 34-56z"
    p.path(body, "#cfe0dd", opacity=0.9)
    p.path(f"M{x + 8} {top + 78}h244q8 10 8 30v202q0 34-34 34H{x + 34}q-34 0-34-34v-202q0-20 8-30z", content, "cyl")
    p.path(body, "#fff", "cyl", opacity=0.14)
    if label:
        p.rect(x + 30, top + 154, 200, 132, label, 8, "cyl")
    p.rect(x + 8, top + 110, 12, 170, "#fff", 6, opacity=0.6)
    if lid:
        p.rect(x + 6, top - 24, 248, 66, lid, 12, "cyl")
        p.rect(x + 6, top + 24, 248, 12, "#000", opacity=0.1)
    return x + 130, top + 220


def leaf(p, x, y, size, colour, turn):
    p.path(
        f"M0 0c{-0.42 * size:.1f} {-0.3 * size:.1f} {-0.4 * size:.1f} {-0.8 * size:.1f} 0 {-size}"
        f"c{0.4 * size:.1f} {0.2 * size:.1f} {0.42 * size:.1f} {0.7 * size:.1f} 0 {size}z",
        colour, transform=f"translate({x} {y}) rotate({turn})",
    )


def cup(p, x, y, glaze, drink, r=72):
    p.ellipse(x + 10, y + 120, r, 14, p.shadow, opacity=0.2)
    p.path(f"M{x - r} {y}h{2 * r}l-10 84q-6 36-40 36h-{2 * r - 100}q-34 0-40-36z", glaze, "cyl")
    p.ellipse(x, y, r, 17, glaze)
    p.ellipse(x, y, r, 17, "#fff", opacity=0.35)
    p.ellipse(x, y + 2, r - 9, 12, drink)


# --- products ---------------------------------------------------------------------------------------------------------


def sencha(p):
    p.floor(360, 610, 190)
    x, y = pouch(p, 210, "#6f8f4e", FOREST)
    leaf(p, x, y + 58, 104, MATCHA, 0)
    leaf(p, x - 4, y + 58, 82, FOREST, -48)
    leaf(p, x + 4, y + 58, 82, FOREST, 48)
    cup(p, 556, 490, CREAM, "#a9b64e")


def hojicha(p):
    p.floor(380, 608, 200)
    p.path("M210 330h290v262q0 14-14 14H224q-14 0-14-14z", "#b9804f", "cyl")
    p.path("M210 330l40-64h290l-40 64z", "#d19e6d")
    p.path("M500 330l40-64v258l-40 82z", "#8d5d38")
    p.rect(246, 392, 218, 150, PAPER, 8)
    leaf(p, 355, 520, 96, BRICK, 0)
    leaf(p, 351, 520, 72, CLAY, -52)
    leaf(p, 359, 520, 72, CLAY, 52)
    p.stroke("M596 606C640 560 560 500 588 440", PAPER, 4)
    p.path("M540 500l26-26h52l26 26v96q0 10-10 10h-84q-10 0-10-10z", PAPER, "cyl")
    p.path("M552 556h80v34q0 8-8 8h-64q-8 0-8-8z", "#9a6a45", opacity=0.8)
    p.rect(566, 398, 52, 50, VERMILION, 5, "flat")
    p.stroke("M592 448v30", GRAPHITE, 3)


def matcha(p):
    p.floor(400, 610, 220)
    x, y = tin(p, 170, FOREST, MATCHA)
    leaf(p, x, y + 44, 84, MATCHA, 20)
    leaf(p, x, y + 44, 64, FOREST, -34)
    for n in range(-6, 7):
        p.stroke(f"M{556 + n * 8} 470Q{556 + n * 17} 545 {556 + n * 10} 606", PALE_WOOD, 7)
    p.rect(504, 454, 104, 22, WALNUT, 6)
    p.rect(508, 340, 96, 122, PALE_WOOD, 12, "cyl")
    p.stroke("M508 420h96", WOOD, 4)
    p.ellipse(556, 342, 48, 10, WOOD)


def black_tea(p):
    p.floor(390, 610, 220)
    x, y = tin(p, 180, BRICK, "#8a3f30")
    p.circle(x, y - 4, 38, ROSE)
    for n in range(5):
        leaf(p, x, y - 4, 42, "#c9746a", n * 72)
    p.circle(x, y - 4, 9, MUSTARD)
    p.ellipse(556, 598, 128, 18, SILVER)
    p.ellipse(556, 593, 128, 16, PAPER)
    p.stroke("M624 500c60-14 60 62-14 60", PAPER, 15)
    p.path("M476 476h164q0 112-58 116h-48q-58-4-58-116z", PAPER, "cyl")
    p.ellipse(558, 476, 82, 18, PAPER)
    p.ellipse(558, 478, 72, 13, "#b5552f")
    p.steam(558, 446)


def genmaicha(p):
    p.floor(400, 610, 200)
    x, y = pouch(p, 266, "#d9bd85", MATCHA, 270)
    for n in range(7):
        px, py = x + cos(n * 0.9 + 0.3) * (20 + n * 8), y + sin(n * 0.9 + 0.3) * (16 + n * 6)
        p.ellipse(px, py, 15, 8, CLAY if n % 2 else MUSTARD, transform=f"rotate({n * 47} {px:.0f} {py:.0f})")
    leaf(p, x, y + 50, 62, MATCHA, 12)
    p.ellipse(580, 602, 76, 12, p.shadow, opacity=0.2)
    for n in range(22):
        px, py = 560 + (n * 37) % 92 - 36, 596 - (n * 23) % 34 * (1 - abs((n * 37) % 92 - 46) / 60)
        p.ellipse(px, py, 13, 7, (MATCHA, CLAY, FOREST, "#e8cf94")[n % 4], transform=f"rotate({n * 53 % 180} {px:.0f} {py:.0f})")


def yokan(p):
    with p.group("rotate(-5 400 400)"):
        p.drop_rect(170, 250, 460, 320, 14)
        p.rect(170, 250, 460, 320, NAVY, 14, "flat")
        p.rect(188, 268, 424, 284, "#efe2c8", 8)
        colours = ("#6d3b41", "#7f9658", "#c79a4c")
        for row in range(2):
            for column in range(3):
                x, y = 202 + column * 136, 282 + row * 132
                p.rect(x, y, 124, 124, PAPER, 6)
                p.rect(x + 14, y + 18, 96, 92, colours[column], 8, "flat")
                p.rect(x + 22, y + 26, 80, 8, "#fff", 4, opacity=0.35)
                if column == 2:
                    p.dots(((x + 42, y + 66), (x + 78, y + 84)), 12, "#ecc97c")
                if column == 0:
                    p.dots(((x + 40, y + 62), (x + 66, y + 84), (x + 86, y + 60)), 8, "#4d272c")
        p.path("M600 250h30v320h-30z", VERMILION, opacity=0.92)


def senbei(p):
    p.drop("M150 470a250 130 0 1 0 500 0a250 130 0 1 0-500 0z", 10, 18)
    p.ellipse(400, 470, 250, 130, INDIGO, "flat")
    p.ellipse(400, 462, 214, 104, "#4b6894")
    for x, y, dark, nori in ((306, 440, 0, 1), (494, 444, 0, 0), (400, 500, 0, 1), (402, 380, 1, 0)):
        p.ellipse(x + 6, y + 14, 108, 80, "#000", opacity=0.16)
        p.ellipse(x, y, 108, 80, "#b97f3f", "ball")
        p.ellipse(x, y - 5, 96, 69, "#cf9a55", "ball")
        for n in range(6):
            px, py = x + cos(n * 1.1) * 58, y - 5 + sin(n * 1.1) * 40
            p.circle(px, py, 7 + n % 3 * 2, "#a86c30", opacity=0.45)
        if nori:
            p.path(f"M{x - 36} {y - 68}q36-10 72 0l4 130q-40 12-80 0z", "#2f4036", "flat")


def konpeito(p):
    p.floor(400, 612, 170)
    jar(p, "#fbf3ee", None, None)
    colours = (ROSE, "#f3dc8e", "#b9d3a0", PAPER, "#a9c8dc", LILAC)
    star = "".join(f"{'M' if k == 0 else 'L'}{cos(k * pi / 8) * (17 if k % 2 else 12):.0f} {sin(k * pi / 8) * (17 if k % 2 else 12):.0f}" for k in range(16))
    with p.stamp() as sweet:
        p.path(star + "z", None, stroke="#000", stroke_opacity=0.06, stroke_width=2)
    for n in range(52):
        row, column = divmod(n, 8)
        x = 300 + column * 29 + (row % 2) * 12
        y = 572 - row * 33 - (column * 7) % 9
        colour = colours[(n * 5 + row) % 6]
        p.print(sweet, x, y, fill=colour)
    p.rect(278, 360, 12, 190, "#fff", 6, opacity=0.7)
    p.path("M286 236h228v50H286z", WOOD, "cyl")
    p.rect(296, 210, 208, 40, PALE_WOOD, 12, "cyl")
    p.stroke("M276 300q124 18 248 0", VERMILION, 9)
    p.path("M400 306c-40-26-60 6-38 18 18 6 32-6 38-18 6 12 20 24 38 18 22-12 2-44-38-18z", VERMILION)
    p.stroke("M396 314l-22 46M404 314l22 46", VERMILION, 8)


def honey(p):
    p.floor(370, 612, 190)
    x, y = jar(p, "#dd9a2b", CREAM, MUSTARD, 220)
    for dx, dy in ((0, -20), (-30, 32), (30, 32)):
        cell = "".join(f"{'M' if k == 0 else 'L'}{x + dx + 30 * cos(k * pi / 3 + pi / 6):.0f} {y + dy - 8 + 30 * sin(k * pi / 3 + pi / 6):.0f}" for k in range(6))
        p.path(cell + "z", MUSTARD, stroke=PAPER, stroke_width=5)
    with p.group("rotate(24 600 480)"):
        p.rect(592, 230, 16, 250, PALE_WOOD, 8, "cyl")
        for n, half in enumerate((26, 36, 40, 36, 26)):
            p.rect(600 - half, 462 + n * 25, half * 2, 18, WOOD, 9, "cyl")
    p.path("M540 594q14-22 42-14t44 2 30 24q-60 14-116-12z", "#dd9a2b", "flat")


def dashi(p):
    p.floor(400, 610, 210)
    x, y = pouch(p, 230, CREAM, INDIGO, 270)
    p.path(f"M{x - 76} {y}q60-56 116 0l38-30q-10 30 0 60l-38-30q-56 56-116 0z", INDIGO)
    p.circle(x - 46, y - 6, 6, PAPER)
    p.stroke(f"M{x - 26} {y - 22}q14 22 0 44", PAPER, 4)
    for n, (px, py, turn) in enumerate(((560, 560, 12), (540, 520, -14))):
        with p.group(f"rotate({turn} {px} {py})"):
            p.rect(px - 56, py - 46, 116, 92, PAPER, 5, "flat")
            p.rect(px - 46, py - 30, 96, 66, "#c9a06a", 12, opacity=0.55)
            p.stroke(f"M{px - 52} {py - 38}h106", STEEL, 3, stroke_dasharray="5 7")


def drip_coffee(p):
    p.floor(400, 608, 190)
    p.stroke("M520 430c96-12 100 122-8 124", PAPER, 30)
    p.path("M268 390h260v150q0 66-66 66H334q-66 0-66-66z", PAPER, "cyl")
    p.rect(268, 470, 260, 34, VERMILION, shade="cyl")
    p.ellipse(398, 390, 130, 26, PAPER)
    p.ellipse(398, 393, 117, 19, "#4a2f22")
    p.path("M282 216h232l-34 168q-82 20-164 0z", "#f2e7d3", "cyl")
    p.path("M300 246h196l-26 124q-72 16-144 0z", "#5a3a29", "cyl")
    p.ellipse(398, 246, 98, 17, "#6f4a35")
    p.path("M282 216l-40 150 34 40 22-24z", "#d9bd92")
    p.path("M514 216l40 150-34 40-22-24z", "#c6a87a")
    p.steam(398, 200)


def jam(p):
    p.floor(380, 612, 190)
    x, y = jar(p, "#b8333a", CREAM, None, 240)
    p.path(f"M{x} {y + 46}c-44-14-60-70-32-88q32-12 64 0c28 18 12 74-32 88z", VERMILION, "ball")
    p.path(f"M{x} {y - 34}c-10-14-30-16-40-4 12 10 30 14 40 4zm0 0c10-14 30-16 40-4-12 10-30 14-40 4z", FOREST)
    p.dots(((x - 16, y - 12), (x + 14, y - 10), (x, y + 8), (x - 18, y + 12), (x + 18, y + 14)), 3.4, "#f6d7a0")
    p.rect(250, 262, 240, 58, STEEL, 10, "cyl")
    cloth = "M228 322q20-70 52-82 90-22 180 0 32 12 52 82-22-14-40 4-30-18-52 2-28-18-50 0-26-18-52 0-24-20-50-2-18-18-40-4z"
    p.path(cloth, PAPER, "cyl")
    with p.clip(cloth):
        for n in range(9):
            p.rect(226 + n * 34, 220, 17, 130, VERMILION, opacity=0.45)
        for n in range(4):
            p.rect(220, 230 + n * 32, 300, 16, VERMILION, opacity=0.45)
    p.stroke("M252 304q118 24 236 0", WALNUT, 7)
    for sx, sy, s in ((588, 560, 1), (648, 580, 0.8)):
        with p.group(f"translate({sx} {sy}) scale({s})"):
            p.path("M0 46c-50-14-62-66-36-88q36-16 72 0c26 22 14 74-36 88z", VERMILION, "ball")
            p.path("M0-32c-14-22-38-20-46-6 12 14 34 16 46 6zm0 0c14-22 38-20 46-6-12 14-34 16-46 6z", FOREST)
            p.dots(((-18, -14), (16, -12), (0, 6), (-16, 14), (18, 14)), 3.4, "#f6d7a0")


DRAWINGS = [
    sencha, hojicha, matcha, black_tea, genmaicha, yokan, senbei, konpeito, honey, dashi, drip_coffee, jam,
]
