"""The start page of the local stack: what the register is, its figures as they are now, and what to try."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

from shared.clock import LONDON
from shared.domain.registration import Registration, RegistrationState, Status
from shared.domain.supply_points import distributors
from shared.errors import Unavailable
from shared.export.day_manifest import DAY_MANIFEST, RELEASED, DayManifest
from shared.runtime.manifest import Trigger, read_manifests
from shared.store.documents import Collection
from shared.store.quarantine_records import QuarantineStatus
from shared.store.service import service
from tools.local.html import NAME, card, page, stacked_bar, table
from tools.local.issuer import SCOPES
from tools.local.layout import BUCKET, PAGES, Layout
from tools.places import FUNCTIONS

_LEAD = (
    "<p class='lead'>An energy supplier keeps this register of customers in vulnerable situations, and shares it with "
    "the network operators: a person on a home ventilator depends on the network knowing before the power goes off. "
    "This is a local stack, and everyone in it is invented.</p>"
)
#: Replaces the figures every few seconds while somebody looks at them.
_LIVE = """<script>
setInterval(async () => {
  if (document.hidden) return;
  const text = await (await fetch("/")).text();
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("figures");
  document.getElementById("figures").replaceWith(fresh);
}, 5000);
</script>"""
#: Registrations that are looked at to find a customer with electricity.
_LOOKED_AT = 20
_STATUSES = (Status.ACTIVE, Status.PENDING, Status.WITHDRAWN, Status.ENDED)
_WAITING = (QuarantineStatus.FAILED, QuarantineStatus.PARKED)


class StartPage:
    """The start page of one stack."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._exports = layout.home / BUCKET

    async def answer(self) -> HTMLResponse:
        """The page as of now."""
        return page(
            NAME,
            f"{_LEAD}<h2>Now</h2><div id='figures' class='cards'>{await self._figures()}</div>{_LIVE}"
            f"<h2>Try it</h2>{self._steps(await _sample_customer())}"
            f"<h2>Functions</h2>{table(('Function', 'Description', 'Trigger', 'Status'), self._functions())}",
            f"Project <code>{escape(self._layout.project)}</code> in <code>{escape(str(self._layout.home))}</code>.",
        )

    async def _figures(self) -> str:
        return "".join([*await _counts(), self._last_export(), self._time()])

    def _last_export(self) -> str:
        manifests = sorted(self._exports.glob(f"*/r*/{DAY_MANIFEST}"))
        if not manifests:
            return card("Last export", "none", "<p>A day is exported after it has closed, at 02:00 on the next.</p>")
        manifest = DayManifest.model_validate_json(manifests[-1].read_text(encoding="utf-8"))
        recipients = sum(row.written > 0 for row in manifest.recipients)
        stage = "released" if (manifests[-1].parent / RELEASED).exists() else "not released yet"
        return card(
            "Last export",
            f"{manifest.day:%-d %b}",
            stacked_bar({"sent": manifest.written, "withheld": manifest.withheld}),
            f"<p>supply points, to {recipients} recipients; {stage}</p>",
        )

    def _time(self) -> str:
        now = self._layout.clock.now().astimezone(LONDON)
        return card("The stack's clock", f"{now:%H:%M}", f"<p>{now:%A %-d %B %Y}, London time</p>")

    def _steps(self, customer: Registration | None) -> str:
        env = escape(str(self._layout.home / "env"))
        steps = (
            _step(
                "Register as a customer, or work as an agent",
                f"<p><a href='{escape(self._layout.function_url(PAGES))}/'>The pages</a>. The sign-in page has two "
                "customers and two agents of the sample.</p>",
            ),
            _step(
                "Use the API in the browser",
                "<p><a href='/docs'>Every operation</a>, to call from the page. Tokens last an hour: "
                f"{', '.join(_token_links(customer))}.</p>",
            ),
            _step(
                "Operate the register",
                "<p>In another shell. The runbooks in <code>docs/runbooks/</code> use the same commands.</p>"
                f"<pre tabindex='0'>source {env}\npsr doctor\npsr quarantine list\npsr export status</pre>",
            ),
            _step("Look up a customer", self._lookup(customer)),
            _step(
                "Move time, publish an event",
                "<p><code>docs/local.md</code> has an example with an account that closes on a later day.</p>"
                "<pre tabindex='0'>psr local clock\n"
                "psr events publish docs/events/examples/uk.psr.account.closed.v1.json</pre>",
            ),
            _step("Read the files of the last export", self._files()),
        )
        return f"<ol class='steps'>{''.join(steps)}</ol>"

    def _lookup(self, customer: Registration | None) -> str:
        if customer is None:
            return "<p>Nobody is registered yet. Reload this page after the tour.</p>"
        url = escape(self._layout.url)
        return (
            f"<p>Account <code>{escape(customer.account_id)}</code>, by its MPAN:</p>"
            f'<pre tabindex="0" id="lookup">TOKEN=$(curl -s "{url}/dev/token?as=agent" | sed \'s/.*:"//; s/"}}//\')\n'
            f'curl -s -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n'
            f'  -d \'{{"mpan": "{escape(customer.supply_points.mpans[0])}"}}\' {url}/v1/registrations:lookup</pre>'
        )

    def _files(self) -> str:
        manifests = sorted(self._exports.glob(f"*/r*/{DAY_MANIFEST}"))
        files = [path for path in sorted(manifests[-1].parent.rglob("*")) if path.is_file()] if manifests else []
        if not files:
            return "<p>No day has been exported yet.</p>"
        rows = ((self._link(path), f"{path.stat().st_size:,} bytes") for path in files)
        return f"<details><summary>{len(files)} files</summary>{table(('File', 'Size'), rows)}</details>"

    def _link(self, path: Path) -> str:
        name = escape(path.relative_to(self._exports).as_posix())
        return f"<a href='/exports/{name}'><code>{name}</code></a>"

    def _functions(self) -> Iterable[tuple[str, ...]]:
        for name, manifest in read_manifests(FUNCTIONS).items():
            url = escape(self._layout.function_url(name))
            yield (
                f"<code>{escape(name)}</code>",
                escape(manifest.description),
                _started_by(manifest.trigger),
                f"<a href='{url}/_status' aria-label='Status of {escape(name)}'>status</a>",
            )


