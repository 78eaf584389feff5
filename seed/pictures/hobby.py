"""Books, games and pastimes."""

from canvas import (
    BRASS, BRICK, CLAY, CREAM, FOREST, GRAPHITE, INDIGO, INK, LILAC, MATCHA, MUSTARD, NAVY, PALE_WOOD, PAPER, ROSE,
    SILVER, SKY, STEEL, VERMILION, WALNUT, WOOD, rounded,
)


def novel(p):
    with p.group("rotate(-7 400 400)"):
        p.drop_rect(258, 166, 300, 456, 8)
        p.rect(268, 176, 300, 450, PAPER, 6)
        p.stroke("M562 190v430M556 190v430", STEEL, 1.5, opacity=0.6)
        cover = rounded(258, 166, 300, 450, 8)
        p.path(cover, "#f3d9b8")
        with p.clip(cover):
            p.circle(470, 300, 44, "#f7efe0")
            p.rect(258, 410, 300, 210, SKY)
            for n, y in enumerate((430, 452, 480)):
                p.stroke(f"M{300 + n * 30} {y}h{70 - n * 14}M{440 - n * 20} {y + 6}h50", PAPER, 5, opacity=0.7)
            p.path("M424 412h84l-18 26h-50z", VERMILION)
            p.path("M464 404v-64l36 56z", PAPER)
            p.path("M258 400q60-26 150 70 40 60 60 150H258z", FOREST)
            p.rect(278, 350, 86, 92, PAPER)
            p.path("M266 354l54-50 56 50z", BRICK)
            p.rect(292, 380, 24, 62, WALNUT)
            p.rect(328, 376, 24, 26, MUSTARD)
            p.rect(286, 190, 40, 110, PAPER, 3)
            p.stroke("M306 208v74", NAVY, 8)
            p.rect(258, 530, 300, 90, CREAM)
            p.stroke("M300 566h140M300 590h86", NAVY, 7)
        p.rect(258, 166, 18, 450, "#000", opacity=0.1)
        p.gloss(cover, "flat")


def cloud_guide(p):
    with p.group("rotate(8 400 400)"):
        p.drop_rect(244, 186, 320, 420, 14)
        p.rect(244, 196, 322, 414, NAVY, 14)
        p.rect(256, 190, 306, 410, PAPER, 6)
        p.rect(244, 182, 314, 410, "#5f93b8", 14, "flat")
        p.rect(244, 182, 34, 410, NAVY, 14)
        for x, y, s in ((352, 300, 1), (440, 400, 1.25), (350, 500, 0.8)):
            with p.group(f"translate({x} {y}) scale({s})"):
                p.path("M-50 22c-30 0-30-38-2-40 4-34 50-40 62-12 26-12 48 8 40 28 24 2 22 24 0 24z", PAPER, "flat")
        p.rect(318, 210, 200, 44, CREAM, 6)
        p.stroke("M346 232h144", NAVY, 8)
        p.circle(486, 306, 28, MUSTARD, "ball")


def puzzle(p):
    frame = rounded(170, 210, 420, 320, 10)
    p.drop(frame)
    p.path(frame, "#f6c9a0")
    with p.clip(frame):
        p.circle(470, 330, 42, "#fff3d6")
        p.path("M150 410l120-150 90 100 70-60 180 130v40H150z", LILAC)
        p.path("M270 260l38 42-30-6-14 22-22-20z", PAPER)
        p.rect(150, 400, 460, 140, SKY)
        p.path("M210 400h60l-34 60-46 12zM320 400h120l-40 40-60-10z", "#7f9fc0", opacity=0.6)
        p.stroke("M430 450h80M250 490h70M400 500h40", PAPER, 5, opacity=0.8)
        p.path("M150 470q60-30 120 0 60 40 60 80H150z", FOREST)
        d = ""
        for n in range(1, 6):
            d += f"M{170 + n * 70} 210" + "".join(f"v24q{18 * s} 16 0 32v24" for s in (1, -1, 1, -1))
        for n in range(1, 4):
            d += f"M170 {210 + n * 80}" + "".join(f"h21q14 {18 * s} 28 0h21" for s in (1, -1, 1, -1, 1, -1))
        p.stroke(d, "#5b4a3a", 3, opacity=0.5)
        p.path("M520 450h80v90h-80z", p.bottom)
    with p.group("rotate(20 610 590)"):
        piece = "M560 540h36q-10-34 16-34t16 34h36v34q34-10 34 16t-34 16v36h-104v-36q-26 4-26-16t26-16z"
        p.drop(piece, 8, 12)
        p.path(piece, SKY, "flat")
        p.stroke("M580 590h44M600 616h40", PAPER, 5, opacity=0.8)


