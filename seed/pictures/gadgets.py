"""Electrical things: plain bodies, one accent each."""

from canvas import (
    BRASS, CREAM, GRAPHITE, INDIGO, INK, LILAC, MATCHA, MUSTARD, NAVY, PAPER, SILVER, SKY, STEEL, VERMILION, WALNUT,
    WOOD,
)


def headphones(p):
    p.floor(400, 614, 170)
    p.stroke("M232 450C210 130 590 130 568 450", GRAPHITE, 40)
    p.stroke("M228 380C246 170 554 170 572 380", "#fff", 5, opacity=0.22)
    p.stroke("M296 236c58-46 150-46 208 0", NAVY, 44)
    for side in (1, -1):
        with p.group(f"translate(400 0) scale({side} 1)"):
            p.rect(118, 404, 62, 186, NAVY, 30, "cyl")
            p.path("M166 400h18q62 16 62 96t-62 96h-18z", GRAPHITE, "cyl")
            p.rect(150, 392, 34, 206, SILVER, 16, "cyl")
    p.circle(612, 496, 12, VERMILION)


def earbuds(p):
    p.floor(400, 608, 200)
    p.path("M206 452q0-206 194-206t194 206z", SILVER, "flat")
    p.path("M232 452q0-180 168-180t168 180z", GRAPHITE)
    p.path("M206 440h388v66q0 100-100 100H306q-100 0-100-100z", PAPER, "cyl")
    p.path("M206 440h388v22H206z", "#000", opacity=0.09)
    for side in (1, -1):
        with p.group(f"translate(400 0) scale({side} 1)"):
            p.rect(62, 350, 40, 130, PAPER, 20, "cyl")
            p.circle(70, 344, 46, PAPER, "ball")
            p.ellipse(34, 344, 17, 26, GRAPHITE)
            p.circle(88, 330, 7, STEEL)
    p.path("M206 452h388v54q0 100-100 100H306q-100 0-100-100z", PAPER, "cyl")
    p.circle(400, 506, 8, MATCHA)


def keyboard(p):
    with p.group("rotate(-8 400 400)"):
        p.drop_rect(116, 276, 568, 250, 24, 12, 20)
        p.rect(116, 284, 568, 250, "#b9b5c9", 24)
        p.rect(116, 276, 568, 246, CREAM, 24, "flat")
        p.rect(132, 292, 536, 214, GRAPHITE, 12)
        for row in range(5):
            widths = ([38] * 14, [54] + [38] * 11 + [62], [62] + [38] * 11 + [54], [80] + [38] * 9 + [76], [48, 48, 44, 216, 44, 48, 48])[row]
            gap = (528 - sum(widths)) / len(widths)
            x = 138
            for n, width in enumerate(widths):
                last = n == len(widths) - 1
                colour = VERMILION if row == 2 and last else LILAC if (n == 0 or last) else PAPER
                p.body.append(f'<rect x="{x:.0f}" y="{298 + row * 41}" width="{width}" height="36" rx="6" fill="{colour}"/>')
                x += width + gap
        p.rect(132, 292, 536, 214, "#fff", 12, "flat", opacity=0.12)


def mouse(p):
    with p.group("rotate(14 400 410)"):
        body = "M288 360c0-110 50-166 112-166s112 56 112 166v90c0 100-46 168-112 168s-112-68-112-168z"
        p.drop(body, 14, 22)
        p.path(body, PAPER, "flat")
        p.path("M288 380q112 40 224 0v-20c0-110-50-166-112-166s-112 56-112 166z", LILAC, "flat")
        p.stroke("M400 196v198", "#fff", 5, opacity=0.7)
        p.rect(384, 246, 32, 84, GRAPHITE, 16, "cyl")
        for n in range(5):
            p.stroke(f"M388 {264 + n * 12}h24", "#fff", 2, opacity=0.35)
        p.circle(400, 540, 10, SILVER)


def desk_lamp(p):
    p.floor(360, 610, 170)
    p.stroke("M330 590L250 390 470 246", GRAPHITE, 18)
    p.stroke("M346 590L266 392", STEEL, 6)
    p.path("M428 326l224 76 62 204H352z", "#ffefb0", opacity=0.6)
    p.circle(250, 390, 20, BRASS, "ball")
    p.path("M422 286q20-90 116-72 92 26 122 130 6 20-10 34-40 32-118-4t-112-60q-4-14 2-28z", INDIGO, "flat")
    p.path("M424 314q40 30 112 62t114 2q-20 30-42 24-110-20-178-76-4-6-6-12z", "#ffe9a3")
    p.circle(470, 252, 18, BRASS, "ball")
    p.path("M220 610q0-34 110-34t110 34z", INDIGO, "cyl")


