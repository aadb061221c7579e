"""An HTTP proxy in front of the Cloud Storage emulator: counts requests, and can refuse one or lose its answer.

The client and the emulator are real; only what a network can do is simulated here. An upload of more than 8 MiB
continues at an address that the emulator names, and so bypasses the proxy.
"""

import http.client
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tools.firestore_proxy import Fault

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_UNSEEN = {Fault.REFUSED: 503, Fault.DEAD: 403, Fault.NO_RIGHT: 403}
_UNANSWERED = {Fault.ANSWER_LOST: 503, Fault.DIES: 403}


class StorageProxy:
    """Listens on a loopback port of its own until it is closed. `fault` is asked for each request (`storage GET`, …);
    `died` is called where one meets `Fault.DIES`. An answer that is late is one whose connection ends.
    """

    def __init__(self, emulator: str) -> None:
        self.fault: Callable[[str], Fault | None] = lambda _: None
        self.died: Callable[[], None] = lambda: None
        self._emulator = emulator
        self._open = 0
        self._idle = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_until_idle(self) -> None:
        """Return once the emulator has answered every request so far, also those whose caller is gone."""
        with self._idle:
            self._idle.wait_for(lambda: self._open == 0)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with suppress(ConnectionError):  # the caller is gone
                    super().handle()

            def relay(self) -> None:
                proxy._relay(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = relay  # noqa: N815 - names of the library's

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _relay(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        fault = self.fault(f"storage {request.command}")
        if fault in _UNSEEN:
            _answer(request, _UNSEEN[fault], {}, b"refused by the proxy")
            return
        with self._idle:
            self._open += 1
        try:
            status, headers, content = self._carry(request, body)
        finally:
            with self._idle:
                self._open -= 1
                self._idle.notify_all()
        if fault is Fault.DIES:
            self.died()
        if fault is Fault.ANSWER_LATE:
            request.close_connection = True
        elif fault in _UNANSWERED:
            _answer(request, _UNANSWERED[fault], {}, b"the proxy dropped the answer")
        else:
            _answer(request, status, headers, content)

    def _carry(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of the emulator's answer."""
        connection = http.client.HTTPConnection(urlsplit(f"//{self._emulator}").netloc, timeout=60)
        try:
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


def _answer(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes) -> None:
    request.send_response_only(status)
    for name, value in headers.items():
        if name.lower() not in _HOP_BY_HOP:
            request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
