"""AWS Batch: a job is a process, with its attempts, its timeout and its exit code."""
import datetime
import fnmatch
import sys
import threading
import time
import traceback

import moto.batch.models as models
import moto.batch.responses as responses
from moto.batch.utils import JobStatus
from moto.core.config import default_user_config

from . import processes


def mend():
    # The class of jobs that moto runs in Docker; running is what is put in its place.
    default_user_config["batch"] = {"use_docker": True}
    models.Job.run = _run
    # Else a status goes on by itself, a step each time somebody asks.
    models.Job.status = property(lambda job: job._status, lambda job, status: setattr(job, "_status", status))
    plain = models.Job.describe

    def describe(job):
        described = plain(job)
        if job.exit_code is not None and "container" in described:
            described["container"]["exitCode"] = job.exit_code
        return described

    models.Job.describe = describe
    _retries_of_a_job()
    _service_role_is_optional()
    _jobs_are_looked_at_while_others_come()


def _run(job):
    try:
        words = job._add_parameters_to_command(job._get_container_property("command", []))
        env = {one["name"]: one["value"] for one in job._get_container_property("environment", [])}
        strategy = job.own_retries or job.job_definition.retry_strategy or {}
        tries = int(strategy.get("attempts") or 1)
        job.log_stream_name = job._stream_name
        for attempt in range(1, tries + 1):
            env["AWS_BATCH_JOB_ATTEMPT"] = attempt
            job.status = JobStatus.RUNNABLE

            def began():
                job.job_started_at = datetime.datetime.now()
                job.status = JobStatus.RUNNING
                job._start_attempt()

            if job.stop:
                break
            code, said, over = processes.run(job.job_name, words, env, job._get_attempt_duration(), lambda: job.stop, began)
            # What was killed has an exit code there as well.
            code = code if code >= 0 else 128 - code
            job.exit_code = code
            if job.latest_attempt:
                job.latest_attempt["container"]["exitCode"] = code
            _log(job, said)
            if code == 0 or over or job.stop or not _again(strategy, code):
                break
        job.job_stopped_reason = "Job attempt duration exceeded timeout" if job.exit_code and over else "Essential container in task exited"
        job._mark_stopped(success=job.exit_code == 0 and not job.stop)
    except Exception as error:
        traceback.print_exc()
        job.job_stopped_reason = repr(error)
        job._mark_stopped(success=False)


def _again(strategy, code):
    """Whether an attempt that left so is made again: the first rule that fits says it."""
    for rule in strategy.get("evaluateOnExit") or []:
        if fnmatch.fnmatchcase(str(code), rule.get("onExitCode") or "*"):
            return rule["action"].lower() == "retry"
    return True


def _retries_of_a_job():
    """A job may have other retries than its definition; moto does not hand them on."""
    given = threading.local()
    plain, make = responses.BatchResponse.submitjob, models.Job.__init__

    def submit(self):
        given.retries = self._get_param("retryStrategy")
        return plain(self)

    def begin(job, *args, **more):
        job.own_retries = getattr(given, "retries", None)
        make(job, *args, **more)

    responses.BatchResponse.submitjob = submit
    models.Job.__init__ = begin


def _log(job, said):
    try:
        job._log_backend.ensure_log_group(job._log_group)
        try:
            job._log_backend.create_log_stream(job._log_group, job._stream_name)
        except Exception:
            pass  # An earlier attempt made it.
        now = int(time.time() * 1000)
        lines = [{"timestamp": now, "message": line} for line in said.splitlines() or [""]]
        job._log_backend.put_log_events(job._log_group, job._stream_name, lines)
    except Exception as error:
        print("a log was not kept:", error, file=sys.stderr)


def _service_role_is_optional():
    """In AWS a compute environment takes the account's own role where none is named; moto wants one."""
    plain = models.ComputeEnvironment.create_from_cloudformation_json.__func__

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **more):
        from moto.iam.models import iam_backends
        from moto.utilities.utils import get_partition

        roles = iam_backends[account_id][get_partition(region_name)]
        own = (role for role in roles.roles.values() if role.name.lower() == "awsserviceroleforbatch")
        role = next(own, None) or roles.create_service_linked_role("batch.amazonaws.com", "", "")
        cloudformation_json.setdefault("Properties", {}).setdefault("ServiceRole", role.arn)
        return plain(cls, resource_name, cloudformation_json, account_id, region_name, **more)

    models.ComputeEnvironment.create_from_cloudformation_json = classmethod(create)


def _jobs_are_looked_at_while_others_come():
    """Going through all of them fails where another thread adds one, and with it a call that asks for any."""

    class Jobs(dict):
        def items(self):
            return list(self.copy().items())

        def values(self):
            return list(self.copy().values())

    plain = models.BatchBackend.__init__

    def begin(backend, region_name, account_id):
        plain(backend, region_name, account_id)
        backend._jobs = Jobs()

    models.BatchBackend.__init__ = begin
