"""Premise-hypothesis pairs.

The label follows from what the premise states about the concept the hypothesis names:

* stated present: entails "has it", contradicts "does not have it";
* stated absent (denied, ruled out, resolved): the other way round;
* not mentioned, or mentioned only of a relative, of the past without outcome, or as a
  condition: neutral to both.

Concept and polarity of the hypothesis are drawn before the label, so the hypothesis alone
tells nothing about it; every premise also states something about two other concepts.
"""

from __future__ import annotations

from typing import Any

from .core import Draw, expand, sentence

# concept: (article, wording in hypotheses, wording in premises, wording for "present" only).
# The last are narrower than the concept: having them entails it, lacking them tells nothing.
CONCEPTS = {
    "fever": ("a", "fever", "fever|pyrexia|febrile illness", "rigors with temp 39.4"),
    "cough": ("a", "cough", "cough|coughing|tussis", "dry cough|productive cough"),
    "dyspnea": ("", "difficulty breathing", "SOB|dyspnea|breathlessness|air hunger", "DOE"),
    "chest pain": ("", "chest pain", "CP|chest pain|thoracic pain", "pleuritic pain"),
    "nausea": ("", "nausea", "nausea|queasiness|feeling sick", "N/V|nausea with vomiting"),
    "edema": ("", "swelling of the legs", "leg edema|BLE oedema|puffy legs", "swollen ankles"),
    "confusion": ("", "confusion", "AMS|altered mental status|confusion", "delirium"),
    "headache": ("a", "headache", "headache|HA|cephalgia", "throbbing frontal head pain"),
    "diarrhea": ("", "diarrhea", "diarrhea|loose stools|liquid stools", "ten watery stools daily"),
    "dysuria": ("", "pain on urination", "dysuria|painful micturition", "burning on urination"),
    "rash": ("a", "skin rash", "rash|skin eruption|exanthem", "diffuse erythematous macules"),
    "dizziness": ("", "dizziness", "dizziness|giddiness|dizzy spells", "rotatory vertigo"),
    "fast pulse": ("a", "fast heart rate", "tachycardia|rapid pulse", "sinus tach|HR in the 130s"),
    "weight loss": ("", "weight loss", "weight loss|wt loss|loss of weight", "loss of 8 kg"),
    "syncope": ("a", "loss of consciousness", "syncope|fainting|LOC|blackout", "cardiac syncope"),
    "bleeding": ("", "gastrointestinal bleeding", "GI bleed|GIB", "melena|black tarry stools"),
    "pressure": ("", "high blood pressure", "HTN|hypertension|elevated BP", "BP 210/120"),
    "diabetes": ("", "diabetes", "DM|diabetes mellitus|diabetes", "T2DM|type 2 diabetes"),
    "kidney": ("", "impaired kidney function", "renal insufficiency|renal impairment", "AKI"),
    "anemia": ("", "anemia", "anemia|anaemia|low hemoglobin", "Hgb of 6.8"),
    "pneumonia": ("", "pneumonia", "pneumonia|PNA", "lobar pneumonia|CAP"),
    "dvt": ("a", "blood clot in a deep vein", "DVT|deep vein thrombosis", "femoral vein clot"),
    "afib": ("", "atrial fibrillation", "AF|a-fib|AFib", "persistent AF"),
    "jaundice": ("", "jaundice", "jaundice|icterus", "yellow skin and sclerae"),
}
CHRONIC = ("pressure", "diabetes", "kidney")
WORDS = {
    "age": ["{21-93}"],
    "who": ["{age} y/o man", "{age} yo F", "{age}-year-old woman", "{age}M", "{age} y/o lady"],
    "when": ["for {2-9} days", "since Monday", "x {2-6} days", "over the last week", "today"],
    "then": ["last year", "in {year}", "two months ago", "years ago"],
    "year": ["2012", "2015", "2018", "2020"],
    "relative": ["Mother", "Father", "Sister", "Brother", "Roommate"],
}
PRESENT = (
    "presents with {x} {when}",
    "c/o {x} {when}",
    "found to have {x} on arrival",
    "work-up confirmed {x}",
    "{x} has not resolved with treatment",
    "ongoing {x} despite therapy",
    "no improvement of {x} {when}",
    "{x} noted on admission and still present",
)
ABSENT = (
    "denies {x}",
    "no {x} at any time",
    "work-up negative for {x}",
    "without {x} on arrival or since",
    "{x} was ruled out",
    "initially thought to have {x}, which was not confirmed and is excluded",
    # These two last: not for conditions that do not go away (CHRONIC).
    "{x} {then}, since resolved completely and not present now",
    "{x} no longer present",
)
OPEN = (
    "{relative} has {x}",
    "to return for any {x}",
    "counseled about the risk of {x}",
    "not yet evaluated for {x}",
    "{relative} was admitted with {x} {then}",
    "unable to say whether there is {x}",
)
HAS = (
    "The patient has {a_x}.",
    "The patient is currently affected by {a_x}.",
    "There is evidence of {a_x} in this patient.",
    "Patient with {a_x}.",
    "{x} is present.",
)
HAS_NOT = (
    "The patient does not have {a_x}.",
    "The patient is currently free of {x}.",
    "There is no {x} in this patient.",
    "Patient without {a_x}.",
    "{x} is absent.",
)
LABELS = ("entailment", "neutral", "contradiction")