def kite(p):
    p.stroke("M400 560C460 640 300 640 330 720S250 790 240 800", WALNUT, 3)
    for side in (-1, 1):
        p.stroke(f"M{400 + side * 100} 560c{side * 24} 50 {-side * 30} 90 {side * 6} 150", VERMILION, 14)
    with p.group("rotate(-6 400 380)"):
        p.drop_rect(236, 150, 328, 420, 4)
        p.rect(236, 150, 328, 420, PAPER, 4, "flat")
        p.stroke("M236 170h328M236 550h328M400 130v456M236 150l328 420M564 150L236 570", WOOD, 6, opacity=0.35)
        p.path("M400 196c96 0 132 66 132 150 0 110-56 176-132 176s-132-66-132-176c0-84 36-150 132-150z", VERMILION, "ball")
        p.path("M400 250c60 0 92 32 92 76s-36 66-92 66-92-22-92-66 32-76 92-76z", CREAM)
        for x in (362, 438):
            p.circle(x, 322, 20, PAPER, stroke=INK, stroke_width=4)
            p.circle(x, 322, 8, INK)
        p.stroke("M336 286q26-24 50 4M464 286q-26-24-50 4", INK, 11)
        p.stroke("M372 366q28 14 56 0", VERMILION, 7)
        p.stroke("M322 366q16 14 30 2M478 366q-16 14-30 2", INK, 5)
        p.stroke("M330 450q70 40 140 0M352 424v56M448 424v56M400 440v56", MUSTARD, 10)


def kendama(p):
    p.stroke("M384 470C380 540 330 470 262 500", INK, 4)
    with p.group("rotate(24 420 420)"):
        p.drop("M416 150h28l14 440h-76z", 14, 10)
        p.path("M420 130l12 96h-24z", PALE_WOOD, "cyl")
        p.path("M400 214h40l14 370q-34 30-68 0z", PALE_WOOD, "cyl")
        p.path("M376 582q44 26 88 0l16 46q-60 34-120 0z", WOOD, "cyl")
        cross = "M290 308q-18 56 0 112 52-12 78-38h104q26 26 66 30 16-48 0-96-40 4-66 30H368q-26-26-78-38z"
        p.drop(cross, 10, 14)
        p.path(cross, WOOD, "flat")
        p.ellipse(287, 364, 13, 54, WALNUT, opacity=0.8)
        p.rect(398, 340, 44, 48, "#b98a58", 6, "cyl")
    p.circle(214, 500, 92, p.shadow, opacity=0.2, transform="translate(12 18)")
    p.circle(214, 500, 92, VERMILION, "ball")
    p.ellipse(264, 506, 13, 17, "#7d2d20")
    p.ellipse(180, 458, 22, 13, "#fff", opacity=0.5, transform="rotate(-36 180 458)")


def origami(p):
    for turn, colour in ((16, LILAC), (4, MUSTARD), (-10, MATCHA)):
        with p.group(f"rotate({turn} 300 560)"):
            p.drop_rect(170, 430, 200, 200, 2, 8, 12)
            p.rect(170, 430, 200, 200, colour, 2, "flat")
    with p.group("rotate(-10 300 560)"):
        for n in range(4):
            for k in range(4):
                p.stroke(f"M{186 + n * 48} {470 + k * 48}q12-18 24 0 12-18 24 0", PAPER, 4, opacity=0.7)
    # The crane.
    p.path("M430 470l-60-40L250 190l180 150z", "#d9715c")
    p.path("M430 340l34 130-34 90-60-130z", VERMILION)
    p.path("M430 340l180-190-70 270-76 50z", "#e08a76")
    p.path("M464 470l76-50-110 140z", "#b54733")
    p.path("M464 440l206-80-150 130-90 70z", VERMILION)
    p.path("M400 440L270 290l-74 46 60-14 114 160 60 78z", "#e08a76")
    p.path("M270 290l-74 46 60-14z", "#b54733")
    p.dots(((330, 300), (360, 350), (400, 370), (560, 230), (530, 300), (500, 370), (450, 420), (436, 500), (560, 430)), 6, PAPER, opacity=0.75)


