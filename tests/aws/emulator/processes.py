"""Processes that stand for containers, and the log of what happened."""
import json
import os
import signal
import subprocess
import threading
import time

_words = None
_slots = None
_lock = threading.Lock()


def begin(words):
    global _words, _slots
    _words, _slots = words, threading.Semaphore(words.jobs)


def address():
    return "http://127.0.0.1:%d" % _words.port


def note(**line):
    with _lock, open(_words.log, "a") as log:
        log.write(json.dumps(line) + "\n")


def _environment(more):
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOTO_")}
    env["PATH"] = _words.path + ":" + env.get("PATH", "")
    # The key is how a call of a job is told from one of the machine.
    env.update(AWS_ENDPOINT_URL=address(), AWS_ALLOW_HTTP="true", AWS_REGION="us-east-1",
               AWS_ACCESS_KEY_ID="job", AWS_SECRET_ACCESS_KEY="secret")
    env.update({name: str(value) for name, value in more.items()})
    return env


def run(job, words, env, seconds, is_stopped, began):
    """Runs one attempt of a job; returns its exit code, what it said, and whether its time was up."""
    with _slots:
        if is_stopped():
            return 137, "", False
        began()
        try:
            process = subprocess.Popen(words, env=_environment(env), cwd=_words.folder, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        except OSError as error:
            note(kind="job", job=job, words=words, exit=127, said=str(error))
            return 127, str(error), False
        said = []
        reader = threading.Thread(target=lambda: said.extend(process.stdout), daemon=True)
        reader.start()
        deadline = time.monotonic() + seconds if seconds else None
        over = False
        while process.poll() is None:
            over = bool(deadline and time.monotonic() > deadline)
            if over or is_stopped():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                break
            time.sleep(0.01)
        reader.join(2)
        note(kind="job", job=job, words=words, exit=process.returncode, said="".join(said)[-2000:])
        return process.returncode, "".join(said), over
