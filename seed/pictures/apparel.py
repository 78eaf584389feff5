"""Cloth, leather and straw."""

from math import cos, pi, sin

from canvas import (
    BRASS, CREAM, FOREST, GRAPHITE, INDIGO, INK, MATCHA, MUSTARD, NAVY, PALE_WOOD, PAPER, ROSE, SILVER, SKY, STEEL,
    VERMILION, WALNUT, WOOD,
)


def tote(p, colour, trim, x, y, w, h):
    p.floor(400, 608, w * 0.52)
    mid = x + w / 2
    for lift, shade in ((150, 0.55), (132, 1)):
        p.stroke(f"M{mid - w * 0.24:.0f} {y + 30}C{mid - w * 0.24:.0f} {y - lift} {mid + w * 0.24:.0f} {y - lift} {mid + w * 0.24:.0f} {y + 30}", trim, 22, opacity=shade)
    p.path(f"M{x} {y}h{w}l16 {h - 14}q0 14-16 14H{x}q-16 0-16-14z", colour, "flat")
    p.path(f"M{x} {y}h{w}l1 26H{x - 1}z", "#000", opacity=0.07)
    p.stroke(f"M{x + 6} {y + 34}h{w - 12}", "#fff", 3, stroke_dasharray="8 8", opacity=0.7)
    p.path(f"M{x - 10} {y + h - 86}h{w + 20}l6 72q0 14-16 14H{x}q-16 0-16-14z", trim, "flat")
    for side in (-1, 1):
        p.rect(mid + side * w * 0.24 - 15, y + 8, 30, 74, trim, 4)
        p.stroke(f"M{mid + side * w * 0.24 - 7:.0f} {y + 54}l14 18m0-18l-14 18", "#fff", 3, opacity=0.6)
    p.rect(mid - 34, y + h * 0.42, 68, 44, PAPER, 4)
    p.stroke(f"M{mid - 18:.0f} {y + h * 0.42 + 22:.0f}h36", trim, 5)


def canvas_tote(p):
    tote(p, "#efe3cb", INDIGO, 236, 290, 328, 316)


def lunch_tote(p):
    tote(p, "#c8d0a9", FOREST, 256, 360, 288, 246)


def face_towel(p):
    p.floor(400, 610, 210)
    for n, colour in enumerate((SKY, PAPER, ROSE)):
        y = 506 - n * 104
        left, right = 206 + n * 8, 594 - n * 8
        p.path(f"M{left + 46} {y}H{right}q12 0 12 12v80q0 12-12 12H{left + 46}q-52 0-52-52t52-52z", colour, "flat")
        p.stroke(f"M{right + 4} {y + 50}H{left + 54}q-18 0-18 14", "#000", 4, opacity=0.13)
        p.rect(right - 66, y, 14, 104, "#fff", opacity=0.45 if colour != PAPER else 0)
        p.rect(right - 66, y, 14, 104, "#000", opacity=0.05)
        p.rect(right - 42, y, 6, 104, "#000", opacity=0.06)


def socks(p):
    for x, turn, front in ((330, -8, 0), (440, 6, 1)):
        with p.group(f"rotate({turn} {x} 400) translate({x - 330} {front * 18})"):
            sock = "M300 176h112v224c0 34 20 46 66 72 60 34 56 116-14 118-62 2-124-30-150-70-18-28-14-62-14-98z"
            p.drop(sock)
            p.path(sock, MUSTARD, "flat")
            with p.clip(sock):
                p.rect(290, 176, 140, 46, CREAM)
                for k in range(9):
                    p.rect(304 + k * 13, 176, 4, 46, "#000", opacity=0.07)
                for k in range(3):
                    p.rect(290, 250 + k * 34, 140, 15, CREAM)
                p.circle(318, 478, 62, VERMILION, opacity=0.85)
                p.circle(492, 552, 70, VERMILION, opacity=0.85)


def linen_shirt(p):
    shirt = "M312 186l-104 46q-16 8-22 26l-44 150 74 26 40-96v272q0 12 12 12h264q12 0 12-12V338l40 96 74-26-44-150q-6-18-22-26l-104-46z"
    p.drop(shirt)
    p.path(shirt, "#dfe3d6", "flat")
    p.path("M258 338l-8 130 10 60V340zM544 338l8 130-10 60z", "#000", opacity=0.06)
    p.path("M336 190q64 50 128 0l-64 66z", "#b9bfae")
    p.path("M312 186l24-18 64 88-50 34zM488 186l-24-18-64 88 50 34z", "#eef0e8", "flat")
    p.rect(386, 256, 28, 366, "#000", opacity=0.04)
    p.dots(((400, 300), (400, 366), (400, 432), (400, 498), (400, 564)), 7, WALNUT)
    p.rect(446, 320, 76, 84, "#d3d8c8", 4)
    p.stroke("M446 340h76", "#fff", 3, stroke_dasharray="6 6")
    p.stroke("M156 400l62 22M644 400l-62 22", "#fff", 4, opacity=0.7)


