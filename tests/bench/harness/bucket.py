"""The S3 server that kptn and its peers push to: tests/bench/bucket.rs, in memory, which counts requests."""

import json
import subprocess
from pathlib import Path


class Bucket:
    """A running server with an empty bucket `bucket`."""

    def __init__(self, program: Path):
        self.server = subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = self.server.stdout.readline().strip()

    def __enter__(self) -> "Bucket":
        return self

    def __exit__(self, *_) -> None:
        self.server.stdin.close()
        self.server.wait()

    def environment(self) -> dict[str, str]:
        """What lets kptn and its peers in."""
        return {
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "a-secret-that-no-log-may-hold",
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "S3_ENDPOINT_URL": self.endpoint, "RESTIC_PASSWORD": "bench",
            "RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_BENCH_TYPE": "s3", "RCLONE_CONFIG_BENCH_PROVIDER": "Other",
            "RCLONE_CONFIG_BENCH_ENV_AUTH": "true", "RCLONE_CONFIG_BENCH_ENDPOINT": self.endpoint,
            "RCLONE_CONFIG_BENCH_REGION": "us-east-1", "RCLONE_CONFIG_BENCH_NO_CHECK_BUCKET": "true",
            "RCLONE_CONFIG_BENCH_LIST_VERSION": "2",
        }

    def requests(self) -> int:
        """How many came since the last time."""
        return sum(self.ask("calls").values())

    def stored(self) -> int:
        """How many bytes it has."""
        return self.ask("stored")["bytes"]

    def empty(self) -> None:
        self.ask("empty")
        self.requests()

    def ask(self, word: str) -> dict:
        self.server.stdin.write(word + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())
