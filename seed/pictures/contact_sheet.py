#!/usr/bin/env python3
"""Writes an HTML page with all pictures side by side, to judge them together: contact_sheet.py OUT.html [COLUMNS]"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
products = json.loads((ROOT / "seed" / "products.json").read_text(encoding="utf-8"))
images = ROOT / "web" / "public"
columns = int(sys.argv[2]) if len(sys.argv) > 2 else 12
tiles = "".join(
    f'<figure><img src="file://{images}{product["imageUrl"]}"><figcaption>{product["id"]} {product["name"]}</figcaption></figure>'
    for product in products
)
Path(sys.argv[1]).write_text(
    f'<meta charset="utf-8"><style>body{{margin:8px;display:grid;grid-template-columns:repeat({columns},1fr);gap:8px;'
    "font:11px sans-serif}figure{margin:0}img{width:100%;display:block;border-radius:8px}</style>" + tiles,
    encoding="utf-8",
)
