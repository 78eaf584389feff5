#!/usr/bin/env python3
"""Draws every picture of the shop into web/public/images. Needs nothing but Python 3.

    python3 seed/pictures/generate.py            write the pictures
    python3 seed/pictures/generate.py --check    fail if a committed picture differs from its drawing
"""

import sys
from pathlib import Path

import apparel
import food
import gadgets
import hobby
import kitchen
import stationery
from canvas import Picture

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "web" / "public" / "images"
FIRST_ID = 1001
# A picture is fetched for every tile of a product list.
MOST_BYTES = 10 * 1024

# In the order of seed/categories.json: product ids count through these lists.
SHELVES = {
    "kitchen": kitchen.DRAWINGS,
    "stationery": stationery.DRAWINGS,
    "food": food.DRAWINGS,
    "gadgets": gadgets.DRAWINGS,
    "apparel": apparel.DRAWINGS,
    "hobby": hobby.DRAWINGS,
}
# The drawing that stands for its whole category.
EMBLEMS = {
    "kitchen": kitchen.donabe,
    "stationery": stationery.pencils,
    "food": food.sencha,
    "gadgets": gadgets.headphones,
    "apparel": apparel.linen_shirt,
    "hobby": hobby.novel,
}


def draw(category, drawing):
    picture = Picture(category)
    drawing(picture)
    return picture.svg()


def pictures():
    """Every picture as (path below web/public/images, text)."""
    product = FIRST_ID
    for category, drawings in SHELVES.items():
        for drawing in drawings:
            yield f"products/{product}.svg", draw(category, drawing)
            product += 1
    for category, drawing in EMBLEMS.items():
        yield f"categories/{category}.svg", draw(category, drawing)


def main():
    check = sys.argv[1:] == ["--check"]
    failed = False
    for name, text in pictures():
        path = IMAGES / name
        if len(text.encode()) > MOST_BYTES:
            print(f"{name}: {len(text.encode())} bytes, more than {MOST_BYTES}", file=sys.stderr)
            failed = True
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                print(f"{name}: differs from its drawing; run seed/pictures/generate.py", file=sys.stderr)
                failed = True
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
