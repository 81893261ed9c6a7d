"""`python -m prefect`: it notes what it was asked, for tests of what is deployed."""
import os
import sys

with open(os.environ["PREFECT_STUB"], "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\n")
