"""Calls the Python function of one kptn task in the foreground, for `kptn debug`.

The terminal is the task's: `breakpoint()` works, and pdb stops where an error
was raised. Argument: a JSON file that says what to call, and where the result goes.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _import_own():
    """Imports the files beside this one, and then takes their folder out of the user's sight."""
    sys.path[:] = [_HERE] + [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
    try:
        import kptn_worker_call as call
        import kptn_worker_project as project

        return call, project
    finally:
        sys.path.remove(_HERE)


call, project = _import_own()


def main():
    import json

    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    task = asked["function"]
    own = project.Project(task["roots"])
    own.install()
    sys.argv = [task["script"]]
    try:
        returned = call._call(own, task, asked["item"])
    except call.Refused as error:
        sys.exit(str(error))
    except SystemExit:
        raise
    except BaseException as error:
        _stop_at(error)
        sys.exit(1)
    if task["wants_result"]:
        results = call.own_module("kptn_worker_results")
        try:
            text = results.Plain(task["pipeline"]["scratch_dir"]).text(returned)
        except results.NotJson as error:
            sys.exit("the result cannot be kept as JSON: %s" % error)
        with open(asked["result"], "wb") as file:
            file.write(text)


def _stop_at(error):
    """Shows the error and lets the user look around where it was raised."""
    import bdb
    import pdb

    if isinstance(error, bdb.BdbQuit):
        # The user left at a breakpoint.
        return
    call._tell(error)
    sys.stderr.write("kptn: pdb is where this was raised; `u` and `d` go up and down, `q` leaves\n")
    sys.stderr.flush()
    pdb.post_mortem(error.__traceback__)


if __name__ == "__main__":
    main()
elif project.VARIABLE in os.environ:
    # A process of the task's own (multiprocessing runs this file there): the same rules for imports.
    project.Project.from_text(os.environ[project.VARIABLE]).install()
