"""Starts the server, says `ready URL`, and stays."""
import argparse
import logging
import os
import threading

WORDS = argparse.ArgumentParser()
WORDS.add_argument("--port", type=int, required=True)
WORDS.add_argument("--path", required=True, help="comes before PATH in jobs, as an image's programs would")
WORDS.add_argument("--log", required=True)
WORDS.add_argument("--refuse", default="refuse.json", help='a file such as {"batch": 2}: so many calls are refused')
WORDS.add_argument("--stacks", default="stacks", help="a folder whose files hold resources of stacks up, or let them fail")
WORDS.add_argument("--folder", help="where jobs start")
WORDS.add_argument("--jobs", type=int, default=32, help="processes at once")
WORDS.add_argument("--hurry", type=float, default=10.0, help="a pause before another try is so many times shorter")


def main():
    words = WORDS.parse_args()
    # The interpreter calls services at this port.
    os.environ["MOTO_PORT"] = str(words.port)
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from . import batch, calls, formation, processes, stacks, states, storage

    processes.begin(words)
    batch.mend()
    states.mend(words.hurry)
    storage.mend()
    formation.mend()
    stacks.mend(words.stacks)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.moto_server import threaded_moto_server

    calls.note(threaded_moto_server, words.refuse)
    server = threaded_moto_server.ThreadedMotoServer("127.0.0.1", words.port, verbose=False)
    server.start()
    print("ready", processes.address(), flush=True)
    threading.Event().wait()


main()
