"""Runs the cases and prints the table: `python3 tests/bench/harness --help` lists the words."""

import argparse
import shutil
import sys
from pathlib import Path

import branches
import hooks
import intake
import items
import item_status
import prefect
import r_items
import remotes
import report
import restoring
import startup
import status
import whole_run
import workers
from context import Context
from measure import CommandFailed, Meter
from report import Row

CASES = {"startup": startup, "intake": intake, "run": whole_run, "status": status, "r_items": r_items,
         "item_status": item_status, "items": items, "restoring": restoring,
         "branches": branches, "hooks": hooks, "remotes": remotes, "workers": workers, "prefect": prefect}


def main() -> None:
    words = argparse.ArgumentParser(description="Measures kptn beside its floors and its peers, in CPU seconds.")
    for name in ("kptn", "store", "bucket", "floor", "stand-in", "measure", "peers", "engines", "work"):
        words.add_argument(f"--{name}", type=Path, required=True)
    words.add_argument("--quick", action="store_true", help="smaller sizes, about two minutes")
    words.add_argument("--page", type=Path, help="write the figures into this page too")
    words.add_argument("--only", choices=CASES, action="append", help="just these cases")
    chosen = words.parse_args()
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    context = Context(chosen.kptn.resolve(), chosen.store.resolve(), chosen.bucket.resolve(), chosen.floor.resolve(),
                      chosen.stand_in.resolve(), chosen.peers.resolve(), chosen.engines.resolve(), work, Meter(chosen.measure.resolve(), work / "home"), chosen.quick)
    mode = "quick" if chosen.quick else "full"
    rows = []
    for name in chosen.only or CASES:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        try:
            rows += CASES[name].rows(context)
        except (CommandFailed, OSError) as failure:
            rows.append(Row(name, None, None, problem=str(failure).splitlines()[0]))
        # After each case: what took minutes to find out is not lost with the next.
        report.save(rows, mode, work / f"{mode}.json")
    shutil.rmtree(work / "away", ignore_errors=True)
    print(report.table(rows))
    if chosen.page:
        report.update_page(rows, chosen.page, chosen.only)


main()