def _clause(concept: str, state: str, draw: Draw) -> str:
    frames = {"present": PRESENT, "absent": ABSENT, "open": OPEN}[state]
    if state == "absent" and concept in CHRONIC:
        frames = frames[:-2]
    _, _, wide, narrow = CONCEPTS[concept]
    wordings = wide.split("|")
    if state == "present":
        wordings = wordings + narrow.split("|")
    return expand(draw.pick(frames), draw, WORDS, {"x": draw.pick(wordings)})


def _premise(concept: str, state: str, draw: Draw) -> str:
    """A premise that gives ``concept`` the wanted state, or leaves it out ('silent').

    Every premise has one clause of each state, so the premise alone tells nothing either.
    """
    others = draw.sample([name for name in CONCEPTS if name != concept], 4)
    clauses = [
        _clause(concept if told == state else others.pop(), told, draw)
        for told in ("present", "absent", "open")
    ]
    if draw.chance(0.3):
        clauses.append(_clause(others.pop(), draw.pick(("present", "absent")), draw))
    clauses = draw.shuffled(clauses)
    opening = expand("{who}", draw, WORDS)
    if draw.chance(0.5):
        return f"{opening}. " + " ".join(sentence(clause) for clause in clauses)
    return sentence(f"{opening}: {'; '.join(clauses)}")


def _hypothesis(concept: str, positive: bool, draw: Draw) -> str:
    article, wording = CONCEPTS[concept][:2]
    frame = draw.pick(HAS if positive else HAS_NOT)
    return sentence(frame.format(x=wording, a_x=f"{article} {wording}".strip()))


def write_pairs(split: str, count: int, draw: Draw, seen: set[str]) -> list[dict[str, Any]]:
    """``count`` pairs with the labels in equal shares; ``seen`` holds all premises so far."""
    names = list(CONCEPTS)
    slots = [(LABELS[i % 3], i % 6 < 3) for i in range(count)]
    pairs: list[dict[str, Any]] = []
    for number, (label, positive) in enumerate(draw.shuffled(slots), start=1):
        concept = draw.pick(names)
        if label == "neutral":
            state = draw.pick(("open", "silent"))
        else:
            state = "present" if (label == "entailment") == positive else "absent"
        premise = _premise(concept, state, draw)
        while premise in seen:
            premise = _premise(concept, state, draw)
        seen.add(premise)
        pairs.append(
            {
                "id": f"pairs-{split}-{number:04d}",
                "premise": premise,
                "hypothesis": _hypothesis(concept, positive, draw),
                "label": label,
            }
        )
    return pairs
