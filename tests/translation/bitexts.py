"""A toy language pair: sentences of a small dictionary, adjectives behind nouns in the target."""

import random

WORDS = {
    **{"the": "el", "patient": "paciente", "nurse": "enfermero", "doctor": "médico"},
    **{"takes": "toma", "has": "tiene", "reports": "refiere", "denies": "niega"},
    **{"severe": "intenso", "mild": "leve", "chronic": "crónico", "daily": "diario"},
    **{"pain": "dolor", "fever": "calentura", "cough": "tos", "pills": "pastillas"},
    **{"heart": "corazón", "today": "hoy", "now": "ahora", "and": "y", "no": "sin"},
}
PEOPLE, VERBS = ("patient", "nurse", "doctor"), ("takes", "has", "reports", "denies")
ADJECTIVES = ("severe", "mild", "chronic", "daily")
NOUNS = ("pain", "fever", "cough", "pills", "heart")


def sentence_pairs(n=80, seed=0):
    """Sentences and translations, drawn at random."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        source = ["the", rng.choice(PEOPLE), rng.choice(VERBS)]
        target = [WORDS[word] for word in source]
        for noun in rng.sample(NOUNS, rng.choice((1, 2))):
            if len(source) > 3:
                source.append("and")
                target.append("y")
            adjective = [rng.choice(ADJECTIVES)] if rng.random() < 0.6 else []
            source += [*adjective, noun]
            target += [WORDS[noun], *(WORDS[word] for word in adjective)]
        if rng.random() < 0.5:
            when = rng.choice(("today", "now"))
            source.append(when)
            target.append(WORDS[when])
        found.append((source, target))
    return found