def paint_set(p):
    colours = (
        "#f4d34f", "#eaa83a", "#df7a3c", "#c94a3a", "#b63a5c", "#e59aa8", "#8e5a9b", "#4d5aa0", "#3d7ab8",
        "#5fb0c9", "#3d8f86", "#4f9a55", "#9db84a", "#c7a36a", "#9a6a3d", "#6b4a34", "#7d838c", "#3a3b42",
    )
    with p.group("rotate(-4 400 400)"):
        p.drop_rect(160, 400, 480, 196, 16)
        p.rect(160, 212, 480, 192, PAPER, 16, "flat")
        for n, colour in enumerate(("#c94a3a", "#3d7ab8", "#9db84a")):
            x = 178 + n * 152
            p.rect(x, 230, 140, 152, "#e9e9e4", 12)
            p.path(f"M{x + 30} 300q-6-34 34-34 50-4 48 34 6 40-40 38-46 2-42-38z", colour, opacity=0.55)
        p.rect(160, 396, 480, 196, GRAPHITE, 16, "flat")
        for n, colour in enumerate(colours):
            x, y = 178 + n % 9 * 50, 412 + n // 9 * 62
            p.rect(x, y, 44, 54, PAPER, 5)
            p.rect(x + 5, y + 5, 34, 44, colour, 4, "flat")
        p.rect(178, 540, 444, 38, INK, 8)
        p.rect(196, 552, 250, 14, VERMILION, 7, "flat")
        p.rect(440, 550, 60, 18, SILVER, 4)
        p.path("M498 551q40-4 74 8-34 12-74 8z", WALNUT)


def guitar(p):
    with p.group("translate(20 40) scale(.93) rotate(32 400 400)"):
        body = "M400 330c70 0 96 34 90 84-4 30 30 50 30 108 0 74-50 118-120 118s-120-44-120-118c0-58 34-78 30-108-6-50 20-84 90-84z"
        p.drop(body, 18, 8)
        p.path(body, "#c98a4b", "ball")
        p.path("M400 342c62 0 84 30 78 76-2 34 30 52 30 104 0 66-44 106-108 106s-108-40-108-106c0-52 32-70 30-104-6-46 16-76 78-76z", "#e0ab68", "ball")
        p.circle(400, 440, 46, WALNUT)
        p.circle(400, 440, 36, "#3b2a20")
        p.path("M378 60h44l6 370h-56z", "#5b3d2d", "flat")
        for n in range(10):
            p.stroke(f"M{377 - n * 0.5:.1f} {132 + n * 27}h{46 + n}", SILVER, 2.5)
        p.path("M372 0h56l-6 96h-44z", WALNUT, "flat")
        for n in range(3):
            p.rect(356, 14 + n * 26, 16, 12, CREAM, 5)
            p.rect(428, 14 + n * 26, 16, 12, CREAM, 5)
        p.rect(346, 548, 108, 26, WALNUT, 6)
        for n in range(6):
            p.stroke(f"M{384 + n * 6.4:.1f} 60L{372 + n * 11.2:.1f} 556", PAPER, 1.8, opacity=0.85)


def shogi(p):
    with p.group("rotate(-4 400 400)"):
        p.drop_rect(200, 190, 390, 400, 6, 14, 22)
        p.rect(200, 200, 390, 404, "#a87a45", 6)
        p.rect(200, 190, 390, 396, "#e3ba78", 6, "flat")
        d = "".join(f"M{224 + n * 38} 212v352M224 {212 + n * 39}h342" for n in range(10))
        p.stroke(d, "#6b4a2a", 2.6)
        p.stroke("M200 388h390", "#a87a45", 3, opacity=0.7)

        with p.stamp() as blank:
            p.path("M0-22l14 6 8 38h-44l8-38z", "#000", opacity=0.2, transform="translate(3 5)")
            p.path("M0-22l14 6 8 38h-44l8-38z", "#f3d9a4", "flat")
            p.path("M-8-4h16M0-12v26M-9 6h18", "none", stroke="currentColor", stroke_width=3.6, stroke_linecap="round")

        def piece(x, y, s, turn=0, mark=INK):
            rotation = f"rotate({turn})" if turn else ""
            p.print(blank, x, y, f"{rotation}scale({s})", color=mark)

        for n in range(9):
            piece(243 + n * 38, 546, 0.72)
            piece(243 + n * 38, 232, 0.72, 180)
        for n in (0, 1, 2, 4, 5, 6, 8):
            piece(243 + n * 38, 468, 0.66)
            piece(243 + n * 38, 310, 0.66, 180)
        piece(357, 428, 0.66, 0, VERMILION)
    for x, y, s, turn in ((628, 556, 1.7, 24), (660, 468, 1.5, -12)):
        p.print(blank, x, y, f"rotate({turn})scale({s})", color=INK)


