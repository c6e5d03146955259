#!/usr/bin/env bash
# uvicorn 0.54.0 on asyncio's own loop: with several workers (or --reload) the listening socket is made without naming
# TCP as its protocol. asyncio turns Nagle's algorithm off only for sockets that name it, so that it stays on: uvicorn
# sends headers and body of an answer apart, and the body of every answer on a kept connection waits until the client
# has acknowledged the headers, about 40 ms later on Linux. With one worker, where the loop makes the socket, it is off.
# Hurts: whoever serves a re-ranker of a few milliseconds by `uvicorn --workers 2`: p50 is 40 ms more than with one
# worker, the processor idle meanwhile; load tests that open a connection for each request do not show it.
# Avoid: uvloop, which turns it off itself; or bind a socket with proto=socket.IPPROTO_TCP and hand it to uvicorn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet uvicorn==0.54.0 h11
cat > "$folder/app.py" <<'PY'
import socket

BODY = b"x" * 4000


async def answer(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    length = str(len(BODY)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": BODY})
PY
cat > "$folder/measure.py" <<'PY'
import http.client
import socket
import statistics
import subprocess
import sys
import time

import uvicorn


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def milliseconds(workers):
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app:answer", "--port", str(port), "--workers", str(workers)]
    command += ["--loop", "asyncio", "--http", "h11", "--log-level", "critical"]
    server = subprocess.Popen(command)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(2)
        connection, taken = http.client.HTTPConnection("127.0.0.1", port), []
        for _ in range(40):
            started = time.perf_counter()
            connection.request("POST", "/", b"{}")
            connection.getresponse().read()
            taken.append(1000 * (time.perf_counter() - started))
        return statistics.median(taken[5:])
    finally:
        server.terminate()
        server.wait()


print("uvicorn", uvicorn.__version__, "python", sys.version.split()[0])
one, two = milliseconds(1), milliseconds(2)
print(f"median of a request over a kept connection: {one:.1f} ms with one worker, {two:.1f} ms with two")
assert one < 20, "one worker is slow, too"
assert two > one + 20, "two workers answer at once now"
PY
cd "$folder" && "$folder/venv/bin/python" "$folder/measure.py"
