"""Doctor and patient talking: the note grammar with lay words and turns for frames."""

from __future__ import annotations

import dataclasses
import re

from .core import capitalise
from .english import ENGLISH

WORDS = {
    **ENGLISH.words,
    "ago": [
        "[T:for {2-9} days]",
        "[T:for about a week]",
        "[T:for a couple of days]",
        "[T:over the last few days]",
        "[T:for two weeks now]",
        "[T:all of this week]",
    ],
    "then": ["in {year}", "last year", "last winter", "a few years back", "ages ago"],
    "course": ["[T:for {5-10} days]", "[T:for a week]", "[T:for two weeks]"],
    "relative": ["mum", "dad", "sister", "brother", "aunt", "grandad", "husband's mother"],
    "yes": ["Yes", "Yeah", "Yep", "Afraid so", "Well, actually, yes", "A fair bit, yes"],
    "no": ["No", "Nope", "Not at all", "Not really, no", "No, nothing like that", "Never"],
    "ok": ["Okay", "Right", "I see", "Got it", "Understood"],
    "vs": ["or", "or maybe"],
    "when": ["in two days", "next week", "on Monday"],
}
FINDINGS = {
    "fever": [
        "a~fever",
        "a~high temperature",
        "hot shivers with fever",
        "hot sweats and fever",
        "a~raised temperature",
    ],
    "cough": ["a~cough", "coughing", "a~bad cough", "coughing fits", "a~chesty cough"],
    "dyspnea": [
        "trouble breathing",
        "shortness of breath",
        "puffing on the flat",
        "breathlessness on the stairs",
        "puffing and panting",
    ],
    "chest_pain": ["chest pain", "pain in the chest", "tightness in the chest", "a~sore chest"],
    "nausea": ["sickness", "nausea", "queasiness", "retching", "a~dodgy stomach"],
    "edema": ["swollen ankles", "leg swelling", "puffy feet", "swelling in the legs"],
    "tachycardia": ["a~racing heart", "a~pounding fast heart", "a~fast pulse", "racing heartbeat"],
    "confusion": ["confusion", "muddled thinking", "a~foggy head", "confusion about the day"],
}
OTHERS = ["headaches", "tiredness", "dizzy spells", "aching muscles", "a~sore throat", "a~rash"]
NAMES = {
    "pneumonia": ["pneumonia", "a~lung infection", "a~chest infection"],
    "heart_failure": ["heart failure", "fluid from a weak heart"],
    "copd": ["a~COPD flare-up", "an~emphysema flare"],
    "uti": ["a~urine infection", "a~water infection", "a~kidney infection"],
    "gastroenteritis": ["gastroenteritis", "a~tummy bug", "food poisoning"],
    "embolism": ["a~clot on the lung", "pulmonary embolism"],
    "ketoacidosis": ["diabetic ketoacidosis", "ketoacidosis from the diabetes"],
}
EVIDENCE = {
    "pneumonia": [
        ("cxr", "a~patch of infection in the right lung"),
        ("exam", "[F:crackling] at one lung base"),
        ("cxr", "a~white shadow at the bottom of the lung"),
        ("symptom", "[F:rusty phlegm]"),
        ("lab", "a~pneumococcus result"),
    ],
    "heart_failure": [
        ("cxr", "fluid congestion in both lungs"),
        ("exam", "[F:bulging neck veins]"),
        ("echo", "a~weakly pumping heart"),
        ("symptom", "[F:sudden weight gain]"),
        ("exam", "a~[F:galloping extra heart sound]"),
    ],
    "copd": [
        ("exam", "[F:wheeze] all over both lungs"),
        ("lab", "a~build-up of carbon dioxide"),
        ("symptom", "[F:more wheezing] than usual"),
        ("exam", "[F:slow, drawn-out breathing out]"),
        ("symptom", "[F:greener phlegm]"),
    ],
    "uti": [
        ("urine", "bacteria and nitrites"),
        ("symptom", "[F:burning on peeing]"),
        ("symptom", "[F:constant trips to the loo]"),
        ("exam", "[F:tenderness over the bladder]"),
        ("urine", "lots of white cells"),
    ],
    "gastroenteritis": [
        ("symptom", "[F:runny diarrhoea]"),
        ("exam", "[F:gurgling bowel sounds]"),
        ("lab", "norovirus"),
        ("symptom", "[F:tummy cramps]"),
        ("exam", "[F:tenderness all over the tummy]"),
    ],
    "embolism": [
        ("ct", "a~blocked artery in the lung"),
        ("exam", "a~[F:tender calf] on one side"),
        ("echo", "strain on the right heart"),
        ("symptom", "[F:spitting blood]"),
        ("ct", "clot material"),
    ],
    "ketoacidosis": [
        ("lab", "very high ketones"),
        ("exam", "[F:sweet-smelling breath]"),
        ("symptom", "[F:terrible thirst]"),
        ("lab", "acid blood"),
        ("symptom", "[F:passing loads of water]"),
    ],
}
VALUES = {
    name: [(f"Doctor: {high}. Not a normal value", f"Doctor: {low}. That is normal")]
    for name, high, low in (
        ("pneumonia", "Your CRP is {120-290}, and it is bacterial", "Your CRP is {1-4}"),
        ("heart_failure", "The BNP is {900-4800}", "The BNP is {18-70}"),
        ("copd", "Your peak flow is {90-160}, half of usual", "Your peak flow is {390-480}"),
        ("uti", "The urine culture has over 100,000", "The urine culture is clear"),
        ("gastroenteritis", "The stool test is positive", "The stool test is clear"),
        ("embolism", "The D-dimer is {2400-8900}, leg scan the same", "The D-dimer is {110-290}"),
        ("ketoacidosis", "Sugar {410-690} and a pH of 7.1", "Sugar {88-110} and a pH of 7.4"),
    )
}
TESTS = {
    "cxr": ["chest X-ray", "X-ray", "chest picture"],
    "ct": ["CT scan", "scan", "lung scan"],
    "lab": ["blood test", "lab test", "sample we sent"],
    "urine": ["urine test", "dipstick", "urine sample"],
    "echo": ["heart ultrasound", "echo"],
}
FRAMES = {
    "open": [
        "Doctor: What brings you in today?\nPatient: I'm {age} and I've had {un_x} {ago}.",
        "Doctor: How can I help?\nPatient: It's {un_x}, doctor, {ago}.",
        "Doctor: Hello, you're {age}, is that right? Tell me.\nPatient: Mainly {un_x} {ago}.",
        "Patient: I came because of {un_x}.\nDoctor: How long?\nPatient: Oh, {ago}.",
    ],
    "affirm": [
        "Doctor: Any {x}?\nPatient: {yes}, {ago}.",
        "Doctor: What about {un_x}?\nPatient: {yes}, it's still there.",
        "Patient: And there's {un_x} as well.",
        "Doctor: No {x}, I hope?\nPatient: {yes}, unfortunately, since yesterday.",
        "Patient: I can't sleep because of {un_x}.",
        "Doctor: Has the {x} gone away?\nPatient: No, it's as bad as ever.",
    ],
    "state": ["Doctor: You look {a} to me."],
    "deny": [
        "Doctor: Any {or_x}?\nPatient: {no}.",
        "Doctor: What about {or_un_x}?\nPatient: {no}.",
        "Patient: No {or_x} though, thankfully.",
        "Doctor: So no {or_x}?\nPatient: That's right, none.",
        "Doctor: And {or_un_x}?\nPatient: My wife does, but I don't.",
        "Doctor: Have you had any {or_x}?\nPatient: Can't say I have.",
    ],
    "historic": [
        "Patient: I had {un_x} {then}, but that cleared up.",
        "Doctor: Your notes mention {un_x}.\nPatient: That was {then}, long gone.",
    ],
    "family_finding": [
        "Patient: My {relative} has {un_x} at the moment.",
        "Doctor: Anyone ill at home?\nPatient: My {relative}, with {un_x}.",
    ],
    "warn": [
        "Doctor: Come straight back if you get {or_un_x}.\nPatient: Will do.",
        "Doctor: Ring us if {or_un_x} should start.",
        "Doctor: Take [M:paracetamol] [D:1 g] [Q:when needed] in case of {or_un_x}.",
    ],
    "test_pos": [
        "Doctor: The {m} shows {un_x}.\nPatient: {ok}.",
        "Doctor: We found {un_x} on the {m}.",
        "Patient: Was the {m} all right?\nDoctor: Not quite, there is {un_x}.",
        "Doctor: I was looking for {un_x} on the {m}, and there it was.",
    ],
    "test_neg": [
        "Doctor: The {m} shows no sign of {un_x}.\nPatient: {ok}.",
        "Doctor: We did not find {un_x} on the {m}.",
        "Patient: Was the {m} all right?\nDoctor: Yes, we feared {un_x} but it is fine.",
        "Doctor: I was looking for {un_x} on the {m}, and it was not there.",
    ],
    "test_past": [
        "Patient: {then} a {m} showed {un_x}, but the next one was clear.",
        "Doctor: You had {un_x} on the {m} {then}.\nPatient: Yes, all healed since.",
    ],
    "exam_pos": [
        "Doctor: When I examine you I notice {un_x}.\nPatient: {ok}.",
        "Doctor: I do find {un_x}.",
    ],
    "exam_neg": [
        "Doctor: When I examine you I don't find {un_x}.\nPatient: {ok}.",
        "Doctor: I checked for {un_x} and found nothing.",
    ],
    "exam_past": ["Doctor: {then} they wrote down {un_x}, that is gone now."],
    "symptom_pos": [
        "Doctor: Have you noticed {un_x}?\nPatient: {yes}.",
        "Doctor: And {un_x}?\nPatient: {yes}, {ago}.",
    ],
    "symptom_neg": [
        "Doctor: Have you noticed {un_x}?\nPatient: {no}.",
        "Doctor: And {un_x}?\nPatient: {no}.",
    ],
    "symptom_past": ["Patient: I used to have {un_x} {then}, not any more."],
    "treat_pos": [
        "Doctor: I'm starting you on {o}.\nPatient: {ok}.",
        "Doctor: We'll treat this with {o}.",
        "Patient: What do I take?\nDoctor: {o}, from today.",
    ],
    "treat_neg": [
        "Doctor: You won't need {o}.\nPatient: {ok}.",
        "Patient: Should I get {o}?\nDoctor: No, that would not help here.",
    ],
    "treat_past": [
        "Patient: I was given {o} {then}.",
        "Patient: {then} they had me on {o}, I've stopped that.",
    ],
    "name_pos": [
        "Doctor: So this is {un_x}.\nPatient: {ok}.",
        "Patient: Is it {un_x}?\nDoctor: Yes, I believe so.",
    ],
    "name_neg": [
        "Patient: Is it {un_x}?\nDoctor: No, I don't think so.",
        "Doctor: It isn't {un_x}.\nPatient: {ok}.",
    ],
    "name_past": [
        "Patient: I had {un_x} {then}.",
        "Doctor: You got over {un_x} {then}, didn't you?",
    ],
    "name_family": ["Patient: My {relative} had {un_x}.", "Patient: My {relative} died of {un_x}."],
    "ddx": ["Doctor: At first we wondered about {vs}.", "Patient: I read it could be {vs}."],
    "vitals": [
        "Doctor: Your temperature is {t} and your pulse {hr}.",
        "Doctor: Pulse {hr}, temperature {t}, blood pressure {100-140} over {60-90}.",
    ],
    "home": [
        "Doctor: What do you take at home?\nPatient: {o}.",
        "Patient: I still take my {o}.",
    ],
    "allergy": ["Patient: I'm allergic to {o}."],
    "follow": ["Doctor: See me {when}.\nPatient: Thanks, doctor.", "Patient: Thank you, doctor."],
}

