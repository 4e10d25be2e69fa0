"""Training by a command: real processes, followed, limited, killed, and found again after a restart."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.unit.act.runs import environ, gone, make_run, until

from driftlog.act.executors.command import CommandExecutor
from driftlog.act.executors.status import ORDER, STATUS, read_status, run_folder
from driftlog.contract.maintaining import ExecutorSettings


def executor(folder: Path, script: str, *arguments: str, limit_s: float = 60, env=None, **settings) -> CommandExecutor:
    """One that runs a Python script."""
    command = (sys.executable, "-c", textwrap.dedent(script), *arguments)
    chosen = ExecutorSettings(kind="command", command=command, time_limit=timedelta(seconds=limit_s), **settings)
    return CommandExecutor(chosen, folder, environ=environ() if env is None else env)


def finish(made: CommandExecutor, run):
    until(lambda: made.poll(run).status not in ("starting", "running"))
    return made.poll(run)


def log_of(run) -> str:
    return Path(run.log).read_text()


def test_a_command_gets_its_placeholders_as_arguments_and_its_output_is_kept(tmp_path):
    """No shell looks at what is filled in; both outputs are in the log, which only its owner reads."""
    script = "import sys; print(sys.argv[1:]); print('to stderr', file=sys.stderr)"
    made = executor(
        tmp_path, script, "{data}", "{output}", "{version}", "{model}", "{from}", "{to}", "{unknown}", "$HOME"
    )
    run = finish(made, made.start(make_run(), "a; touch x.csv", "out dir"))
    times = ["2026-04-01T00:00:00+00:00", "2026-07-01T00:00:00+00:00"]
    assert (run.status, run.exit_code) == ("succeeded", 0)
    assert str(["a; touch x.csv", "out dir", "v2", "churn", *times, "{unknown}", "$HOME"]) in log_of(run)
    assert "to stderr" in log_of(run)
    assert stat.S_IMODE(Path(run.log).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(run.log).parent.stat().st_mode) == 0o700


def test_a_command_sees_only_the_variables_it_was_given(tmp_path):
    """Named ones, PATH, HOME and LANG; nothing of their values is on the disk."""
    script = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'})); assert os.environ['TOKEN'] == 'tok' + '-7f3a'"
    env = environ(TOKEN="tok-7f3a", OTHER_SECRET="x", LANG="C.UTF-8")
    made = executor(tmp_path, script, env=env, environment=("TOKEN", "ABSENT"))
    run = finish(made, made.start(make_run(), "d", "o"))
    assert run.status == "succeeded"
    assert "['HOME', 'LANG', 'PATH', 'TOKEN']" in log_of(run)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "tok-7f3a" in path.read_text()]


@pytest.mark.parametrize(
    ("script", "code", "error"),
    [
        ("raise SystemExit(3)", 3, "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, "ended by signal 9 (SIGKILL)"),
    ],
)
def test_a_command_that_fails_says_how(tmp_path, script, code, error):
    """Exit codes and signals."""
    made = executor(tmp_path, script)
    run = finish(made, made.start(make_run(), "d", "o"))
    assert (run.status, run.exit_code, run.error) == ("failed", code, error)
    assert run.finished is not None


def test_a_command_that_is_not_there_fails(tmp_path):
    """It is a failed run, not a failed worker."""
    settings = ExecutorSettings(kind="command", command=("no-such-trainer",))
    made = CommandExecutor(settings, tmp_path, environ=environ())
    run = finish(made, made.start(make_run(), "d", "o"))
    assert (run.status, run.exit_code) == ("failed", 127)
    assert run.error == "no-such-trainer cannot be started: No such file or directory"


def test_the_time_limit_ends_the_whole_group(tmp_path):
    """A child of the command that ignores TERM is killed with it."""
    script = """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
        deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", deaf])
        open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    """
    made = executor(tmp_path, script, str(tmp_path / "pids"), limit_s=2)
    run = finish(made, made.start(make_run(), "d", "o"))
    assert run.status == "timed_out"
    assert run.error == "not done after 2 s: all of its processes were ended"
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    until(lambda: all(map(gone, pids)))


def test_what_a_command_leaves_in_the_background_is_ended(tmp_path):
    """A run that is over has no processes."""
    script = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open(sys.argv[1], "w").write(str(child.pid))
    """
    made = executor(tmp_path, script, str(tmp_path / "pid"))
    assert finish(made, made.start(make_run(), "d", "o")).status == "succeeded"
    until(lambda: gone(int((tmp_path / "pid").read_text())))


def test_a_run_is_started_once(tmp_path):
    """Starting it again, while it runs or afterwards, only looks."""
    script = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(1)"
    made = executor(tmp_path, script, str(tmp_path / "times"))
    for _ in range(3):
        made.start(make_run(), "d", "o")
    again = executor(tmp_path, script, str(tmp_path / "times"))
    assert finish(again, again.start(make_run(), "d", "o")).status == "succeeded"
    assert again.start(make_run(), "d", "o").status == "succeeded"
    assert (tmp_path / "times").read_text() == "x"


