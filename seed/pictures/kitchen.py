"""Cups, pots, knives: things that stand in the kitchen."""

from canvas import (
    BRASS, BRICK, CLAY, CREAM, FOREST, GRAPHITE, INDIGO, INK, MATCHA, MUSTARD, PALE_WOOD, PAPER, SILVER, SKY, STEEL,
    VERMILION, WALNUT, WOOD,
)


def mug(p, glaze, drink, speckle):
    p.floor(390, 608, 175)
    p.stroke("M520 350c105-14 110 150-12 152", glaze, 34)
    p.stroke("M520 350c105-14 110 150-12 152", "#000", 34, opacity=0.1)
    p.rect(320, 588, 142, 22, CLAY, 6, "cyl")
    p.path("M250 290h282v230q0 78-78 78H328q-78 0-78-78z", glaze, "cyl")
    p.ellipse(391, 290, 141, 28, glaze)
    p.ellipse(391, 290, 141, 28, "#fff", opacity=0.35)
    p.ellipse(391, 293, 126, 21, drink)
    p.ellipse(380, 289, 70, 8, "#fff", opacity=0.16)
    p.dots(((300, 380), (352, 452), (430, 400), (470, 500), (318, 520), (400, 560), (492, 372)), 4, speckle, opacity=0.6)
    p.steam(390, 240)


def white_mug(p):
    mug(p, CREAM, "#6d4632", CLAY)


def lapis_mug(p):
    mug(p, INDIGO, "#8a5a3c", SKY)


def kyusu(p):
    p.floor(400, 606, 190)
    p.path("M545 455l150-66q26-10 34 12 6 20-18 32l-150 72z", BRICK, "flat")
    p.path("M258 470L150 352q-12-14 4-24l30-14q12-4 20 10l96 116z", BRICK, "flat")
    p.ellipse(169, 326, 22, 9, "#6d3526", transform="rotate(-26 169 326)")
    p.path("M225 462c0-98 80-134 175-134s175 36 175 134c0 84-66 140-130 140h-90c-64 0-130-56-130-140z", BRICK, "cyl")
    p.stroke("M234 420q166 34 332 0", "#fff", 3, opacity=0.3)
    p.stroke("M229 438q171 36 342 0", "#fff", 3, opacity=0.3)
    p.ellipse(400, 334, 112, 20, "#7c3c2b")
    p.path("M294 330q16-44 106-44t106 44q-106 26-212 0z", BRICK, "cyl")
    p.circle(400, 274, 22, BRICK, "ball")


def santoku(p):
    blade = "M528 340H236c-52 0-86 42-106 98 128 16 262 16 378 2l20-46z"
    with p.group("rotate(-24 400 400)"):
        p.drop(blade)
        p.drop_rect(520, 338, 190, 62, 22)
        p.path(blade, STEEL, "flat")
        p.path("M130 438c128 16 262 16 378 2l8-20c-120 14-250 12-372-8z", "#fff", opacity=0.6)
        p.rect(540, 338, 172, 62, WALNUT, 22, "flat")
        p.rect(516, 338, 44, 62, GRAPHITE, 6, "flat")
        p.dots(((596, 369), (640, 369), (684, 369)), 6, BRASS)


def iron_pan(p):
    with p.group("rotate(-38 380 430)"):
        p.drop_rect(520, 406, 240, 48, 22)
        p.rect(520, 406, 240, 48, GRAPHITE, 22, "flat")
        p.circle(732, 430, 9, p.bottom)
    p.drop_circle(350, 440, 196)
    p.circle(350, 440, 196, GRAPHITE, "flat")
    p.circle(350, 440, 162, INK, "ball")
    p.path("M262 430c-8-62 58-92 106-72 40-28 96 8 84 62 30 44-8 104-66 92-32 40-104 28-106-22-14-14-18-36-18-60z", PAPER, "flat")
    p.circle(360, 436, 44, MUSTARD, "ball")
    p.ellipse(346, 420, 12, 7, "#fff", opacity=0.7)


def donabe(p):
    p.floor(400, 606, 190)
    for x in (176, 562):
        p.rect(x, 424, 62, 46, "#5d4638", 20, "flat")
    p.path("M206 420h388q4 128-110 180H316Q202 548 206 420z", "#70543f", "cyl")
    p.path("M206 420h388q1 40-10 74H216q-11-34-10-74z", CREAM, "cyl", opacity=0.9)
    p.stroke("M240 462q20-22 40 0t40 0 40 0 40 0 40 0 40 0 40 0 40 0", INDIGO, 6)
    p.path("M214 418q10-96 186-104 176 8 186 104z", "#70543f", "cyl")
    p.path("M198 412h404q10 0 10 12t-10 12H198q-10 0-10-12t10-12z", "#5d4638", "cyl")
    p.rect(366, 286, 68, 34, "#5d4638", 14, "cyl")
    p.steam(400, 264)


def cutting_board(p):
    with p.group("rotate(-10 400 400)"):
        p.drop_rect(222, 190, 356, 440, 26)
        p.rect(222, 190, 356, 440, PALE_WOOD, 26, "flat")
        for d in ("M262 190c10 150-14 300 6 440", "M330 190c-16 130 22 250 0 440", "M470 190c22 160-20 280 4 440", "M530 190c-8 130 14 300-2 440"):
            p.stroke(d, WOOD, 4, opacity=0.6)
        p.circle(400, 236, 20, p.bottom)
    p.circle(360, 470, 74, VERMILION, "ball")
    p.path("M360 408c-30-14-44 0-52 10 22 4 40 2 52-10zm0 0c8-26 26-30 42-26-6 18-20 28-42 26zm0 0c26-2 40 8 46 20-20 4-36-4-46-20z", FOREST)
    for x, y in ((470, 500), (500, 430)):
        p.circle(x, y, 52, VERMILION)
        p.circle(x, y, 43, "#e58a70")
        for dx, dy in ((-17, -12), (17, -12), (0, 19)):
            p.ellipse(x + dx, y + dy, 12, 9, "#f6d9a8")


