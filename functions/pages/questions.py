"""The questions that customers answer: one page each, in order. Codes, labels and wordings come from the API."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple

from functions.pages.forms import Field, Kind, Option, day_in, mistakes_in, options_of
from functions.pages.words import Label, Words

#: Situations in which people know themselves, and the needs that each asks about in more detail.
SITUATIONS: Mapping[str, Sequence[str]] = {
    "equipment": ("01", "02", "03", "04", "26", "12", "23", "24", "25"),
    "health": ("22", "30", "20", "18"),
    "senses": ("08", "09", "35", "36", "27"),
    "moving": ("15", "28", "19"),
    "age": ("14", "29", "34"),
    "for_now": ("33", "32"),
    "support": ("17", "31", "37"),
}
_NAMED = {code for codes in SITUATIONS.values() for code in codes}
#: The need that a birth date belongs to: the register computes when it ends.
YOUNG_CHILDREN = "29"
#: Services that questions of their own ask about.
_ASKED_ELSEWHERE = {"password", "nominee", "other_language"}


class Asked(NamedTuple):
    """The context of the questions: the words, the codes of the API, and the answers so far."""

    words: Words
    reference: Mapping[str, Any]
    values: Mapping[str, Any]
    knows_account: bool = True

    @property
    def needs(self) -> list[str]:
        """The codes of the needs that were chosen, each in a situation that was chosen."""
        chosen = self.values.get("situations") or []
        return [code for name in self.situations() if name in chosen for code in self.values.get(f"needs_{name}") or []]

    def situations(self) -> dict[str, list[str]]:
        """The codes that can be chosen, by situation. A code that no situation names is under the last one."""
        held = {code for name in SITUATIONS for code in self.values.get(f"needs_{name}") or []}
        offered = [term["code"] for term in self.reference["needs"] if not term["retired"] or term["code"] in held]
        named = {name: [code for code in codes if code in offered] for name, codes in SITUATIONS.items()}
        named["support"] += [code for code in offered if code not in _NAMED]
        return named

    def need(self, code: str) -> Label:
        """A need in plain words, or else by its label."""
        plain = self.words.get(f"need.{code}")
        term = next(term for term in self.reference["needs"] if term["code"] == code)
        return Label(plain) if plain else self.words.label(term["label"])

    def ends(self, code: str) -> bool:
        """Whether a need has a last day."""
        return any(term["temporary"] for term in self.reference["needs"] if term["code"] == code)


def newest_wordings(reference: Mapping[str, Any], day: date) -> dict[str, Mapping[str, Any]]:
    """The newest wording in each language."""
    valid = (one for one in reference["wordings"] if one["valid_from"] <= day.isoformat())
    return {one["language"]: one for one in sorted(valid, key=itemgetter("valid_from"))}


class Question(NamedTuple):
    """A page with a question. Questions of one `chain` follow each other, also when one of them is changed."""

    name: str
    fields: Callable[[Asked], list[Field]]
    applies: Callable[[Asked], bool] = lambda _: True
    chain: str = ""

    def unanswered(self, asked: Asked) -> bool:
        """Whether the person has to answer it before they can continue."""
        fields = self.fields(asked)
        values = asked.values
        return any(field.name not in values for field in fields) or bool(mistakes_in(fields, values, asked.words))

    def answer(self, asked: Asked) -> list[Label]:
        """The answer as lines of text."""
        return [line for field in self.fields(asked) for line in answer_lines(field, asked)]


def _field(name: str, kind: Kind, *pointers: str, **more: Any) -> Callable[[Asked], list[Field]]:
    return lambda asked: [field(asked.words, name, kind, *pointers, **more)]


def field(words: Words, name: str, kind: Kind, *pointers: str, **more: Any) -> Field:
    """A field with the label and the hint of its name."""
    return Field(name, kind, Label(words(f"field.{name}")), words.get(f"hint.{name}"), pointers=pointers, **more)


def _fields(*each: Callable[[Asked], list[Field]]) -> Callable[[Asked], list[Field]]:
    return lambda asked: [one for fields in each for one in fields(asked)]


def _from_list(name: str, kind: Kind, listed: str, *pointers: str) -> Callable[[Asked], list[Field]]:
    """A choice among a list of codes of the API."""

    def fields(asked: Asked) -> list[Field]:
        options = options_of(asked.reference[listed], asked.words)
        return [field(asked.words, name, kind, *pointers, options=options, required=True)]

    return fields


def _pointer(needs: list[str], code: str, member: str) -> str:
    """Where the API's errors about one of these needs are."""
    return f"/needs/{needs.index(code)}/{member}"


def _situations(asked: Asked) -> list[Field]:
    words = asked.words
    options = [
        Option(name, Label(words(f"situation.{name}.title")), words(f"situation.{name}.examples"))
        for name, codes in asked.situations().items()
        if codes
    ]
    return [field(words, "situations", "choices", options=options, required=True)]


def _needs(asked: Asked) -> list[Field]:
    """A choice for each situation. The page's address is the same for all of them, and so says nothing about health."""
    words = asked.words
    chosen, needs = asked.values.get("situations") or [], asked.needs
    fields = []
    for situation, codes in asked.situations().items():
        if situation in chosen:
            options = [Option(code, asked.need(code)) for code in codes]
            pointers = [_pointer(needs, code, "code") for code in codes if code in needs]
            label = Label(words(f"situation.{situation}.question"))
            fields.append(Field(f"needs_{situation}", "choices", label, "", options, True, pointers))
    return fields


