"""S3 and DynamoDB: a write with a condition is one step. moto looks and writes without a lock, so that of twenty races
one had two winners."""
import functools
import threading

from moto.dynamodb.responses import DynamoHandler
from moto.s3.responses import S3Response


def mend():
    _one_at_a_time(S3Response, ["put_object", "_complete_multipart_upload", "multipart_upload_complete", "copy_object", "delete_object"])
    _one_at_a_time(DynamoHandler, ["put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items"])


def _one_at_a_time(handler, names):
    lock = threading.RLock()

    def locked(plain):
        @functools.wraps(plain)
        def call(*args, **more):
            with lock:
                return plain(*args, **more)

        return call

    for name in names:
        if hasattr(handler, name):
            setattr(handler, name, locked(getattr(handler, name)))