def alarm_clock(p):
    p.floor(400, 612, 160)
    p.rect(280, 560, 34, 56, WALNUT, 14, transform="rotate(24 296 580)")
    p.rect(486, 560, 34, 56, WALNUT, 14, transform="rotate(-24 504 580)")
    for side in (1, -1):
        with p.group(f"translate(400 0) scale({side} 1) rotate(34 110 290)"):
            p.path("M60 250a54 54 0 0 1 108 0z", BRASS, "cyl")
            p.rect(106, 248, 16, 44, BRASS)
    p.circle(400, 430, 174, MATCHA, "ball")
    p.circle(400, 430, 142, CREAM)
    p.circle(400, 430, 142, "none", stroke="#000", stroke_width=6, opacity=0.08)
    for n in range(12):
        p.stroke("M400 306v" + ("20" if n % 3 == 0 else "10"), GRAPHITE, 8 if n % 3 == 0 else 5, transform=f"rotate({n * 30} 400 430)")
    p.stroke("M400 430l-50-52", INK, 13)
    p.stroke("M400 430l74-58", INK, 9)
    p.stroke("M400 446V330", VERMILION, 4, transform="rotate(150 400 430)")
    p.circle(400, 430, 12, VERMILION)


def power_bank(p):
    with p.group("rotate(12 400 400)"):
        p.drop_rect(276, 190, 240, 400, 40, 14, 20)
        p.rect(276, 190, 240, 400, LILAC, 40, "flat")
        p.rect(306, 246, 180, 108, INK, 16)
        # The charge, 86, in seven strokes each.
        p.stroke("M356 276h34v24h-34zM356 300v24h34v-24M440 276h-32v48h32v-24h-32", "#cfe8c0", 7)
        p.circle(464, 284, 4, "#cfe8c0")
        p.dots(((336, 560), (358, 560), (380, 560)), 6, "#cfe8c0")
        p.rect(340, 182, 44, 18, GRAPHITE, 8)
        p.rect(412, 182, 44, 18, GRAPHITE, 8)
        p.path("M412 420l-44 66h28l-12 50 46-70h-28z", PAPER, opacity=0.9)
    p.stroke("M352 186C330 90 210 120 214 220S130 330 150 420", PAPER, 16)
    p.rect(336, 168, 34, 44, SILVER, 8, "flat", transform="rotate(12 352 188)")


def charger(p):
    p.floor(370, 604, 180)
    p.stroke("M458 548C640 560 560 420 640 390S690 260 610 250", PAPER, 18)
    p.rect(548, 226, 72, 44, PAPER, 12, "flat")
    p.rect(526, 236, 28, 24, STEEL, 6)
    for y in (300, 370):
        p.rect(178, y + 62, 60, 20, STEEL, 5, "flat")
    p.rect(226, 300, 250, 300, PAPER, 44, "cyl")
    p.rect(428, 300, 48, 300, "#000", 30, opacity=0.06)
    p.rect(296, 384, 108, 40, GRAPHITE, 20)
    p.rect(310, 397, 80, 14, STEEL, 7)
    p.rect(296, 472, 108, 40, GRAPHITE, 20)
    p.rect(310, 485, 80, 14, STEEL, 7)
    p.path("M356 322l-20 30h14l-6 22 22-32h-14z", VERMILION)
    p.rect(404, 534, 66, 28, SILVER, 10, "flat")