def _dates(asked: Asked) -> list[Field]:
    words, needs = asked.words, asked.needs
    found = []
    for code in filter(asked.ends, needs):
        if code == YOUNG_CHILDREN:
            pointer = _pointer(needs, code, "youngest_child_born_on")
            found.append(field(words, "born", "date", pointer, required=True))
        else:
            pointers = [_pointer(needs, code, "ends_on")]
            label = asked.need(code)
            found.append(Field(f"ends_{code}", "date", label, words("hint.ends"), required=True, pointers=pointers))
    return found


def _notes(asked: Asked) -> list[Field]:
    needs = asked.needs
    return [Field(f"note_{code}", "note", asked.need(code), pointers=[_pointer(needs, code, "note")]) for code in needs]


def services_asked(reference: Mapping[str, Any]) -> list[str]:
    """The services that no other question asks about."""
    formats = {term["code"] for term in reference["communication_formats"]}
    return [term["code"] for term in reference["services"] if term["code"] not in formats | _ASKED_ELSEWHERE]


def _services(asked: Asked) -> list[Field]:
    codes = services_asked(asked.reference)
    options = options_of(asked.reference["services"], asked.words, codes.__contains__)
    return [
        field(asked.words, "services", "choices", "/services/arranged", options=options),
        field(asked.words, "cannot_read_meter", "switch", "/services/cannot_read_meter"),
    ]


def _nominee(asked: Asked) -> list[Field]:
    options = [Option(answer, Label(asked.words(f"form.{answer}"))) for answer in ("yes", "no")]
    return [field(asked.words, "nominee", "choice", options=options, required=True)]


_PERSON = [
    Question("name", _field("name", "text", "/primary_contact/name", required=True, autocomplete="name")),
    Question(
        "phones",
        _fields(
            _field("phone", "tel", "/primary_contact/phones/0", autocomplete="tel", width="w16"),
            _field("phone_2", "tel", "/primary_contact/phones/1", width="w16"),
        ),
    ),
    Question(
        "home",
        _fields(
            _field("lines", "lines", "/premises/address_lines", required=True, autocomplete="street-address"),
            _field("postcode", "text", "/premises/postcode", required=True, autocomplete="postal-code", width="w8"),
        ),
    ),
]
OF_CUSTOMERS = [
    *_PERSON,
    Question("situations", _situations, chain="needs"),
    Question("needs", _needs, lambda asked: bool(asked.values.get("situations")), "needs"),
    Question("dates", _dates, lambda asked: any(map(asked.ends, asked.needs)), "needs"),
    Question("notes", _notes, lambda asked: bool(asked.needs), "needs"),
    Question("services", _services),
    Question("format", _from_list("format", "choice", "communication_formats", "/services/communication_format")),
    Question("language", _from_list("language", "select", "languages", "/services/language")),
    Question("nominee", _nominee, chain="nominee"),
    Question(
        "nominee_details",
        _fields(
            _field("nominee_name", "text", "/alternate_contact/name", required=True),
            _field("nominee_phone", "tel", "/alternate_contact/phones/0", width="w16"),
            _from_list("relationship", "choice", "relationships", "/alternate_contact/relationship"),
            _field("nominee_receives", "switch", "/services/nominee_receives_communications"),
        ),
        lambda asked: asked.values.get("nominee") == "yes",
        "nominee",
    ),
    Question("password", _field("password", "text", "/services/caller_password", width="w8")),
]
AGREE = Question("agree", _field("agree", "switch", "/sharing", required=True))
OF_REFERRALS = [
    Question(
        "referrer",
        _fields(
            _from_list("referrer", "choice", "referrers", "/referral/referrer"),
            _field("referrer_name", "text", "/referral/name", required=True),
            _field("organisation", "text", "/referral/organisation"),
            _field("referrer_phone", "tel", "/referral/phone", width="w16"),
        ),
    ),
    Question(
        "account",
        _fields(
            _field("account", "text", "/account_id", required=True, width="w16"),
            _field("mpan", "text", "/supply_points", "/supply_points/mpans", width="w16"),
            _field("mprn", "text", "/supply_points/mprns", width="w16"),
        ),
        lambda asked: not asked.knows_account,
    ),
    *_PERSON,
]


def applying(questions: Iterable[Question], asked: Asked) -> list[Question]:
    """The questions that these answers leave open or have answered."""
    return [question for question in questions if question.applies(asked)]


def following(question: Question, questions: Iterable[Question], asked: Asked) -> Question | None:
    """The question after one: of the same chain, or the first without an answer. None: there is none."""
    open_ones = applying(questions, asked)
    names = [one.name for one in open_ones]
    after = open_ones[names.index(question.name) + 1 :] if question.name in names else []
    if question.chain and after and after[0].chain == question.chain:
        return after[0]
    return next((one for one in open_ones if one.unanswered(asked)), None)


def answer_lines(field: Field, asked: Asked) -> list[Label]:
    """The answer in a field as lines of text."""
    value, words = asked.values.get(field.name), asked.words
    if not value:
        return []
    if field.kind == "switch":
        return [field.label]
    if field.kind in {"choice", "choices", "select"}:
        chosen = [value] if isinstance(value, str) else value
        return [option.label for option in field.options if option.value in chosen]
    text = words.date(day_in(value)) if field.kind == "date" else value
    if field.kind in {"date", "note"}:
        about = words.get(f"short.{field.name}") or field.label.text
        return [Label(f"{about}: {text}", field.label.language)]
    return [Label(line) for line in str(text).split("\n")]