DIALOGUE = dataclasses.replace(
    ENGLISH,
    words=WORDS,
    findings=FINDINGS,
    late_findings={},
    states={"confusion": ["muddled", "confused"], "dyspnea": ["out of breath"]},
    normal={
        "fever": ["Doctor: Your temperature is normal"],
        "confusion": ["Doctor: You know the date and where we are, good"],
    },
    others=OTHERS,
    names=NAMES,
    evidence=EVIDENCE,
    late_evidence={},
    values=VALUES,
    tests=TESTS,
    frames=FRAMES,
    order=["{M} {D} {Q}", "{M}, {D} {Q}", "{M} {D} {Q} {course}", "{D} of {M} {Q}", "{M}"],
    headers=[{"join": "\n", "between": "\n"}],
    length=(60, 100),
)

# Speech has no ward shorthand.
_PLAIN = {
    **dict.fromkeys(("daily", "q24h", "qd", "once daily", "continuously"), "once a day"),
    **dict.fromkeys(("BID", "q12h", "twice daily", "every 12 hours"), "twice a day"),
    **dict.fromkeys(("TID", "q8h", "every 8 hours"), "three times a day"),
    **dict.fromkeys(("QID", "q6h", "every 6 hours"), "four times a day"),
    **dict.fromkeys(("q4h", "every 4 hours", "q4h prn"), "every four hours"),
    **dict.fromkeys(("prn", "q6h prn", "q2h"), "when needed"),
    **dict.fromkeys(("qHS", "nightly", "at bedtime"), "at night"),
    **dict.fromkeys(("qAM", "each morning"), "every morning"),
}
_TURN = re.compile(r"^(Doctor|Patient): (.*)$")


def spoken(marked: str) -> str:
    """Merge neighbouring turns of one speaker and spell out what would be shorthand."""
    lines: list[str] = []
    speaker = ""
    for line in marked.split("\n"):
        turn = _TURN.match(line)
        if turn and turn[1] == speaker:
            lines[-1] += " " + capitalise(turn[2])
            continue
        speaker = turn[1] if turn else speaker
        lines.append(f"{speaker}: {capitalise(turn[2])}" if turn else line)
    return re.sub(
        r"\[Q:([^\]]+)\]",
        lambda match: f"[Q:{_PLAIN.get(match[1], match[1])}]",
        "\n".join(lines),
    )
