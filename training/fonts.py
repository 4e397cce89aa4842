"""Makes the site's fonts: the letters and signs that pages use, cut out of Source Sans 3 and Source Code Pro.

    npm pack source-sans@3.52.0 source-code-pro@2.42.0      # unpack both into one folder
    pip install fonttools==4.68.0 brotli
    python -m training.fonts FOLDER                          # writes templates/static/fonts/

Both are under the SIL Open Font License (templates/static/fonts/OFL.txt), which reserves the name "Source" for fonts
that nobody has changed: what is cut out bears another.
"""

import sys
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "templates/static/fonts"

LATIN = "".join(map(chr, range(0x20, 0x7F)))
GREEK = "αβγδεζηθικλμνξοπρστυφχψωςΓΔΘΛΞΠΣΦΨΩ"
ACCENTS = "éèêëáàâäãåæçíìïîñóòôöõøœßúùûüýÉÖÜÄÅØÇłŁšžčćğıąęńśźżřěůőűş"  # of authors' names
PUNCTUATION = "–—‘’“”…‰′›·°§\u00a0\u2009"
SIGNS = "×±−∂√∞≈≠≤≥½¼¾²³µ¹⁰⁴⁵⁶⁷⁸⁹⁻ᵀ₀₁₂₃₄₅₆₇₈₉ℓ←→↑↓↘∑∫‖▶▸◀✓✗⌘"

# name: (file of the package, the axis' range, characters, OpenType features)
FONTS = {
    "text": (
        "VF/SourceSans3VF-Upright.ttf",
        (400, 700),
        LATIN + GREEK + ACCENTS + PUNCTUATION + SIGNS,
        ["kern", "tnum"],
    ),
    "text-italic": ("VF/SourceSans3VF-Italic.ttf", 400, LATIN + GREEK + ACCENTS + PUNCTUATION + "×−", ["kern"]),
    "code": ("VF/SourceCodeVF-Upright.ttf", 400, LATIN + GREEK + PUNCTUATION + SIGNS, []),
}


def cut(path, weights, text, features):
    """A variable font with these weights, characters and features only."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    options = Options(layout_features=features, hinting=False, name_IDs=[1, 2, 13, 14], notdef_outline=True)
    subsetter, font = Subsetter(options), TTFont(path)
    subsetter.populate(text=text)
    subsetter.subset(font)
    font = instantiateVariableFont(font, {"wght": weights})
    family = f"Internals {'Code' if 'Code' in path.name else 'Text'}"
    for record in font["name"].names:
        if record.nameID == 1:
            record.string = family
    font["head"].modified = font["head"].created  # the same input gives the same bytes
    font.recalcTimestamp = False
    font.flavor = "woff2"
    return font


def main(folder):
    for name, (file, weights, text, features) in FONTS.items():
        path = next(Path(folder).rglob(file))
        font = cut(path, weights, text, features)
        missing = "".join(c for c in text if ord(c) not in font.getBestCmap())
        font.save(OUT / f"{name}.woff2")
        print(f"{name}: {(OUT / f'{name}.woff2').stat().st_size:,} bytes; not in {path.name}: {missing or 'nothing'}")


if __name__ == "__main__":
    main(sys.argv[1])
