"""Pages for customers and agents, which call the API with each person's own token.

To add a page: write a coroutine that takes a `Visit` and returns a response, in `customer.py`, `agent.py` or a module
next to them; put it into that module's `PAGES` with its path; give it a template; and add its words to `words/en.toml`
and `words/cy.toml`. A page is served in both languages, only to people who are signed in unless it is `public`, with
the security headers. Problems of the API become help pages that keep what was typed.
"""

from functions.pages import agent, agent_forms, customer, sign_in
from functions.pages.api import reach_api
from functions.pages.app import application
from functions.pages.sign_in import reach_issuer
from shared.runtime.site import Site

site = Site(__file__)
site.serve(
    application(*sign_in.PAGES, *agent_forms.PAGES, *agent.PAGES, *customer.PAGES),
    {"api": reach_api, "token_issuer": reach_issuer},
)
main = site.function()
