"""One request for a page: who asks, in which language, what was typed, and the response."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from functions.pages.api import Api, is_live, is_shared
from functions.pages.session import Cookies, Session
from functions.pages.words import LANGUAGES, WORDS
from shared.digest import digest
from shared.log import trace_id
from shared.settings import settings

FOLDER = Path(__file__).parent
#: By name, with the media type. The address has the content's digest, so browsers may keep a file indefinitely.
STATIC = {"pages.css": "text/css", "icon.svg": "image/svg+xml"}
_OWN_PATH = re.compile(r"/[A-Za-z0-9/_-]*")

Form = Mapping[str, list[str]]

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.tests |= {"live": is_live, "shared": is_shared}
_templates.globals["static"] = {
    name: f"/static/{name}?{digest((FOLDER / 'static' / name).read_text(encoding='utf-8'))[:12]}" for name in STATIC
}


class Visit:
    """A person's request. `session` is set while they are signed in, `lapsed` if their session is over."""

    def __init__(self, request: Request, language: str) -> None:
        self.request = request
        self.language = language
        self.words = WORDS[language]
        self.cookies = Cookies(request.cookies)
        stored = Session.stored_in(self.cookies)
        self.session = stored if stored and stored.live else None
        self.lapsed = None if self.session else stored
        #: The fields of the form that was posted.
        self.form: Form = {}
        self.typed_was_shown = False

    @property
    def path(self) -> str:
        """The path of this page, as it is in this language."""
        return str(self.request.url.path)

    @property
    def api(self) -> Api:
        """The API with this person's token; an agent's calls state the purpose that they chose."""
        return Api(self.signed_in.access_token, self.purpose if self.signed_in.agent else None)

    @property
    def purpose(self) -> str | None:
        """Why an agent reads, as their token says or as they chose in this session."""
        purpose: str | None = self.signed_in.claims.get("purpose") or self.remembered("purpose")
        return purpose

    @property
    def signed_in(self) -> Session:
        """The session of a page that is not public."""
        if self.session is None:
            raise RuntimeError("a page that is public needs no session")
        return self.session

    @property
    def posted(self) -> bool:
        """Whether a form was sent."""
        return bool(self.request.method == "POST")

    def one(self, field: str) -> str:
        """The text that was typed into a field of the form."""
        return self.form.get(field, [""])[0].strip()

    @property
    def given(self) -> Form | None:
        """The form that was posted, or the one that was kept when something failed; None if there is none."""
        return self.form if self.posted else self.typed()

    def remember(self, name: str, value: Any) -> None:
        """Keep something until this session ends."""
        self.cookies.write(name, [self.signed_in.form_token, value])

    def remembered(self, name: str) -> Any:
        """Something that was kept in this session."""
        kept = self.cookies.read(name)
        return kept[1] if kept and kept[0] == self.signed_in.form_token else None

    def keep_typed(self) -> None:
        """Keep what was posted, for the same person and the same page, until that page can be shown again."""
        session = self.session or self.lapsed
        if self.posted and session:
            self.cookies.write("typed", [self.path, session.subject, dict(self.form)])

    def typed(self) -> Form | None:
        """The form that this person had posted to this page when something failed."""
        kept = self.cookies.read("typed")
        if self.session is None or not kept or kept[:2] != [self.path, self.session.subject]:
            return None
        self.typed_was_shown = True
        form: Form = kept[2]
        return form

    def url(self, page: str, **parameters: str) -> str:
        """The path of a page in this language. A page is named like its function."""
        return localised(str(self.request.app.url_path_for(page, **parameters)), self.language)

    def redirect(self, page: str, **parameters: str) -> Response:
        """Send the browser on to a page."""
        return RedirectResponse(self.url(page, **parameters), 303)

    def to_sign_in(self) -> Response:
        """Send the browser to sign in and come back."""
        self.keep_typed()
        return RedirectResponse(f"{self.url('sign_in')}?{urlencode({'next': self.path})}", 303)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page from a template. A form with mistakes has the status 422, or that of the API's answer."""
        if status == 200 and values.get("mistakes"):  # noqa: PLR2004
            status = 422
        values |= {"visit": self, "t": self.words, "url": self.url, "back": values.get("back")}
        return HTMLResponse(_templates.get_template(template).render(values), status)

    def problem(self, code: str, status: int) -> Response:
        """A page that says what happened and what to do."""
        again = self.path if status in {409, 412, 502, 503} else None
        return self.render("problem.html", status, name=self.problem_name(code), trace=trace_id.get(), again=again)

    def problem_name(self, code: str) -> str:
        """The name of a problem in the words: agents have words of their own for some."""
        agent = self.session is not None and self.session.agent
        names = (f"desk-{code}" if agent else code, code, "other")
        return next(name for name in names if f"problem.{name}.title" in self.words.texts)

    @property
    def languages(self) -> list[tuple[str, str]]:
        """The other languages: code, and path of this page."""
        return [(other, localised(self.path, other)) for other in LANGUAGES if other != self.language]

    @property
    def return_to(self) -> str | None:
        """The address on the supplier's site that the person came from, if it is on the list."""
        address = self.request.query_params.get("return_to") or self.cookies.read("return")
        listed = tuple(f"{origin}/" for origin in settings().pages_return_origins.split())
        if not address or not f"{address}/".startswith(listed):
            return None
        self.cookies.write("return", address)
        return str(address)


def localised(path: str, language: str) -> str:
    """A path in a language. English has no prefix."""
    plain = split_path(path)[1]
    return plain if language == LANGUAGES[0] else f"/{language}{plain}".rstrip("/")


def split_path(path: str) -> tuple[str, str]:
    """The language of a path, and the path without it."""
    for language in LANGUAGES[1:]:
        if path == f"/{language}" or path.startswith(f"/{language}/"):
            return language, path.removeprefix(f"/{language}") or "/"
    return LANGUAGES[0], path


def own_path(path: str) -> str | None:
    """The path if it can only be one of these pages, so that nobody is sent elsewhere."""
    return path if _OWN_PATH.fullmatch(path) and not path.startswith("//") else None
