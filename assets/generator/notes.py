"""Clinical notes from a sampled case and the tables of one language.

How the labels follow from the text:

* ``diagnosis`` is the one class with *current, affirmed* evidence in the note: at least two
  of examination, test result, symptom and treatment given now (sometimes its name as well).
  Every other class occurs only as negated, past, stable and chronic, of a relative, or as one
  item of a list of possibilities.
* ``findings/x`` is 1.0 when x is said to be present in the patient now, in words or by a
  measurement (temperature from 38.0 °C, heart rate above 100). Negated mentions, mentions of
  the past or of relatives, and conditions for coming back do not count. Nothing is inferred
  from a related sign: sputum alone is not cough, deep breathing alone is not dyspnea.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .core import DIAGNOSES, FINDINGS, Draw, Noise, expand, sentence

# How often a finding accompanies a diagnosis; flat on purpose, so that neither task gives the
# other away.
PROFILE = {
    "pneumonia": (0.7, 0.7, 0.55, 0.4, 0.3, 0.15, 0.45, 0.4),
    "heart_failure": (0.15, 0.4, 0.7, 0.35, 0.3, 0.65, 0.4, 0.25),
    "copd": (0.3, 0.65, 0.7, 0.35, 0.2, 0.35, 0.4, 0.3),
    "uti": (0.6, 0.2, 0.2, 0.15, 0.5, 0.25, 0.4, 0.5),
    "gastroenteritis": (0.45, 0.1, 0.1, 0.12, 0.75, 0.08, 0.45, 0.15),
    "embolism": (0.2, 0.35, 0.75, 0.65, 0.12, 0.4, 0.65, 0.12),
    "ketoacidosis": (0.15, 0.12, 0.45, 0.12, 0.65, 0.08, 0.65, 0.45),
}


def joiner(last: str) -> Callable[[list[str]], str]:
    """A function that writes a list as ``a, b and c``."""

    def join(items: list[str]) -> str:
        if len(items) == 1:
            return items[0]
        return f"{', '.join(items[:-1])} {last} {items[-1]}"

    return join


Drug = tuple[str, str, str, str]  # names | doses | route | frequencies, each split on "|"


@dataclass(frozen=True)
class Lexicon:
    """Everything language-specific. Noun phrases may carry an article as ``une~toux``."""

    lang: str
    words: dict[str, list[str]]
    findings: dict[str, list[str]]
    late_findings: dict[str, list[str]]
    states: dict[str, list[str]]
    normal: dict[str, list[str]]
    others: list[str]
    names: dict[str, list[str]]
    evidence: dict[str, list[tuple[str, str]]]
    late_evidence: dict[str, list[tuple[str, str]]]
    values: dict[str, list[tuple[str, str]]]
    tests: dict[str, list[str]]
    frames: dict[str, list[str]]
    treat: dict[str, list[Drug]]
    home: dict[str, list[Drug]]
    order: list[str]
    headers: list[dict[str, str]]
    join_and: Callable[[list[str]], str]
    join_or: Callable[[list[str]], str]
    join_nor: Callable[[list[str]], str]
    of: Callable[[str], str]
    decimal: str = "."
    length: tuple[int, int] = (60, 100)


@dataclass(frozen=True)
class Patient:
    ident: str
    age: int
    female: bool
    chronic: tuple[str, ...]


@dataclass
class Case:
    patient: Patient
    diagnosis: str
    present: list[str]
    absent: list[str] = field(default_factory=list)
    late: bool = False  # whether the wording kept out of the training notes may be used


def new_patient(ident: str, draw: Draw, lexicon: Lexicon) -> Patient:
    chronic = draw.sample(sorted(lexicon.home), draw.between(1, 3))
    return Patient(ident, draw.between(19, 93), draw.chance(0.5), tuple(chronic))


def new_case(patient: Patient, diagnosis: str, draw: Draw, late: bool) -> Case:
    present, absent = [], []
    for finding, p in zip(FINDINGS, PROFILE[diagnosis]):
        (present if draw.chance(p) else absent).append(finding)
    return Case(patient, diagnosis, present, absent, late)


class NoteWriter:
    """Writes one note. A fresh one is made for every attempt."""

    def __init__(self, lexicon: Lexicon, case: Case, draw: Draw) -> None:
        self.lex = lexicon
        self.case = case
        self.draw = draw
        self.used: set[str] = set()  # evidence already told; only ever asked for membership
        self.sections: dict[str, list[str]] = {
            name: [] for name in ("hpi", "history", "meds", "exam", "results", "plan")
        }

    # -- small parts -----------------------------------------------------------------------

    def say(self, section: str, frame: str, **values: str) -> None:
        template = self.draw.pick_tail(self.lex.frames[frame])
        self.sections[section].append(expand(template, self.draw, self.lex.words, values))

    def finding(self, name: str) -> str:
        """A marked noun phrase for a finding, with its article if the language has one."""
        table = self.lex.findings[name]
        if self.case.late and name in self.lex.late_findings and self.draw.chance(0.18):
            table = self.lex.late_findings[name]
        article, _, noun = self.draw.pick_tail(table).rpartition("~")
        return f"{article}~[F:{noun}]" if article else f"[F:{noun}]"

    def other(self) -> str:
        article, _, noun = self.draw.pick(self.lex.others).rpartition("~")
        return f"{article}~[F:{noun}]" if article else f"[F:{noun}]"

    def phrase(self, phrase: str) -> dict[str, str]:
        """The forms of one noun phrase: bare, with article, after 'of', after 'no'."""
        text = expand(phrase, self.draw, self.lex.words)
        article, _, bare = text.rpartition("~")
        return {
            "x": bare,
            "un_x": f"{article} {bare}" if article and article[-1] != "'" else article + bare,
            "de_x": self.lex.of(bare),
            "d_un_x": self.lex.of(text),
        }

    def phrases(self, phrases: list[str]) -> dict[str, str]:
        """The same forms for a list of noun phrases."""
        forms = [self.phrase(p) for p in phrases]
        out = {key: self.lex.join_and([f[key] for f in forms]) for key in forms[0]}
        for key in forms[0]:
            out[f"or_{key}"] = self.lex.join_or([f[key] for f in forms])
            out[f"nor_{key}"] = self.lex.join_nor([f[key] for f in forms])
        return out

    def order(self, drug: Drug, bare: bool = False, standing: bool = False) -> str:
        names, doses, route, times = (part.split("|") for part in drug)
        values = {
            "M": f"[M:{self.draw.pick_tail(names)}]",
            "D": f"[D:{self.draw.pick(doses)}]",
            "R": route[0] if self.draw.chance(0.35) else "",
            "Q": f"[Q:{self.draw.pick_tail(times)}]",
        }
        if standing:
            values["course"] = ""  # what is taken for good has no duration
        template = "{M}" if bare else self.draw.pick_tail(self.lex.order)
        return expand(template, self.draw, self.lex.words, values)

    def evidence(self, diagnosis: str, polarity: str, kinds: tuple[str, ...] = ()) -> None:
        """One piece of evidence for a diagnosis, affirmed ('pos'), negated or past."""
        table = self.lex.evidence[diagnosis]
        late = self.lex.late_evidence.get(diagnosis)
        if self.case.late and late and self.draw.chance(0.2):
            table = late
        if kinds:
            table = [row for row in table if row[0] in kinds] or self.lex.evidence[diagnosis]
        fresh = [row for row in table if row[1] not in self.used]
        kind, phrase = self.draw.pick_tail(fresh or table)
        self.used.add(phrase)
        forms = self.phrase(phrase)
        if kind in ("exam", "symptom"):
            section = "exam" if kind == "exam" else "hpi"
            if polarity == "past":
                section = "history"
            self.say(section, f"{kind}_{polarity}", **forms)
        else:
            test = self.draw.pick_tail(self.lex.tests[kind])
            section = "history" if polarity == "past" else "results"
            self.say(section, f"test_{polarity}", m=test, **forms)

    def unsuited(self, diagnosis: str) -> list[Drug]:
        """Drugs for a rival diagnosis that are not also given for the true one."""
        given = {drug[0].split("|")[0] for drug in self.lex.treat[self.case.diagnosis]}
        return [d for d in self.lex.treat[diagnosis] if d[0].split("|")[0] not in given]

    def value(self, diagnosis: str, polarity: str) -> None:
        rows = [row for row in self.lex.values[diagnosis] if row[0] not in self.used]
        if not rows:
            return
        high, normal = self.draw.pick(rows)
        self.used.add(high)
        text = expand(high if polarity == "pos" else normal, self.draw, self.lex.words)
        self.sections["results"].append(text)

    # -- parts of the note -----------------------------------------------------------------

    def findings(self) -> None:
        draw, case = self.draw, self.case
        degrees = draw.between(38, 39) if "fever" in case.present else 36
        temperature = f"{degrees}{self.lex.decimal}{draw.between(2, 9)}"
        rate = draw.between(104, 138) if "tachycardia" in case.present else draw.between(58, 95)
        measured = draw.chance(0.45)

        opening: list[str] = []
        for name in draw.shuffled(case.present):
            if name in ("fever", "tachycardia") and measured and draw.chance(0.55):
                continue
            way = draw.unit()
            if len(opening) < 3 and (way < 0.5 or not opening) and name != "tachycardia":
                opening.append(self.finding(name))
            elif name in self.lex.states and way > 0.75:
                self.say("exam", "state", a=f"[F:{draw.pick_tail(self.lex.states[name])}]")
            else:
                self.say("hpi", "affirm", **self.phrase(self.finding(name)))
        if len(opening) < 2 and draw.chance(0.7):
            opening.append(self.other())
        if not opening:
            opening.append(self.other())
        patient = case.patient
        self.say(
            "hpi",
            "open",
            age=str(patient.age),
            sex=draw.pick(self.lex.words["female" if patient.female else "male"]),
            s="F" if patient.female else "M",
            e="e" if patient.female else "",
            **self.phrases(opening),
        )
        self.sections["hpi"].insert(0, self.sections["hpi"].pop())
        if measured:
            self.say("exam", "vitals", t=temperature, hr=str(rate))

        denied = draw.sample(case.absent, draw.pick((0, 1, 1, 2, 2, 3)))
        spoken = [name for name in denied if name in self.lex.normal and draw.chance(0.25)]
        for name in spoken:
            self.sections["exam"].append(draw.pick(self.lex.normal[name]))
        listed = [self.finding(name) for name in denied if name not in spoken]
        if not listed or (len(listed) < 3 and draw.chance(0.4)):
            listed.append(self.other())
        if listed:
            if len(listed) > 3:
                self.say("hpi", "deny", **self.phrases(draw.shuffled(listed[2:])))
                listed = listed[:2]
            self.say("hpi", "deny", **self.phrases(draw.shuffled(listed)))

        # Mentions that never count, drawn without regard to what is present.
        for frame, section, p in (
            ("historic", "history", 0.2),
            ("family_finding", "history", 0.08),
            ("warn", "plan", 0.25),
        ):
            if draw.chance(p):
                names = draw.sample(FINDINGS, 1 if frame != "warn" else draw.pick((1, 1, 2)))
                self.say(section, frame, **self.phrases([self.finding(n) for n in names]))

    def diagnosis(self) -> None:
        draw, case = self.draw, self.case
        true = case.diagnosis
        self.evidence(true, "pos", ("exam", "cxr", "ct", "lab", "urine", "echo"))
        extra = draw.unit()
        if extra < 0.35:
            self.evidence(true, "pos")
        elif extra < 0.6:
            self.value(true, "pos")
        treated = extra >= 0.6 or draw.chance(0.35)
        if treated:
            self.say("plan", "treat_pos", o=self.order(draw.pick_tail(self.lex.treat[true])))
        if draw.chance(0.12):
            self.say("plan", "name_pos", **self.phrase(draw.pick_tail(self.lex.names[true])))

        rivals = draw.sample([name for name in DIAGNOSES if name != true], 3)
        for rival in rivals[: draw.pick((1, 2, 2, 3))]:
            for _ in range(draw.pick((1, 1, 1, 2))):
                self.rival(rival)
        if draw.chance(0.3):
            pool = draw.shuffled([true, *rivals])[: draw.between(2, 3)]
            named = [self.phrase(draw.pick_tail(self.lex.names[name]))["x"] for name in pool]
            self.say("plan", "ddx", vs=f" {draw.pick(self.lex.words['vs'])} ".join(named))
        if draw.chance(0.12):
            self.say("history", "name_past", **self.phrase(draw.pick(self.lex.names[true])))

    def rival(self, rival: str) -> None:
        draw, lex = self.draw, self.lex
        way = draw.unit()
        if way < 0.38:
            self.evidence(rival, "neg")
        elif way < 0.46:
            self.value(rival, "neg")
        elif way < 0.64:
            self.evidence(rival, "past")
        elif way < 0.72:
            self.say("plan", "treat_neg", o=self.order(draw.pick_tail(self.unsuited(rival)), True))
        elif way < 0.8:
            self.say("history", "treat_past", o=self.order(draw.pick_tail(lex.treat[rival])))
        else:
            frame, section = draw.pick(
                [("name_neg", "plan"), ("name_past", "history"), ("name_family", "history")]
            )
            self.say(section, frame, **self.phrase(draw.pick_tail(lex.names[rival])))

    def medication(self) -> None:
        draw = self.draw
        orders = [
            self.order(draw.pick_tail(self.lex.home[name]), standing=True)
            for name in self.case.patient.chronic[: draw.between(0, 2)]
        ]
        if orders:
            self.say("meds", "home", o=", ".join(orders))
        if draw.chance(0.25):
            others = [name for name in DIAGNOSES if name != self.case.diagnosis]
            drug = draw.pick(self.unsuited(draw.pick(others)))
            self.say("meds", "allergy", o=self.order(drug, bare=True))
        if draw.chance(0.3):
            self.say("plan", "follow")

    # -- layout ----------------------------------------------------------------------------

    def layout(self) -> str:
        draw = self.draw
        headers = draw.pick(self.lex.headers)
        capital = not headers or draw.chance(0.75)
        blocks = []
        for name, lines in self.sections.items():
            if not lines:
                continue
            lines = lines[:1] + draw.shuffled(lines[1:]) if name == "hpi" else draw.shuffled(lines)
            bullet = headers.get("bullet", "")
            body = headers.get("join", " ").join(bullet + sentence(x, capital) for x in lines)
            title = headers.get(name)
            if title is not None:
                body = f"{title}{headers.get('after', ' ')}{body}"
            blocks.append(body)
        return headers.get("between", " ").join(blocks)

    def write(self) -> str:
        self.findings()
        self.diagnosis()
        self.medication()
        return self.layout()


def draw_noise(draw: Draw) -> Noise:
    """About four notes in ten carry slips, one in twenty odd spaces."""
    return Noise(
        typo=draw.pick((0.015, 0.03, 0.06)) if draw.chance(0.4) else 0.0,
        spacing=0.12 if draw.chance(0.05) else 0.0,
    )