def speaker(p):
    p.floor(400, 612, 190)
    p.stroke("M524 240c80-30 110 20 100 80", WALNUT, 12)
    body = "M250 300q0-80 150-80t150 80v230q0 80-150 80t-150-80z"
    p.path(body, SKY, "cyl")
    with p.clip(body):
        for row in range(15):
            p.stroke(f"M240 {316 + row * 17}q160 50 320 0", "#000", 5, opacity=0.12, stroke_dasharray="1 13")
    p.ellipse(400, 300, 150, 62, INDIGO, "flat")
    p.ellipse(400, 296, 116, 44, "#5b7ba3")
    p.stroke("M340 296h28M354 284v24M432 296h28", PAPER, 7)
    p.path("M392 284l20 12-20 12z", PAPER)
    p.rect(336, 470, 128, 44, INDIGO, 22, "flat")
    p.stroke("M368 492q8-16 16 0t16 0 16 0 16 0", PAPER, 5)
    for x, y in ((180, 380), (636, 440), (206, 300)):
        p.path(f"M{x} {y}c20 26 20 44 0 44s-20-18 0-44z", SKY, "ball")


def gooseneck_kettle(p):
    p.floor(400, 612, 190)
    p.stroke("M292 520C190 520 220 370 176 330q-12-12-40-6", GRAPHITE, 26)
    p.stroke("M500 312c120-24 130 60 108 150", WALNUT, 32)
    p.path("M310 326h196l62 236q4 22-20 22H270q-24 0-20-22z", GRAPHITE, "cyl")
    p.ellipse(408, 326, 98, 17, INK)
    p.path("M318 320q14-28 90-28t90 28q-90 22-180 0z", GRAPHITE, "cyl")
    p.rect(386, 262, 44, 34, WALNUT, 12, "cyl")
    p.path("M232 582h352q20 0 20 16t-20 16H232q-20 0-20-16t20-16z", INK, "cyl")
    p.rect(356, 590, 104, 18, "#1f2126", 6)
    # 70 °C
    p.stroke("M378 594h10l-4 10M398 594h10v10h-10z", "#f6b26b", 2.6)
    p.circle(418, 594, 1.8, "#f6b26b")


def coffee_grinder(p):
    p.floor(400, 612, 140)
    p.path("M312 236h176l-22 110H334z", "#e9e4e0", opacity=0.8)
    p.path("M324 280h152l-14 66H338z", "#5f3e2c")
    for x, y in ((344, 284), (372, 272), (402, 282), (430, 270), (456, 284), (386, 266), (416, 264)):
        p.ellipse(x, y, 17, 11, "#734c36", transform=f"rotate({x % 60 - 30} {x} {y})")
        p.stroke(f"M{x - 9} {y}q9-5 18 0", "#4a2f21", 2.5)
    p.rect(302, 214, 196, 26, GRAPHITE, 10, "cyl")
    p.path("M322 340h156q20 0 22 20l12 228q0 24-24 24H312q-24 0-24-24l12-228q2-20 22-20z", CREAM, "cyl")
    p.rect(306, 338, 188, 24, STEEL, 8, "cyl")
    p.path("M330 470h140l10 120q0 12-12 12H332q-12 0-12-12z", "#2e3036", "flat")
    p.path("M352 490h96l6 96q0 8-8 8h-92q-8 0-8-8z", "#ddd7d2", "cyl")
    p.path("M350 548h100l4 38q0 8-8 8h-92q-8 0-8-8z", "#6b4733")
    p.circle(400, 414, 27, VERMILION, "ball")
    p.stroke("M400 396v14", PAPER, 5)


def robot_vacuum(p):
    p.drop("M160 430a240 150 0 1 0 480 0a240 150 0 1 0-480 0z", 6, 62)
    p.path("M160 420v50q20 146 240 146t240-146v-50z", "#b6b3c4", "cyl")
    p.path("M160 444v14q24 144 240 144t240-144v-14q-24 140-240 140t-240-140z", GRAPHITE, opacity=0.55)
    p.ellipse(400, 420, 240, 152, PAPER, "flat")
    p.ellipse(400, 420, 190, 116, SILVER, opacity=0.55)
    p.path("M318 356v-16a82 44 0 0 1 164 0v16a82 44 0 0 1-164 0z", GRAPHITE, "cyl")
    p.ellipse(400, 340, 82, 44, INK)
    p.ellipse(400, 336, 60, 30, GRAPHITE)
    p.rect(352, 468, 96, 34, PAPER, 17)
    p.circle(376, 485, 9, VERMILION)
    p.circle(424, 485, 9, MATCHA)


DRAWINGS = [
    headphones, earbuds, keyboard, mouse, desk_lamp, alarm_clock, power_bank, charger, speaker, gooseneck_kettle,
    coffee_grinder, robot_vacuum,
]
