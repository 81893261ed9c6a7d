#!/usr/bin/env python3
"""Holds kptn's contract of remotes to two emulators of DynamoDB: moto, and dynalite, which is stricter.

    ENVIRONMENT/bin/python tests/aws/tables.py ENVIRONMENT COMMAND...

ENVIRONMENT is what tests/setup/aws.sh makes. Each has an empty table; COMMAND runs with their addresses in
KPTN_TEST_TABLES, and its exit code is that of this program.
"""
import functools
import logging
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import boto3
from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer

TABLE = "kptn-refs"


def one_at_a_time():
    """As it comes, moto looks at a condition and writes in two steps: two writers may win."""
    lock, calls = threading.Lock(), DynamoHandler.call_action

    @functools.wraps(calls)
    def locked(self):
        with lock:
            return calls(self)

    DynamoHandler.call_action = locked


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def make_table(address):
    client = boto3.client(
        "dynamodb",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="AKIATESTTESTTEST",
        aws_secret_access_key="secret",
    )
    names = {"pk": "HASH", "sk": "RANGE"}
    for left in reversed(range(100)):
        try:
            client.create_table(
                TableName=TABLE,
                KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names.items()],
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
                BillingMode="PAY_PER_REQUEST",
            )
            break
        except Exception:
            if not left:
                raise
            time.sleep(0.1)
    client.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return f"{address}={TABLE}"


def main():
    environment, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    one_at_a_time()
    # A line for each request helps nobody.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    at = free_port()
    program = environment / "node" / "node_modules" / ".bin" / "dynalite"
    words = [program, "--port", str(at), "--createTableMs", "0", "--host", "127.0.0.1"]
    dynalite = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        tables = [make_table(f"http://{host}:{port}"), make_table(f"http://127.0.0.1:{at}")]
        print("tables at", *tables, flush=True)
        done = subprocess.run(command, env={**os.environ, "KPTN_TEST_TABLES": ",".join(tables)})
        return done.returncode
    finally:
        dynalite.terminate()
        moto.stop()


if __name__ == "__main__":
    sys.exit(main())