def cooking_chopsticks(p):
    for n, (length, colour) in enumerate(((470, INDIGO), (420, VERMILION), (370, MATCHA))):
        with p.group(f"rotate(38 400 400) translate({268 + n * 108} {165 + n * 26})"):
            for x in (0, 34):
                stick = f"M{x} 0h18l-5 {length}q-4 8-8 0z"
                p.drop(stick, 14, 4)
                p.path(stick, PALE_WOOD, "flat")
                p.rect(x, 16, 18, 34, colour)
                p.rect(x, 58, 18, 7, colour)


def striped_bowl(p):
    bowl = "M196 410h408c-6 112-66 172-124 184H320c-58-12-118-72-124-184z"
    p.floor(400, 610, 150)
    p.rect(326, 584, 148, 28, CREAM, 6, "cyl")
    p.path("M226 408c-2-36 36-44 52-60 24-36 66-22 84-38 30-24 66-16 86 0 36-6 52 22 70 38 30 4 56 30 52 60z", PAPER)
    for x, y in ((300, 372), (352, 340), (420, 330), (470, 362), (390, 372), (520, 388), (262, 394), (440, 394)):
        p.ellipse(x, y, 13, 6, "#e4dcc9", transform=f"rotate({x % 90 - 45} {x} {y})")
    p.path(bowl, CREAM, "cyl")
    with p.clip(bowl):
        for n in range(-6, 7):
            p.stroke(f"M{400 + n * 33} 408Q{400 + n * 31} 530 {400 + n * 13} 600", INDIGO, 9 if n % 2 else 5)
    p.path("M196 404h408v14H196z", INDIGO, opacity=0.9)
    p.steam(400, 280)


def glass_containers(p):
    p.floor(400, 608, 200)
    stack = ((230, 480, 340, 120, MATCHA, "#b9c98f"), (258, 350, 284, 112, MUSTARD, "#ecc887"), (290, 238, 220, 96, SKY, "#e8a893"))
    for x, y, w, h, lid, food in stack:
        p.rect(x, y, w, h, "#dfeef2", 22, opacity=0.85)
        p.path(f"M{x + 14} {y + h * 0.45}h{w - 28}v{h * 0.55 - 30}q0 16-16 16H{x + 30}q-16 0-16-16z", food)
        p.rect(x, y, w, h, "#fff", 22, "cyl", opacity=0.28)
        p.rect(x + 18, y + 24, 12, h - 50, "#fff", 6, opacity=0.75)
        p.rect(x - 8, y - 14, w + 16, 30, lid, 12, "cyl")


def enamel_kettle(p):
    p.floor(400, 606, 190)
    p.stroke("M284 372C250 200 550 200 516 372", STEEL, 16)
    p.stroke("M318 262q82-46 164 0", WALNUT, 30)
    p.path("M556 440l98-92q10-8 22 0l14 10q10 10 0 20L572 524z", VERMILION, "flat")
    p.path("M212 520c0-110 84-168 188-168s188 58 188 168c0 52-22 82-56 82H268c-34 0-56-30-56-82z", VERMILION, "cyl")
    p.path("M216 560q184 30 368 0-10 42-52 42H268q-42 0-52-42z", "#000", opacity=0.1)
    p.ellipse(400, 360, 92, 15, "#8f3829")
    p.path("M312 356q18-36 88-36t88 36q-88 20-176 0z", VERMILION, "cyl")
    p.circle(400, 310, 19, WALNUT, "ball")
    p.ellipse(290, 440, 22, 50, "#fff", opacity=0.28, transform="rotate(24 290 440)")


def steamer(p):
    p.floor(400, 606, 220)
    p.ellipse(400, 574, 214, 30, WALNUT, opacity=0.5)
    p.path("M200 440h400v60H200z", WALNUT)
    for y in (482, 370):
        p.path(f"M196 {y}h408v88q-204 44-408 0z", PALE_WOOD, "cyl")
        p.path(f"M196 {y + 62}h408v26q-204 44-408 0z", WOOD, "cyl")
        for x in (290, 510):
            p.path(f"M{x - 14} {y + 4}h28v90h-28z", WALNUT, opacity=0.55)
    p.ellipse(400, 374, 204, 36, WOOD)
    lid = "M196 368q4-78 204-86 200 8 204 86-204 50-408 0z"
    p.path(lid, PALE_WOOD, "cyl")
    with p.clip(lid):
        for n in range(-7, 8):
            p.stroke(f"M{400 + n * 44} 270l{-90} 140M{400 + n * 44} 270l90 140", WOOD, 5, opacity=0.65)
    p.path("M196 362v22q204 54 408 0v-22q-204 50-408 0z", WOOD, "cyl")
    p.stroke("M362 284q38-36 76 0", WALNUT, 14)
    p.steam(400, 240)


DRAWINGS = [
    white_mug, lapis_mug, kyusu, santoku, iron_pan, donabe, cutting_board, cooking_chopsticks, striped_bowl,
    glass_containers, enamel_kettle, steamer,
]
