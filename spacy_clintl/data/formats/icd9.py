"""Codes of ICD-9-CM and what they roll up to (https://www.cdc.gov/nchs/icd/icd9cm.htm)."""

import re

LEVELS = ("chapter", "category", "code")
# The tabular list's chapters 1 to 17 and the two supplementary classifications.
CHAPTERS = {
    "001-139": "infectious and parasitic diseases",
    "140-239": "neoplasms",
    "240-279": "endocrine, nutritional and metabolic diseases, and immunity disorders",
    "280-289": "diseases of the blood and blood-forming organs",
    "290-319": "mental disorders",
    "320-389": "diseases of the nervous system and sense organs",
    "390-459": "diseases of the circulatory system",
    "460-519": "diseases of the respiratory system",
    "520-579": "diseases of the digestive system",
    "580-629": "diseases of the genitourinary system",
    "630-679": "complications of pregnancy, childbirth and the puerperium",
    "680-709": "diseases of the skin and subcutaneous tissue",
    "710-739": "diseases of the musculoskeletal system and connective tissue",
    "740-759": "congenital anomalies",
    "760-779": "certain conditions originating in the perinatal period",
    "780-799": "symptoms, signs and ill-defined conditions",
    "800-999": "injury and poisoning",
    "V01-V91": "factors influencing health status and contact with health services",
    "E000-E999": "external causes of injury and poisoning",
}
# With or without the point: 4019 is 401.9, V3001 is V30.01, E8780 is E878.0.
CODE = re.compile(r"(?P<category>[0-9]{3}|V[0-9]{2}|E[0-9]{3})(?:\.?(?P<rest>[0-9]{1,2}))?")


def roll_up(code: str, level: str) -> str | None:
    """Return what a diagnosis code belongs to.

    code (str): A code of ICD-9-CM, volume 1, with or without its point.
    level (str): 'chapter', 'category' or 'code'.
    RETURNS (str | None): The chapter's range, the category without the point, or the code with its
        point; None for what is no code.
    """
    match = CODE.fullmatch(code.strip().upper())
    if match is None:
        return None
    category, rest = match["category"], match["rest"]
    chapter = _chapter(category)
    if chapter is None:
        return None
    if level == "chapter":
        return chapter
    return f"{category}.{rest}" if level == "code" and rest else category


def _chapter(category: str) -> str | None:
    for chapter in CHAPTERS:
        first, last = chapter.split("-")
        # Same kind and length, so that the order of texts is that of the numbers.
        same = len(first) == len(category) and first[0].isalpha() == category[0].isalpha()
        if same and first <= category <= last:
            return chapter
    return None
