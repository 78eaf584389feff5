"""Paper, pens and what belongs to a desk: mostly seen from above."""

from canvas import (
    BRASS, CREAM, GRAPHITE, INDIGO, INK, MATCHA, MUSTARD, NAVY, PALE_WOOD, PAPER, ROSE, SILVER, SKY, STEEL, VERMILION,
    WALNUT, WOOD,
)


def grid_notebook(p):
    with p.group("rotate(-9 400 400)"):
        p.drop_rect(240, 176, 330, 452, 16)
        p.rect(248, 184, 330, 448, PAPER, 12)
        p.rect(248, 184, 326, 444, "#d9d4c8", 12)
        p.rect(240, 176, 330, 448, INDIGO, 14, "flat")
        p.rect(240, 176, 46, 448, NAVY, 14)
        p.rect(272, 176, 14, 448, NAVY)
        p.rect(334, 256, 190, 120, PAPER, 6)
        for n in range(1, 10):
            p.stroke(f"M{334 + n * 19} 256v120", SKY, 1.5, opacity=0.8)
        for n in range(1, 6):
            p.stroke(f"M334 {256 + n * 20}h190", SKY, 1.5, opacity=0.8)


def planner(p):
    with p.group("rotate(-6 400 400)"):
        p.drop_rect(140, 226, 520, 364, 18)
        p.rect(140, 226, 520, 364, WALNUT, 18, "flat")
        p.path("M156 240h232q12 0 12 12v326q0-8-12-8H156z", PAPER)
        p.path("M644 240H412q-12 0-12 12v326q0-8 12-8h232z", PAPER)
        p.path("M340 240h48q12 0 12 12v326q0-8-12-8h-48z", "#000", opacity=0.05)
        p.path("M460 240h-48q-12 0-12 12v326q0-8 12-8h48z", "#000", opacity=0.05)
        for n in range(7):
            y = 272 + n * 41
            p.circle(182, y + 16, 9, VERMILION if n == 6 else SKY)
            p.stroke(f"M204 {y + 16}h{(120, 86, 140, 70, 110, 130, 60)[n]}", STEEL, 7)
            p.stroke(f"M168 {y + 37}h208", SILVER, 2)
        p.dots(((x, y) for x in range(436, 636, 28) for y in range(270, 560, 28)), 2.2, STEEL)
        p.path("M430 580v60l10-12 10 12v-60z", VERMILION)
        p.path("M470 580v44l10-12 10 12v-44z", MUSTARD)


def ballpoint(p):
    p.stroke("M170 560c40-70 80-70 76-20s40 40 72 0 66-30 62 6 44 26 70-4", INDIGO, 8)
    with p.group("translate(440 540) rotate(-52)"):
        p.drop_rect(60, -24, 370, 48, 20, 16, 14)
        p.path("M0 0l64-22v44z", STEEL, "flat")
        p.circle(4, 0, 5, INK)
        p.rect(60, -24, 330, 48, INDIGO, 8, "flat")
        p.rect(60, -24, 110, 48, NAVY, 8)
        for x in (84, 102, 120, 138):
            p.rect(x, -24, 6, 48, "#fff", opacity=0.18)
        p.rect(386, -14, 46, 28, STEEL, 10, "flat")
        p.rect(366, -24, 22, 48, SILVER)
        p.rect(230, -34, 150, 14, SILVER, 7)


def mechanical_pencil(p):
    with p.group("translate(205 600) rotate(-45)"):
        p.drop_rect(70, -28, 470, 56, 26, 14, 14)
        p.rect(0, -3, 26, 6, INK, 3)
        p.path("M22-6l60-22v56L22 6z", BRASS, "flat")
        p.rect(80, -28, 26, 56, "#a8823a")
        p.rect(104, -28, 360, 56, WALNUT, 6, "flat")
        for d in ("M112-12q170 10 350-4", "M112 4q150-10 350 2", "M112 16q190 8 350-2"):
            p.stroke(d, WOOD, 2.5, opacity=0.5)
        p.rect(460, -28, 40, 56, BRASS, 6, "flat")
        p.rect(498, -17, 44, 34, STEEL, 10, "flat")
        p.rect(330, -38, 160, 14, BRASS, 7)


