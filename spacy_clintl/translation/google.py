"""Translation by Google Cloud Translation, version 3, over its REST interface."""

import os
import random
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ClintlError, Errors
from .protocol import Capabilities, Cost, Segment, Translation, Translator, check_settings

if TYPE_CHECKING:
    import requests

ENDPOINT = "https://translation.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# The service's limits for one request.
STRINGS = 1024
CODE_POINTS = 30_000
# Too many requests, and faults that pass.
_PASSING = (408, 429, 500, 502, 503, 504)
_LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?")
# Longest pause between two tries, in seconds.
_LONGEST_PAUSE = 60.0
# A text that every pair of languages has.
_PLAIN = "1"


class _ServiceError(Exception):
    """The service gave no answer that can be used. Holds no text."""

    def __init__(self, message: str, *, status: int = 0, after: str | None = None):
        super().__init__(message)
        self.status = status
        self.after = after


class _OddAnswer(_ServiceError):
    """The service answered, but not for each text."""


class GoogleTranslator(Translator):
    """Translates by Google's service, see `make_google_v1`."""

    name = "spacy_clintl.GoogleTranslator.v1"
    batch_size = STRINGS

    def __init__(
        self,
        project: str,
        location: str = "global",
        allow_remote: bool = False,
        model: str | None = None,
        glossary: str | None = None,
        price_per_million: float = 20.0,
        currency: str = "USD",
        retries: int = 5,
        pause: float = 1.0,
        timeout: float = 60.0,
        token_variable: str = "GOOGLE_OAUTH_ACCESS_TOKEN",
        endpoint: str = ENDPOINT,
    ):
        check_settings(
            self.name,
            ("price_per_million", price_per_million, price_per_million >= 0, "0 or more"),
            ("retries", retries, retries >= 0, "0 or more"),
            ("pause", pause, pause >= 0, "0 or more"),
            ("timeout", timeout, timeout > 0, "above 0"),
        )
        self.project = project
        self.location = location
        self.allow_remote = allow_remote
        self.model = model
        self.glossary = glossary
        self.price_per_million = price_per_million
        self.currency = currency
        self.retries = retries
        self.pause = pause
        self.timeout = timeout
        self.token_variable = token_variable
        self.endpoint = endpoint.rstrip("/")
        self._forget()

    def _forget(self) -> None:
        self._session: requests.Session | None = None
        self._credentials: Any = None
        self._succeeded = False
        self._gave_up = False

    def capabilities(self) -> Capabilities:
        """See `Translator.capabilities`."""
        return Capabilities(keeps_markers=True, remote=True)

    def version(self, source: str, target: str) -> str:
        """Name the interface, and model and glossary; the service does not tell more."""
        return f"v3 {self.location} {self.model or 'default'} {self.glossary or 'no glossary'}"

    def cost(self, segments: Sequence[Segment]) -> Cost:
        """See `Translator.cost`; the service charges by code points, white space included."""
        characters = sum(len(segment.text) for segment in segments)
        return Cost(characters, characters * self.price_per_million / 1e6, self.currency)

    def check(self, source: str, target: str) -> None:
        """Refuse to send text away without permission, or a token in the clear."""
        if not self.allow_remote:
            raise ClintlError(Errors.CL630.format(name=self.name))
        if not (self.endpoint.startswith("https://") or _LOCAL.fullmatch(self.endpoint)):
            raise ClintlError(
                Errors.CL602.format(
                    name=self.name,
                    setting="endpoint",
                    value=self.endpoint,
                    expected="an address that begins with https://",
                )
            )
        self._token()

    def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            self._session.close()
        self._forget()

    def __getstate__(self) -> dict:
        # A token is for this process only.
        return {key: value for key, value in self.__dict__.items() if not key.startswith("_")}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._forget()

    def _translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        made: list[Translation] = []
        for batch in _batches(texts):
            made.extend(self._batch(batch, source, target))
        return made

    def _batch(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        if len(texts) == 1 and len(texts[0]) > CODE_POINTS:
            return [Translation("", error="the text is longer than the service takes")]
        try:
            answers = self._request(texts, source, target)
        except _ServiceError as error:
            is_final = error.status and not self._succeeded and error.status not in _PASSING
            # Project, rights or languages, and the next request would end in the same way; unless
            # it is a text that it does not take.
            if is_final and not (error.status == 400 and self._takes(_PLAIN, source, target)):
                raise ClintlError(Errors.CL631.format(reason=error)) from error
            if (error.status == 400 or isinstance(error, _OddAnswer)) and len(texts) > 1:
                # One text that it does not take shall not take the others along.
                half = len(texts) // 2
                first = self._batch(texts[:half], source, target)
                return [*first, *self._batch(texts[half:], source, target)]
            return [Translation("", error=str(error)) for _ in texts]
        self._succeeded = True
        self._gave_up = False
        # What becomes nothing stays as it is: no text is lost.
        return [
            Translation(answer) if answer else Translation(text, untranslated=((0, len(text)),))
            for text, answer in zip(texts, answers)
        ]

    def _takes(self, text: str, source: str, target: str) -> bool:
        """Say whether the service translates a text that nothing is wrong with."""
        try:
            self._request([text], source, target)
        except _ServiceError:
            return False
        self._succeeded = True
        return True

    def _request(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        parent = f"projects/{self.project}/locations/{self.location}"
        body: dict[str, Any] = {
            "contents": list(texts),
            # The default is HTML, of which the service moves and widens tags.
            "mimeType": "text/plain",
            "sourceLanguageCode": source,
            "targetLanguageCode": target,
        }
        if self.model:
            body["model"] = f"{parent}/models/{self.model}"
        if self.glossary:
            body["glossaryConfig"] = {"glossary": f"{parent}/glossaries/{self.glossary}"}
        data = self._answer(f"{self.endpoint}/v3/{parent}:translateText", body)
        key = "glossaryTranslations" if self.glossary else "translations"
        entries = data.get(key) if isinstance(data, dict) else None
        if not isinstance(entries, list):
            raise _ServiceError("the service's answer cannot be read")
        # The service leaves fields out whose value is empty.
        answers = [one.get("translatedText", "") for one in entries if isinstance(one, dict)]
        if len(answers) != len(texts) or not all(isinstance(one, str) for one in answers):
            # Which text the missing one belongs to is not known.
            raise _OddAnswer("the service answered for another number of texts")
        return answers

    def _answer(self, url: str, body: dict[str, Any]) -> Any:
        # After one request was given up, the next ones are tried once: a service that is down
        # would else keep a corpus busy for days.
        tries = 1 if self._gave_up else 1 + self.retries
        for number in range(tries):
            try:
                return self._post(url, body)
            except _ServiceError as error:
                if error.status and error.status not in _PASSING:
                    raise
                if number == tries - 1:
                    self._gave_up = True
                    raise
                time.sleep(self._wait(number, error.after))
        raise AssertionError

    def _post(self, url: str, body: dict[str, Any]) -> Any:
        import requests

        if self._session is None:
            self._session = requests.Session()
        headers = {"Authorization": f"Bearer {self._token()}", "x-goog-user-project": self.project}
        try:
            response = self._session.post(
                url, json=body, headers=headers, timeout=self.timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            # Its message may quote what was sent.
            name = type(error).__name__
            raise _ServiceError(f"the service cannot be reached ({name})") from None
        if response.status_code == 200:
            try:
                return response.json()
            except ValueError:
                raise _ServiceError("the service's answer cannot be read") from None
        after = response.headers.get("Retry-After")
        raise _ServiceError(_refusal(response), status=response.status_code, after=after)

    def _wait(self, number: int, after: str | None) -> float:
        if after is not None and after.isdecimal():
            return min(float(after), _LONGEST_PAUSE)
        # Full jitter: many clients that were refused together shall not come back together.
        longest = min(self.pause * 2**number, _LONGEST_PAUSE)
        return longest * (0.5 + random.random() / 2)

    def _token(self) -> str:
        """Give an access token: of the environment, else by Google's own library."""
        given = os.environ.get(self.token_variable)
        if given:
            return given
        try:
            import google.auth
            import google.auth.exceptions
            import google.auth.transport.requests
        except ImportError as error:
            raise ClintlError(Errors.CL632.format(variable=self.token_variable)) from error
        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[SCOPE])
            if not self._credentials.valid:
                self._credentials.refresh(google.auth.transport.requests.Request())
        except google.auth.exceptions.GoogleAuthError as error:
            reason = type(error).__name__
            raise ClintlError(Errors.CL633.format(reason=reason)) from error
        return self._credentials.token


def make_google_v1(
    project: str,
    location: str = "global",
    allow_remote: bool = False,
    model: str | None = None,
    glossary: str | None = None,
    price_per_million: float = 20.0,
    currency: str = "USD",
    retries: int = 5,
    pause: float = 1.0,
    timeout: float = 60.0,
    token_variable: str = "GOOGLE_OAUTH_ACCESS_TOKEN",
    endpoint: str = ENDPOINT,
) -> GoogleTranslator:
    """Create the translator by Google Cloud Translation, version 3. Text leaves this machine.

    It needs an access token: in an environment variable, or the library google-auth (extra
    'google') with application default credentials. Requests keep to the service's limits (1,024
    strings, 30,000 code points). Throttling and passing faults are tried again, with growing pauses
    or as the service asks; what still fails is an error of its segments only. What the service
    refuses at the first request ends the run.

    project (str): The Google Cloud project that is charged.
    location (str): Where it is processed: 'global' or a region, such as 'europe-west1'.
    allow_remote (bool): Must be true, so that no text is sent away by mistake.
    model (str | None): A model's name, such as 'general/nmt'.
    glossary (str | None): A glossary's name, in the same project and location.
    price_per_million (float): The price of a million code points, for estimates.
    currency (str): Its currency.
    retries (int): How often a request is tried again.
    pause (float): Seconds before the first of these; doubled each time.
    timeout (float): Seconds to wait for an answer.
    token_variable (str): The environment variable that may hold an access token.
    endpoint (str): The service's address; anything but https is for this machine only.
    RETURNS (GoogleTranslator): The translator.
    """
    return GoogleTranslator(
        project,
        location,
        allow_remote,
        model,
        glossary,
        price_per_million,
        currency,
        retries,
        pause,
        timeout,
        token_variable,
        endpoint,
    )


def _batches(texts: Sequence[str]) -> list[list[str]]:
    """Group texts, in order, within the limits of a request."""
    batches: list[list[str]] = []
    size = 0
    for text in texts:
        if not batches or len(batches[-1]) == STRINGS or size + len(text) > CODE_POINTS:
            batches.append([])
            size = 0
        batches[-1].append(text)
        size += len(text)
    return batches


def _refusal(response: "requests.Response") -> str:
    """Say how the service refused, by its codes only: its message may quote what was sent."""
    try:
        status = response.json()["error"]["status"]
    except (ValueError, KeyError, TypeError):
        status = ""
    known = status if isinstance(status, str) and re.fullmatch(r"[A-Z_]{1,40}", status) else ""
    return f"the service refused: HTTP {response.status_code} {known}".strip()