def _step(title: str, content: str) -> str:
    return f"<li class='card'><h3>{title}</h3>{content}</li>"


async def _counts() -> list[str]:
    """How many registrations there are by status, and messages in quarantine."""
    try:
        registrations = {status.value: await _count(Collection.REGISTRATIONS, status) for status in _STATUSES}
        waiting = {status.value: await _count(Collection.QUARANTINE, status) for status in _WAITING}
    except Unavailable:
        return [card("Registrations", "unknown", "<p>Firestore does not answer.</p>")]
    live = registrations[Status.ACTIVE] + registrations[Status.PENDING]
    return [
        card("Live registrations", f"{live:,}", stacked_bar(registrations)),
        card("Pending", f"{registrations[Status.PENDING]:,}", "<p>customers whose needs are not known yet</p>"),
        card("Quarantine", f"{sum(waiting.values()):,}", stacked_bar(waiting), "<p>messages that wait</p>"),
    ]


async def _count(collection: str, status: str) -> int:
    return await service().documents.count(collection, "status", [status])


async def _sample_customer() -> Registration | None:
    """A registered customer with electricity; None if there is none yet."""
    try:
        found = await service().documents.page(
            Collection.REGISTRATIONS, equal=("status", Status.ACTIVE.value), limit=_LOOKED_AT
        )
    except Unavailable:
        return None
    registrations = (RegistrationState.model_validate_json(stored.state).registration for stored in found)
    return next((one for one in registrations if one.supply_points.mpans), None)


def _token_links(customer: Registration | None) -> Iterable[str]:
    """A link to a token of each kind, for the customer and the customer's network."""
    mpan = customer.supply_points.mpans[0] if customer else "1000999001019"
    account_id = customer.account_id if customer else "A-1"
    distributor = distributors().get(mpan[:2])
    claims = {
        "network": f"&mpids={distributor.mpid}" if distributor else "",
        "customer": f"&account_id={account_id}&supply_points={mpan}",
    }
    for kind, scopes in SCOPES.items():
        link = escape(f"/dev/token?as={kind}{claims.get(kind, '')}")
        yield f"<a href='{link}'>{kind}</a> (<code>{scopes}</code>)"


def _started_by(trigger: Trigger) -> str:
    if trigger.http is not None:
        return "<br>".join(f"<code>{route.method} {escape(route.path)}</code>" for route in trigger.http)
    if trigger.pages is not None:
        return "people, in a browser"
    if trigger.pubsub is not None:
        return f"topic <code>{trigger.pubsub.topic}</code>"
    return f"cron <code>{trigger.schedule.cron}</code>" if trigger.schedule else ""
