"""Reads WordNet's data files, as Debian's package wordnet-base installs them.

A line of data.noun, data.verb, data.adj or data.adv is one synset: a set of words that share one
meaning, and the gloss that states the meaning:

    offset lexfile type word_count(hex) {word lex_id(hex)} pointer_count {pointer} ... | gloss

The gloss is a definition followed by example sentences in double quotes:

    a telephone line that travels over terrestrial circuits; "a land line can be wire or fiber"

Only what the demo data needs is kept: words, definition, examples, and whether somebody ever met the
sense in real text (the counts in cntlist.rev). The format is described in the manual page wndb(5).
"""

import re
from dataclasses import dataclass
from pathlib import Path

PARTS = ("noun", "verb", "adj", "adv")

# Usage pointers (";u") to these synsets mark slurs and obscenities: ethnic slur, disparagement,
# obscenity. The demo prints whatever it finds, so they stay out, as do glosses that say it in words.
_USAGE_LEFT_OUT = {"06718862", "06717170", "07124340"}
_GLOSS_LEFT_OUT = re.compile(
    r"offensive|disparag|slur\b|slurs\b|obscen|derogat|vulgar|contemptuous|taboo|prostitut|whore|"
    r"sexual|genital|masturbat|orgasm|penis|vagina|anus\b|copulat|homosexual|lesbian|pornograph|"
    r"\brape|negro|ku klux|nazi|holocaust|lynch|ethnic slang|mulatto|incest|erotic|\bbreasts?\b",
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
    definition: str
    examples: tuple[str, ...]
    met: bool  # counted at least once in WordNet's sense-tagged texts
    latin: bool
    offensive: bool


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
    definition, examples = _split_gloss(gloss)
    return Synset(
        key=kind.replace("s", "a") + offset,
        words=words,
        definition=definition,
        examples=examples,
        met=any((word.lower(), lexfile, lex_id) in met for word, lex_id in raw),
        latin=lexfile in _LATIN_FILES and words[0][0].isupper(),
        offensive=bool(usages & _USAGE_LEFT_OUT)
        or any(_GLOSS_LEFT_OUT.search(text) for text in (gloss, *words)),
    )


def _split_gloss(gloss: str) -> tuple[str, tuple[str, ...]]:
    """Splits a gloss into its definition ("" if it cannot be told apart) and its examples.

    Examples that carry a source ('"..."- Shakespeare') are dropped: they are quotations."""
    definition, quote, rest = gloss.partition('"')
    definition = definition.strip()
    if quote and not definition.endswith((";", ":", ",")):
        return "", ()  # the quotation mark belongs to the definition itself
    pieces = (quote + rest).split('"')
    examples = []
    for i in range(1, len(pieces) - 1, 2):
        if pieces[i + 1].strip(" ;,.") == "":
            examples.append(_clean(pieces[i]))
    return _clean(definition.rstrip(";:, ")), tuple(examples)


def _clean(text: str) -> str:
    """Returns the text with single spaces and straight quotation marks (WordNet writes `so')."""
    text = re.sub(r"\s+", " ", text.replace("`", "'")).strip()
    return re.sub(r" ([;,.)])", r"\1", text)