def tenugui(p):
    p.stroke("M196 196h408", WALNUT, 18)
    cloth = "M236 196h328v396q-40 14-82 0t-82 0-82 0-82 0z"
    p.drop(cloth)
    p.path(cloth, INDIGO)
    # Hemp leaf: in each hexagon six rays, and six kites between them.
    d = ""
    for k in range(6):
        a = k * pi / 3 + pi / 6
        b = a + pi / 3
        mx, my = 28 * cos(a + pi / 6), 28 * sin(a + pi / 6)
        d += f"M0 0L{48 * cos(a):.0f} {48 * sin(a):.0f}L{mx:.0f} {my:.0f}L{48 * cos(b):.0f} {48 * sin(b):.0f}M0 0L{mx:.0f} {my:.0f}"
    with p.stamp() as leaf:
        p.stroke(d, PAPER, 3.4, opacity=0.85)
    with p.clip(cloth):
        for row in range(6):
            for column in range(5):
                p.print(leaf, 250 + column * 84 + row % 2 * 42, 206 + row * 73)
    for x in (318, 400, 482):
        p.path(f"M{x - 10} 196h20l-6 400h-8z", "#000", opacity=0.06)
    p.circle(196, 196, 14, WOOD)
    p.circle(604, 196, 14, WOOD)


def umbrella(p):
    p.floor(440, 614, 90, 14)
    with p.group("rotate(14 400 400)"):
        p.rect(392, 210, 14, 350, STEEL, 7, "cyl")
        p.rect(383, 520, 32, 100, WALNUT, 14, "cyl")
        p.stroke("M399 618v14q0 14 16 14", NAVY, 5)
        canopy = "M150 400C160 240 270 170 400 170s240 70 250 230q-34-40-62 0-32-44-64 0-30-44-62 0-32-42-62 0-32-44-62 0-30-44-64 0-30-42-64 0-30-40-60 0z"
        p.drop(canopy, 8, 16)
        p.path(canopy, NAVY)
        p.path("M400 170C320 200 284 290 276 400q30-42 62 0 32-42 62 0 32-42 62 0 30-44 62 0-8-110-124-230z", INDIGO)
        p.path("M400 170c-30 40-58 130-62 230 32-42 62-42 62 0 0-42 30-42 62 0-4-100-32-190-62-230z", "#46689a")
        p.gloss(canopy, "flat")
        p.rect(392, 146, 16, 30, STEEL, 8)


def wallet(p):
    with p.group("rotate(-8 400 400)"):
        p.drop_rect(190, 250, 420, 316, 26)
        p.rect(196, 226, 300, 200, "#cfe0c6", 4)
        p.circle(350, 300, 30, MATCHA, opacity=0.5)
        p.rect(190, 250, 420, 316, "#8c5532", 26, "flat")
        p.rect(206, 266, 388, 284, "none", 16, stroke="#e0b98c", stroke_width=4, stroke_dasharray="12 9", opacity=0.9)
        p.path("M190 420h420v120q0 26-26 26H216q-26 0-26-26z", "#000", opacity=0.07)
        p.path("M610 360h-84q-34 0-34 46t34 46h84z", "#744526", "flat")
        p.circle(536, 406, 17, BRASS, "ball")


def scarf(p):
    def plaid(d, lines):
        p.drop(d, 8, 14)
        p.path(d, "#b8625a", "flat")
        with p.clip(d):
            for line in lines:
                p.stroke(line, CREAM, 9, opacity=0.6)
                p.stroke(line, NAVY, 20, opacity=0.22)

    plaid("M420 400l110-20 30 210-120 16z", ("".join(f"M{430 + n * 34} 380l{26 + n} 220" for n in range(4)), "".join(f"M410 {430 + n * 44}l160-24" for n in range(4))))
    plaid("M270 390h126l-16 232H262z", ("".join(f"M{284 + n * 34} 380l-6 250" for n in range(4)), "".join(f"M250 {420 + n * 44}h150" for n in range(5))))
    for n in range(8):
        p.stroke(f"M{268 + n * 15} 622l-2 34", "#b8625a", 6)
        p.stroke(f"M{446 + n * 15} {604 - n * 2}l5 32", "#b8625a", 6)
    plaid("M200 320q0-130 200-130t200 130-200 138-200-138zM286 296q114 60 228 0-20-44-114-44t-114 44z", ("".join(f"M{190 + n * 52} 470q{(4 - n) * 10}-130 {(4 - n) * 4}-290" for n in range(9)), "M190 330q210 130 420 0M190 380q210 130 420 0M220 262q180-90 360 0"))
    p.path("M286 296q114 60 228 0-20-44-114-44t-114 44z", p.shadow, opacity=0.35)


