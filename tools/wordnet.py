"""Reads WordNet's data files, as Debian's package wordnet-base installs them.

A line of data.noun, data.verb, data.adj or data.adv is one synset: a set of words that share one
meaning, and the gloss that states the meaning:

    offset lexfile type word_count(hex) {word lex_id(hex)} pointer_count {pointer} ... | gloss

The gloss is a definition followed by example sentences in double quotes:

    a telephone line that travels over terrestrial circuits; "a land line can be wire or fiber"

Only what the demo data needs is kept: words, definition, and whether somebody ever met the
sense in real text (the counts in cntlist.rev). The format is described in the manual page
wndb(5).
"""

import re
from dataclasses import dataclass
from pathlib import Path

PARTS = ("noun", "verb", "adj", "adv")

# The demo prints whatever it finds, so some glosses stay out: slurs and obscenities, marked by
# usage pointers (";u") to the synsets ethnic slur, disparagement and obscenity, and glosses or
# words that match this. About one synset in eighty; crude, since an innocent one is no loss.
_USAGE_LEFT_OUT = {"06718862", "06717170", "07124340"}
_LEFT_OUT = re.compile(
    r"offensive|disparag|ethnic|\bslurs?\b|obscen|derogat|vulgar|contemptuous|taboo|retarded|"
    r"prostitut|whore|sexual|genital|masturbat|orgasm|penis|vagina|copulat|pornograph|erotic|"
    r"incest|\brape|homosexual|lesbian|negro|mulatto|ku klux|lynch|nazi|holocaust|terroris|tortur|"
    r"suicid|impale",
    re.IGNORECASE,
)

# Lexicographer files of animals and plants: there a capitalised first word is a Latin name whose
# gloss ("a genus of Bothidae") says nothing to most readers.
_LATIN_FILES = {"05", "20"}

_MARKER = re.compile(r"\((a|p|ip)\)$")  # where an adjective may stand: "galore(ip)"


@dataclass(frozen=True)
class Synset:
    key: str  # part of speech and byte offset, "n03639497": stable within one WordNet release
    words: tuple[str, ...]
    definition: str  # without example sentences; may be empty
    met: bool  # counted at least once in WordNet's sense-tagged texts
    latin: bool
    left_out: bool  # not fit for a demo


def read_synsets(folder: Path) -> list[Synset]:
    """Returns every synset of the four data files, in file order.

    Raises FileNotFoundError if a file is missing."""
    met = _read_senses_met(folder / "cntlist.rev")
    synsets = []
    for part in PARTS:
        with open(folder / f"data.{part}", encoding="ascii") as lines:
            synsets += [_parse(line, met) for line in lines if not line.startswith(" ")]
    return synsets


def _read_senses_met(path: Path) -> set[tuple[str, str, int]]:
    """Returns (word, lexfile, lex_id) of the senses that were counted in real text.

    A line is "land_line%1:06:00:: 1 2": word % type:lexfile:lex_id:head:head_id, sense, count."""
    met = set()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            word, sense = line.split(" ", 1)[0].rsplit("%", 1)
            _, lexfile, lex_id, _, _ = sense.split(":")
            met.add((word, lexfile, int(lex_id)))
    return met


def _parse(line: str, met: set[tuple[str, str, int]]) -> Synset:
    head, gloss = line.rstrip("\n").split(" | ", 1)
    fields = head.split(" ")
    offset, lexfile, kind = fields[0:3]
    word_count = int(fields[3], 16)
    raw = [(_MARKER.sub("", fields[4 + 2 * i]), int(fields[5 + 2 * i], 16))
           for i in range(word_count)]
    pointer_start = 5 + 2 * word_count
    pointers = fields[pointer_start:pointer_start + 4 * int(fields[pointer_start - 1])]
    usages = {pointers[i + 1] for i in range(0, len(pointers), 4) if pointers[i] == ";u"}
    words = tuple(word.replace("_", " ") for word, _ in raw)
    return Synset(
        key=kind.replace("s", "a") + offset,
        words=words,
        definition=_definition_of(gloss),
        met=any((word.lower(), lexfile, lex_id) in met for word, lex_id in raw),
        latin=lexfile in _LATIN_FILES and words[0][0].isupper(),
        left_out=bool(usages & _USAGE_LEFT_OUT)
        or any(_LEFT_OUT.search(text) for text in (gloss, *words)),
    )


def _definition_of(gloss: str) -> str:
    """Returns the gloss without its examples; "" if the two cannot be told apart."""
    definition, quote, _ = gloss.partition('"')
    definition = definition.strip()
    if quote and not definition.endswith((";", ":", ",")):
        return ""  # the quotation mark belongs to the definition itself
    return _clean(definition.rstrip(";:, "))


def _clean(text: str) -> str:
    """Returns the text with single spaces and straight quotation marks (WordNet writes `so')."""
    text = re.sub(r"\s+", " ", text.replace("`", "'")).strip()
    return re.sub(r" ([;,.)])", r"\1", text)
