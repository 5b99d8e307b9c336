"""Words that carry no meaning of their own: articles, prepositions, conjunctions, pronouns.

Written for this project, short on purpose: a word that can carry meaning in a note, such as a
negation, is not among them.
"""

import re

from .protocol import primary_subtag

WORDS = {
    "en": "a an the of in on at by for from to with and or as into onto than that which who this "
    "these those his her its their it he she they him them there is are was were be been has have "
    "had do does did",
    "es": "el la los las un una unos unas lo al del de en a con por para y e o u que se su sus le "
    "les este esta estos estas ese esa es son fue fueron ha han desde hasta sobre entre "
    "durante tras según hacia",
    "fr": "le la les l' un une des du de d' au aux en à avec par pour et ou que qu' qui se s' son "
    "sa ses ce cette ces c' il elle ils elles y est sont a ont sur dans chez "
    "depuis pendant durant dès vers",
    "ca": "el la els les l' un una uns unes lo al als del dels de d' en a amb per i o que se s' el "
    "seu la seva aquest aquesta és són ha han",
    "pt": "o a os as um uma uns umas do da dos das no na nos nas ao à aos às de em com por para e "
    "ou que se seu sua este esta é são foi",
    "it": "il lo la i gli le l' un uno una un' di a da in con su per tra fra e ed o od che si del "
    "dello della dei degli delle dell' al allo alla ai agli alle all' dal dalla nel nella nell' "
    "sul sulla è sono ha",
    "de": "der die das den dem des ein eine einen einem einer eines und oder in im an am auf aus "
    "bei beim mit nach von vom zu zum zur für als dass ist sind war hat er sie es",
    "nl": "de het een en of in op aan van voor met door bij te ten ter als dat die is zijn was",
}
_SETS = {lang: frozenset(words.split()) for lang, words in WORDS.items()}
# A word with the apostrophe of an elision, or one other sign.
WORD = re.compile(r"\w+['\u2019]?|[^\w\s]")


def function_words(lang: str) -> frozenset[str]:
    """RETURNS (frozenset[str]): The function words of a language, in lower case, or none."""
    return _SETS.get(primary_subtag(lang), frozenset())


def carries_nothing(word: str, words: frozenset[str]) -> bool:
    """Say whether a word is a function word or a mark.

    word (str): One match of `WORD`.
    words (frozenset[str]): What `function_words` gave.
    """
    plain = word.lower().replace("\u2019", "'")
    return plain in words or not any(char.isalnum() for char in plain)
