"""Makes the fonts of the invoice's PDF out of Inter's web fonts; README.md says how to run it."""

import sys
from copy import deepcopy

from fontTools import subset
from fontTools.ttLib import TTFont

REPLACEMENT = 0xFFFD
CHARACTERS = [
    (0x0020, 0x007E),  # ASCII
    (0x00A0, 0x024F),  # Latin
    (0x0259, 0x0259),
    (0x02BB, 0x02DD),  # apostrophes and marks of names
    (0x0300, 0x036F),  # combining marks
    (0x0370, 0x052F),  # Greek, Cyrillic
    (0x1E00, 0x1EFF),  # Latin: Vietnamese
    (0x2010, 0x203A),  # punctuation
    (0x2044, 0x2044),
    (0x2070, 0x209F),  # superscripts and subscripts
    (0x20A0, 0x20C0),  # currencies
    (0x2113, 0x2113),
    (0x2116, 0x2116),
    (0x2122, 0x2122),
    (0x2212, 0x2212),
]


def shrink(source):
    options = subset.Options()
    options.layout_features = ["ccmp", "kern", "locl", "mark", "mkmk", "tnum"]
    options.hinting = False
    options.notdef_outline = True
    options.glyph_names = False
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for first, last in CHARACTERS for code in range(first, last + 1)])
    subsetter.subset(font)
    return font


def widen_figures_alone(font):
    """Inter's tabular figures come with hyphens and dots of the same width, which tear numbers apart."""
    figures = {name for code, name in font.getBestCmap().items() if chr(code) in "0123456789"}
    table = font["GSUB"].table
    features = [record.Feature for record in table.FeatureList.FeatureRecord if record.FeatureTag == "tnum"]
    for index in {index for feature in features for index in feature.LookupListIndex}:
        for rule in table.LookupList.Lookup[index].SubTable:
            mapping = getattr(rule, "ExtSubTable", rule).mapping
            for name in set(mapping) - figures:
                del mapping[name]


def add_replacement(font):
    """Inter has no U+FFFD: it gets the outline of .notdef, which PDF/UA allows in no text."""
    font.setGlyphOrder(font.getGlyphOrder() + ["replacement"])
    font["glyf"].glyphOrder = font.getGlyphOrder()
    font["glyf"]["replacement"] = deepcopy(font["glyf"][".notdef"])
    font["hmtx"]["replacement"] = font["hmtx"][".notdef"]
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[REPLACEMENT] = "replacement"


def main(source, target):
    font = shrink(source)
    font.flavor = None
    font.recalcTimestamp = False
    widen_figures_alone(font)
    add_replacement(font)
    font.save(target)


main(*sys.argv[1:])
