"""`python -m tests.support.fork_server`: run each piece of work that it reads in a process of its own.

The server imports everything once and forks a process for each line. A process starts in milliseconds, and has clients
and settings of its own, as a new instance of a function has. A module that is imported here must not read settings or
open a connection: gRPC does not survive a fork.

A line asks for work: `{"number", "environment", "out", "errors"}` with `Call`, `Command` or `Script`. The answers are
`{"number", "pid"}` and, once the process has ended, `{"number", "status"}`.
"""

import asyncio
import importlib.util
import json
import os
import pkgutil
import runpy
import sys
import traceback
from collections.abc import Callable
from typing import Any

# Every piece of work needs these.
import functions_framework.aio  # noqa: F401
import google.cloud.storage
import google.pubsub_v1.services.publisher.transports  # noqa: F401
from starlette.requests import Request

import shared
from ops.__main__ import main
from tests.support.commands import all_commands
from tests.support.forks import Call, Command, Script
from tools.places import ROOT


def serve() -> None:
    """Fork a process for each line. A second process watches it, so that this one never waits."""
    _import_everything()
    out = os.dup(1)
    for line in sys.stdin:
        if os.fork() == 0:
            _watch(json.loads(line), out)
        else:
            _reap()


def _import_everything() -> None:
    """Import the modules of every function and command. A command's module is imported only when it is used."""
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        importlib.import_module(module.name)
    all_commands()


def _reap() -> None:
    """Forget watchers that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def _watch(asked: dict[str, Any], out: int) -> None:
    worker = os.fork()
    if worker == 0:
        _work(asked)
    number = asked["number"]
    os.write(out, f"{json.dumps({'number': number, 'pid': worker})}\n".encode())
    _, ended = os.waitpid(worker, 0)
    os.write(out, f"{json.dumps({'number': number, 'status': os.waitstatus_to_exitcode(ended)})}\n".encode())
    os._exit(0)


def _work(asked: dict[str, Any]) -> None:
    status = 1
    try:
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream, path in ((1, asked["out"]), (2, asked["errors"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
        if "Call" in asked:
            status = _call(Call(*asked["Call"]))
        else:
            status = _command(Command(*asked["Command"])) if "Command" in asked else _script(Script(*asked["Script"]))
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _call(call: Call) -> int:
    main = ROOT / "functions" / call.function / "main.py"
    spec = importlib.util.spec_from_file_location(f"functions_{call.function}", main)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in call.headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": call.body.encode(), "more_body": False}

    async def answer() -> int:
        response = await module.main(Request(scope, receive))
        sys.stdout.write(f"{response.status_code} {response.body.decode()}\n")
        return int(response.status_code)

    return 0 if asyncio.run(answer()) // 100 == 2 else 1


def _command(command: Command) -> int:
    sys.argv = ["ops", *command.arguments]
    return _status_of(main)


def _script(script: Script) -> int:
    sys.argv = [script.module, *script.arguments]
    return _status_of(lambda: runpy.run_module(script.module, run_name="__main__"))


def _status_of(run: Callable[[], object]) -> int:
    try:
        run()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0


if __name__ == "__main__":
    serve()