def fountain_pen(p):
    with p.group("rotate(-40 400 400)"):
        p.drop_rect(280, 330, 430, 62, 28)
        p.rect(360, 330, 350, 62, NAVY, 28, "flat")
        p.rect(330, 330, 70, 62, NAVY)
        p.rect(338, 330, 14, 62, BRASS)
        p.path("M330 334l-90 8v38l90 8z", INK, "flat")
        p.path("M246 340c-40 0-80 8-128 21 48 13 88 21 128 21 16-10 16-32 0-42z", MUSTARD, "flat")
        p.stroke("M118 361h86", INK, 3)
        p.circle(208, 361, 6, INK)
        p.drop_rect(170, 450, 300, 72, 32)
        p.rect(170, 450, 300, 72, NAVY, 32, "flat")
        p.rect(430, 450, 16, 72, BRASS)
        p.rect(400, 450, 8, 72, BRASS)
        p.path("M196 476h190q12 0 12 9t-12 9H196q-14 0-14-9t14-9z", BRASS)


def ruler(p):
    with p.group("rotate(-32 400 400)"):
        p.drop_rect(110, 345, 580, 112, 14)
        p.rect(110, 345, 580, 112, STEEL, 14, "flat")
        p.rect(110, 345, 580, 52, "#fff", 14, opacity=0.28)
        for n in range(61):
            x = 130 + n * 9
            length = 44 if n % 10 == 0 else 32 if n % 5 == 0 else 20
            p.body.append(f'<path d="M{x} 349v{length}" stroke="{GRAPHITE}" stroke-width="2.4"/>')
        p.circle(656, 424, 13, p.bottom)


def scissors(p):
    for side, blade, bow in ((1, SILVER, VERMILION), (-1, STEEL, VERMILION)):
        with p.group(f"translate(400 390) scale({side} 1) rotate(17)"):
            p.drop("M-16 30L-20-230Q8-190 20 30z", 8 * side, 12)
            p.path("M-18 40L-22-230Q8-190 22 40z", blade, "flat")
            p.stroke("M0 40q6 50 0 72", bow, 34)
            p.circle(8, 172, 58, "none", stroke=p.shadow, stroke_width=30, opacity=0.18, transform=f"translate({10 * side} 14)")
            p.circle(8, 172, 58, "none", stroke=bow, stroke_width=32)
            p.circle(8, 172, 68, "none", stroke="#fff", stroke_width=4, opacity=0.3)
    p.circle(400, 400, 17, GRAPHITE, "ball")
    p.stroke("M391 400h18", SILVER, 3)


def sticky_notes(p):
    places = ((214, 216, ROSE), (366, 190, MUSTARD), (450, 330, "#a9bf8a"), (216, 372, SKY), (356, 440, "#c8bfdd"))
    for n, (x, y, colour) in enumerate(places):
        turn = (-7, 4, 9, 5, -4)[n]
        with p.group(f"rotate({turn} {x + 80} {y + 80})"):
            p.drop_rect(x, y, 170, 170, 2, 8, 14)
            p.rect(x + 4, y + 6, 170, 170, "#000", 2, opacity=0.08)
            p.path(f"M{x} {y}h170v136l-34 34H{x}z", colour, "flat")
            p.path(f"M{x + 170} {y + 136}l-34 34q8-20 2-36 16 8 32 2z", "#fff", opacity=0.55)
            p.rect(x, y, 170, 30, "#000", opacity=0.05)
            if n in (0, 2, 4):
                p.stroke(f"M{x + 30} {y + 66}h96M{x + 30} {y + 94}h70", "#fff", 8, opacity=0.7)