def test_a_run_survives_the_worker(tmp_path):
    """The process that started it is killed; another one follows the run to its end."""
    worker = """
        import os, signal, sys
        from pathlib import Path
        sys.path[:0] = [sys.argv[1]]
        from tests.unit.act.test_command_executor import WAITING, executor
        from tests.unit.act.runs import make_run
        folder = Path(sys.argv[2])
        executor(folder, WAITING, str(folder / "go")).start(make_run(), "d", "o")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(worker), str(root), str(tmp_path)], check=False)
    assert killed.returncode == -9
    made = executor(tmp_path, WAITING, str(tmp_path / "go"))
    assert made.poll(make_run()).status == "running"
    (tmp_path / "go").touch()
    assert finish(made, make_run()).status == "succeeded"


WAITING = "import sys, time, pathlib\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(.05)"


def test_a_run_whose_wrapper_was_killed_is_lost_and_ended(tmp_path):
    """Nobody can know how it would have ended, so nothing of it goes on."""
    made = executor(tmp_path, "import time; time.sleep(600)")
    run = made.start(make_run(), "d", "o")
    folder = Path(run.log).parent
    until(lambda: (status := read_status(folder)) and status.pid)
    child = read_status(folder).pid
    wrapper = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(wrapper, signal.SIGKILL)
    until(lambda: made.poll(run).status != "running")
    lost = made.poll(run)
    assert lost.status == "lost"
    assert "the process that supervised it was killed" in lost.error
    until(lambda: gone(child))


def test_another_process_with_the_same_number_is_left_alone(tmp_path):
    """A number that was given to somebody else is recognised by the time of its birth."""
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        made = executor(tmp_path, "pass")
        run = finish(made, made.start(make_run(), "d", "o"))
        path = Path(run.log).parent / STATUS
        stale = msgspec.json.decode(path.read_bytes()) | {"state": "running", "pid": bystander.pid}
        path.write_bytes(msgspec.json.encode(stale))
        until(lambda: made.poll(run).status == "lost")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_wrapper_that_is_told_to_stop_ends_the_run(tmp_path):
    """As at the shutdown of a machine."""
    made = executor(tmp_path, "import time; time.sleep(600)")
    run = made.start(make_run(), "d", "o")
    folder = Path(run.log).parent
    until(lambda: (status := read_status(folder)) and status.pid)
    child = read_status(folder).pid
    os.kill(int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGTERM)
    over = finish(made, run)
    assert (over.status, over.error) == ("failed", "the run was stopped by signal 15 (SIGTERM)")
    assert gone(child)


def test_a_run_that_was_never_started_is_lost(tmp_path):
    """Also one whose order was written before a crash; starting it then begins it."""
    made = executor(tmp_path, "pass")
    assert made.poll(make_run()).status == "lost"
    folder = run_folder(tmp_path / "churn", "churn-run-1")
    folder.mkdir(parents=True)
    (folder / ORDER).write_text("{")
    assert made.poll(make_run()).error == "nothing was ever started for it"
    assert finish(made, made.start(make_run(), "d", "o")).status == "succeeded"


def test_the_log_is_bounded_and_keeps_the_end(tmp_path):
    """Twelve megabytes of output leave at most ten, the newest."""
    script = "import sys\nfor n in range(12): sys.stdout.write(str(n) * 1_000_000)\nprint('the end')"
    made = executor(tmp_path, script)
    run = finish(made, made.start(make_run(), "d", "o"))
    folder = Path(run.log).parent
    size = sum(path.stat().st_size for path in folder.glob("log*"))
    assert 5_000_000 < size <= 10_485_760
    assert log_of(run).endswith("the end\n")


def test_a_damaged_status_is_lost_and_named(tmp_path):
    """Not an exception in the worker."""
    made = executor(tmp_path, "pass")
    run = finish(made, made.start(make_run(), "d", "o"))
    (Path(run.log).parent / STATUS).write_text('{"state": "fin')
    damaged = made.poll(run)
    assert damaged.status == "lost"
    assert "status.json is damaged" in damaged.error


def test_ids_of_runs_cannot_leave_the_folder(tmp_path):
    """An id that is no safe name is taken by its digest."""
    base = tmp_path / "runs"
    made = executor(base, "pass")
    run = finish(made, made.start(make_run(id="../../escaped|x"), "d", "o"))
    assert run.status == "succeeded"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_starting_takes_little_time(tmp_path):
    """`start` returns while the command runs."""
    made = executor(tmp_path, "import time; time.sleep(600)", limit_s=1)
    run = made.start(make_run(), "d", "o")
    assert run.status == "running"
    assert finish(made, run).status == "timed_out"
