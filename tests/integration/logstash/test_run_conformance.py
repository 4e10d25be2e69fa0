"""``logstash/run-conformance`` starts what it is given, sends the cases, compares, and tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.logstash.conftest import HOME


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[3])
    return subprocess.run(
        [sys.executable, str(HOME / "run-conformance"), *arguments],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        cwd=root,
        env=os.environ | {"PYTHONPATH": root},
    )


def test_it_passes_on_a_stand_in_that_runs_the_scripts() -> None:
    """Over HTTP and TCP, the documents found in the output file."""
    done = run("--logstash", f"{sys.executable} -m tests.integration.logstash.stand_in", "-k", "formatters")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "9 passed, 0 failed, 0 left out"


def test_it_sends_cloud_events_with_their_headers() -> None:
    """To the pipeline of their own."""
    stand_in = f"{sys.executable} -m tests.integration.logstash.stand_in"
    done = run("--logstash", stand_in, "-k", "cloud_events:a KServe")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "2 passed, 0 failed, 0 left out"


def test_it_fails_where_documents_are_missing() -> None:
    """A program that stores nothing passes no case."""
    swallow = (
        "import os,socket,threading,time\n"
        "def serve(port):\n"
        "    s=socket.create_server(('127.0.0.1',port))\n"
        "    while True:\n"
        "        c,_=s.accept(); c.settimeout(1)\n"
        "        try: c.recv(65536); c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')\n"
        "        except OSError: pass\n"
        "        c.close()\n"
        "for name in ('HTTP','TCP','CLOUD_EVENTS'):\n"
        "    threading.Thread(target=serve,args=(int(os.environ[f'DRIFTLOG_{name}_PORT']),)).start()\n"
    )
    done = run("--logstash", f'{sys.executable} -c "{swallow}"', "-k", "resources", "--timeout", "2")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "nothing was stored" in done.stdout


def test_a_logstash_that_does_not_start_is_told() -> None:
    """With its log, and another exit code than failed cases."""
    done = run("--logstash", "sh -c 'echo no such option; exit 3'")

    assert done.returncode == 2
    assert "no such option" in done.stderr
