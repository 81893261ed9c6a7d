"""As much of Prefect 3 as a generated flow calls, in threads: for tests of the order without Prefect.

It writes a line for each part to $PREFECT_STUB: when it begins and ends, by its name. The real one is tried by
tests/engines/run.py.
"""
import concurrent.futures
import os
import threading
import types

runtime = types.SimpleNamespace(flow_run=types.SimpleNamespace(id=os.environ.get("PREFECT_STUB_ID", "1")))
lock = threading.Lock()


def note(word, name):
    with lock, open(os.environ["PREFECT_STUB"], "a") as file:
        file.write(word + " " + name + "\n")


def get_run_logger():
    return types.SimpleNamespace(info=print)


class State:
    def __init__(self, error):
        self.error = error

    def is_completed(self):
        return self.error is None

    def result(self, raise_on_failure=True):
        return self.error


class Future:
    def __init__(self, future):
        self.future = future

    def wait(self):
        concurrent.futures.wait([self.future])

    @property
    def state(self):
        return State(self.future.exception())

    def add_done_callback(self, callback):
        self.future.add_done_callback(lambda _: callback(self))


class Task:
    pool = concurrent.futures.ThreadPoolExecutor(32)

    def __init__(self, function, options):
        self.function, self.options = function, options

    def with_options(self, **options):
        return Task(self.function, {**self.options, **options})

    def submit(self, *arguments, wait_for=()):
        assert all(future.future.done() for future in wait_for)
        return Future(self.pool.submit(self.carry_out, arguments))

    def carry_out(self, arguments):
        name = self.options["task_run_name"]
        for left in reversed(range(self.options.get("retries", 0) + 1)):
            note("begin", name)
            try:
                return self.function(*arguments)
            except Exception:
                if not left:
                    raise
            finally:
                note("end", name)


def task(**options):
    return lambda function: Task(function, options)


def flow(**options):
    def decorate(function):
        def call(return_state=False, **parameters):
            try:
                function(**parameters)
                return State(None)
            except Exception as error:
                print(error)
                return State(error)

        return call

    return decorate