def straw_hat(p):
    p.floor(400, 560, 270, 34)
    p.ellipse(400, 500, 280, 86, PALE_WOOD, "flat")
    for n in range(5):
        p.ellipse(400, 497 - n * 2, 262 - n * 22, 78 - n * 8, "none", stroke=WOOD, stroke_width=3, opacity=0.75)
    crown = "M240 478c0-150 36-234 160-234s160 84 160 234q-160 56-320 0z"
    p.path(crown, PALE_WOOD, "cyl")
    with p.clip(crown):
        for n in range(9):
            p.stroke(f"M230 {300 + n * 26}q170 52 340 0", WOOD, 3, opacity=0.75)
        p.path("M230 412q170 56 340 0v66q-170 60-340 0z", NAVY)
        p.path("M230 412q170 56 340 0v12q-170 56-340 0z", "#fff", opacity=0.14)
    p.path("M520 436l70-30-8 46 26 34-78-12z", NAVY, "flat")


def room_shoes(p):
    for x, y, turn in ((300, 400, -7), (490, 420, 7)):
        with p.group(f"rotate({turn} {x} {y}) translate({x - 300} {y - 400})"):
            sole = "M218 330c0-70 20-130 82-130s82 60 82 130c0 60-16 100-16 150 0 70-22 116-66 116s-66-46-66-116c0-50-16-90-16-150z"
            p.drop(sole, 12, 18)
            p.path(sole, WALNUT)
            p.path("M226 330c0-66 18-122 74-122s74 56 74 122c0 58-16 100-16 148 0 66-20 110-58 110s-58-44-58-110c0-48-16-90-16-148z", "#d8d2c6", "flat")
            p.ellipse(300, 520, 40, 50, "#c3bbab", opacity=0.6)
            p.path("M226 340c-2-76 16-132 74-132s76 56 74 132q-2 40-10 70-64-54-128 0-8-30-10-70z", "#7f96a0", "flat")
            p.stroke("M238 402q62-50 124 0", "#fff", 4, stroke_dasharray="8 8", opacity=0.75)
            p.path("M300 262c18 14 26 30 0 52-26-22-18-38 0-52z", MUSTARD)


def furoshiki(p):
    p.floor(400, 608, 200)
    p.path("M396 306C340 200 236 180 190 214c40 60 110 110 200 120z", VERMILION, "flat")
    p.path("M404 306c56-106 160-126 206-92-40 60-110 110-200 120z", VERMILION, "flat")
    p.path("M206 226c60 14 120 50 174 96l10 12c-90-10-150-60-184-108z", "#000", opacity=0.1)
    p.path("M594 226c-60 14-120 50-174 96l-10 12c90-10 150-60 184-108z", "#000", opacity=0.1)
    bundle = "M390 322c-100 20-196 90-196 190 0 64 60 94 206 94s206-30 206-94c0-100-96-170-196-190z"
    p.path(bundle, VERMILION, "cyl")
    with p.clip(bundle):
        for row in range(6):
            for column in range(9):
                x, y = 190 + column * 54 + row % 2 * 27, 352 + row * 52
                p.body.append(f'<path d="M{x} {y}q14-18 28 0M{x + 6} {y + 6}q8-10 16 0" stroke="#f8f2e6" stroke-width="4" fill="none" opacity=".75"/>')
        p.path("M400 322c-60 60-110 160-110 290h-30c0-140 60-240 130-290z", "#000", opacity=0.08)
        p.path("M400 322c60 60 110 160 110 290h30c0-140-60-240-130-290z", "#000", opacity=0.08)
    p.path("M352 300q48-30 96 0 14 26 0 52-48 24-96 0-14-26 0-52z", "#b54733", "ball")


DRAWINGS = [
    canvas_tote, lunch_tote, face_towel, socks, linen_shirt, tenugui, umbrella, wallet, scarf, straw_hat, room_shoes,
    furoshiki,
]