def masking_tape(p):
    rolls = ((290, 320, VERMILION, "plain"), (510, 360, SKY, "check"), (380, 520, MUSTARD, "dot"))
    for x, y, colour, pattern in rolls:
        p.drop_circle(x, y, 110)
        if pattern == "plain":
            p.path(f"M{x - 20} {y + 108}q-80 0-150-34l-14 40q80 40 170 36z", colour, opacity=0.85)
        p.circle(x, y, 112, colour, "flat")
        for r in (104, 96, 88):
            p.circle(x, y, r, "none", stroke="#fff", stroke_width=2, opacity=0.35)
        if pattern == "dot":
            from math import cos, pi, sin
            p.dots(((x + 94 * cos(n * pi / 8), y + 94 * sin(n * pi / 8)) for n in range(16)), 8, PAPER)
        if pattern == "check":
            p.circle(x, y, 94, "none", stroke=PAPER, stroke_width=28, stroke_dasharray="12 13", opacity=0.7)
        p.circle(x, y, 72, PALE_WOOD)
        p.circle(x, y, 62, p.top, "flat")


def pencils(p):
    for n, colour in enumerate((VERMILION, FOREST_GREEN, INDIGO, MUSTARD, WALNUT)):
        x, top = 246 + n * 62, (206, 176, 190, 168, 200)[n]
        p.path(f"M{x} {top + 66}l18-50q8-18 16 0l18 50z", PALE_WOOD, "cyl")
        p.path(f"M{x + 18} {top + 16}q8-18 16 0l4 12h-24z", INK)
        p.rect(x, top + 60, 52, 330, colour, shade="cyl")
        p.rect(x + 17, top + 60, 18, 330, "#fff", opacity=0.16)
    p.floor(402, 606, 190)
    p.path("M226 350h352v240q0 14-14 14H240q-14 0-14-14z", CREAM, "cyl")
    p.rect(226, 350, 352, 40, NAVY, shade="cyl")
    p.rect(292, 440, 220, 104, PAPER, 6)
    p.stroke("M330 476h144M350 508h104", NAVY, 8)


FOREST_GREEN = "#5d7d54"


def letter_set(p):
    with p.group("rotate(-5 400 400)"):
        p.drop_rect(190, 300, 420, 286, 10)
        p.path("M190 310L400 190l210 120z", "#e9dcc4")
        with p.group("rotate(3 400 300)"):
            p.rect(228, 168, 344, 300, PAPER, 4, "flat")
            for n in range(6):
                p.stroke(f"M262 {214 + n * 34}h276", ROSE, 2.5, opacity=0.7)
            p.circle(520, 196, 10, ROSE)
            p.circle(504, 204, 8, ROSE, opacity=0.7)
        p.path("M190 306l210 150 210-150v268q0 12-12 12H202q-12 0-12-12z", "#f1e6d0", "flat")
        p.stroke("M196 582l164-140M604 582L440 442", "#d8c8a9", 3)
        p.circle(400, 456, 30, VERMILION, "ball")
        p.path("M400 438c8 8 16 6 18 16-2 10-10 10-18 18-8-8-16-8-18-18 2-10 10-8 18-16z", "#fff", opacity=0.6)


def eraser(p):
    with p.group("rotate(-26 400 400)"):
        p.drop_rect(200, 326, 400, 164, 20)
        p.rect(200, 322, 400, 160, PAPER, 26, "flat")
        p.path("M200 440q0 42 30 42h342q28 0 28-42v-4q0 18-28 18H230q-30 0-30-18z", "#000", opacity=0.07)
        p.rect(310, 316, 292, 172, INDIGO, 10, "flat")
        p.rect(310, 356, 292, 18, PAPER)
        p.rect(310, 430, 292, 18, PAPER)
        p.rect(388, 380, 140, 44, PAPER, 6)
    for x, y, turn in ((206, 556, 20), (262, 590, -30), (318, 566, 50), (236, 612, 5), (180, 606, -60)):
        p.ellipse(x, y, 17, 6, "#8d939c", transform=f"rotate({turn} {x} {y})", opacity=0.8)


DRAWINGS = [
    grid_notebook, planner, ballpoint, mechanical_pencil, fountain_pen, ruler, scissors, sticky_notes, masking_tape,
    pencils, letter_set, eraser,
]