def sashiko(p):
    with p.group("rotate(-6 380 400)"):
        cloth = rounded(180, 200, 400, 400, 6)
        p.drop(cloth)
        p.path(cloth, NAVY, "flat")
        with p.clip(rounded(204, 224, 352, 352, 2)):
            for row in range(5):
                for column in range(5):
                    if row == 4 and column > 2:
                        continue
                    for dx in (0, 44):
                        p.body.append(f'<circle cx="{204 + column * 88 + dx}" cy="{224 + row * 88 + dx}" r="44" fill="none" stroke="#fffdf8" stroke-width="5" stroke-dasharray="14 9"/>')
        p.rect(192, 212, 376, 376, "none", 4, stroke=PAPER, stroke_width=4, stroke_dasharray="14 9", opacity=0.8)
    p.stroke("M470 560C560 480 600 640 660 520", PAPER, 5)
    with p.group("rotate(28 640 440)"):
        p.rect(634, 330, 11, 200, STEEL, 5, "cyl")
        p.rect(637, 338, 5, 26, GRAPHITE, 2)
    p.ellipse(606, 612, 66, 16, p.shadow, opacity=0.25)
    p.rect(552, 560, 96, 50, VERMILION, 8, "cyl")
    for n in range(5):
        p.stroke(f"M556 {568 + n * 9}l88 {-3}", "#fff", 2.4, opacity=0.45)
    p.rect(544, 550, 112, 14, PALE_WOOD, 7, "cyl")
    p.rect(544, 604, 112, 14, PALE_WOOD, 7, "cyl")


def terrarium(p):
    p.floor(400, 614, 170)
    jar = "M340 250h120v50c80 26 120 92 120 170 0 88-50 140-104 140H324c-54 0-104-52-104-140 0-78 40-144 120-170z"
    p.path(jar, "#e6f1f0", opacity=0.75)
    with p.clip(jar):
        p.path("M200 560q200-30 400 0v60H200z", "#a98f72")
        p.path("M200 520q100-20 200 0t200-6v50q-200-26-400 0z", "#5f4737")
        for x, y, r, colour in ((280, 520, 56, FOREST), (370, 528, 46, MATCHA), (500, 512, 72, MATCHA), (440, 536, 40, FOREST), (556, 540, 44, FOREST), (236, 540, 36, MATCHA)):
            p.circle(x, y, r, colour, "ball")
        p.path("M372 530q-6-70 34-84 44 8 46 84z", STEEL, "flat")
        for x, h in ((300, 90), (322, 70), (520, 110), (540, 84)):
            p.stroke(f"M{x} 500q-6-{h // 2} {6}-{h}", FOREST, 5)
            for k in range(3):
                p.stroke(f"M{x + 1} {490 - k * h // 3}l-16-14m18 8l14-16", MATCHA, 5)
    p.path(jar, "#fff", "cyl", opacity=0.1)
    p.path("M262 420c10-50 40-86 84-102", "none", stroke="#fff", stroke_width=12, stroke_linecap="round", opacity=0.85)
    p.path("M348 206h104l-8 58q-44 12-88 0z", WOOD, "cyl")
    p.rect(332, 244, 136, 16, "#dcebea", 8)


def bonsai(p):
    p.floor(400, 612, 180)
    p.path("M250 520h300l-26 78q-4 12-18 12H294q-14 0-18-12z", INDIGO, "cyl")
    p.rect(236, 506, 328, 28, INDIGO, 8, "cyl")
    p.rect(290, 604, 44, 12, NAVY, 4)
    p.rect(466, 604, 44, 12, NAVY, 4)
    p.path("M262 506q60-34 138-26t138 26z", FOREST, "ball")
    p.path("M372 500c24-50-56-84-20-150 18-34 70-40 74-96h22c10 70-52 84-60 124-8 44 66 66 44 122z", WALNUT, "flat")
    p.stroke("M366 392q-60-4-92-40M412 344q60 10 104-24", WALNUT, 17)
    p.stroke("M384 480c10-40-44-70-22-124", WOOD, 5, opacity=0.6)
    for x, y, s in ((250, 336, 0.95), (540, 306, 1.0), (430, 216, 1.25), (330, 404, 0.55)):
        with p.group(f"translate({x} {y}) scale({s})"):
            p.path("M-96 16c-14-34 20-50 38-42 8-36 62-40 72-12 30-18 66 4 58 30 30 2 30 34 0 34H-66c-18 0-26-4-30-10z", FOREST, "flat")
            p.path("M-70-4c8-22 34-20 40-6 10-26 46-24 54-2 16-10 34 0 34 12-40 12-90 8-128-4z", MATCHA, opacity=0.75)
            p.stroke("M-40 10l-6-12M0 6V-8M34 12l6-12", FOREST, 4, opacity=0.8)


DRAWINGS = [
    novel, cloud_guide, puzzle, kite, kendama, origami, paint_set, guitar, shogi, sashiko, terrarium, bonsai,
]
