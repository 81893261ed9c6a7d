#!/usr/bin/env python3
"""Three commands from a laptop to an emulator of AWS and back, with a stand-in for the docker client and the real kptn in
each job: deploy, run, and on another machine pull.

    ENVIRONMENT/bin/python tests/aws/three.py KPTN ENVIRONMENT

ENVIRONMENT is what tests/setup/aws.sh makes. The pipeline is that of the engines' tests, in R and Python.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from machines import HERE, Tools, emulator  # noqa: E402
from project import SURVEY  # noqa: E402


class Machine:
    """A copy of the project, and what its owner has in the environment."""

    def __init__(self, tools, folder, address=None, **more):
        self.tools, self.root = tools, folder / "survey"
        (folder / "home").mkdir(parents=True)
        self.env = {
            "PATH": "%s:%s" % (HERE / "docker", os.environ["PATH"]), "HOME": str(folder / "home"), "LANG": "C.UTF-8",
            "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "person", "AWS_SECRET_ACCESS_KEY": "secret",
            **({"AWS_ENDPOINT_URL": address} if address else {}), **more}

    def git(self, *words, folder=None):
        words = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(words, cwd=folder or self.root, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def kptn(self, *words):
        done = subprocess.run([self.tools.kptn, *words], cwd=self.root, env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, "%s left with %d:\n%s%s" % (words, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout + done.stderr

    def copy(self):
        shutil.copytree(SURVEY, self.root)
        (self.root / ".gitignore").write_text("scratch/\n__pycache__/\n")
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", "as it is")

    def outputs(self):
        """The digest of what the branch has: a run of nothing tells it."""
        def said(*words):
            done = subprocess.run([self.tools.kptn, "run", *words], cwd=self.root, env=self.env, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert done.returncode in (0, 1), done.stderr
            return done.stdout

        run = said("open", "--engine", "test").split()[-1]
        return json.loads(said("close", "--run", run, "--json"))["outputs"]


def main(kptn, environment):
    tools = Tools(kptn, environment)
    with tempfile.TemporaryDirectory(prefix="kptn-three-") as folder:
        folder = pathlib.Path(folder)
        image, held = folder / "image", folder / "held"
        for place in (image / "jobs", held):
            place.mkdir(parents=True)
        # One Python for all, and no shim before it; jobs have what the emulator has.
        os.environ["PATH"] = os.path.dirname(tools.python) + ":" + os.environ["PATH"]
        os.environ.update(TEST_IMAGE=str(image), TEST_KPTN=tools.kptn, TEST_FOLDER=str(held))
        here = Machine(tools, folder / "alone")
        here.copy()
        here.kptn("run", "survey")
        with emulator(tools, "image") as aws:
            laptop = Machine(tools, folder / "laptop", aws.url, DOCKER_NOTES=str(folder / "docker.jsonl"), TEST_IMAGE=str(image))
            laptop.copy()
            said = laptop.kptn("deploy", "aws", "--yes")
            assert (image / "project/kptn.yaml").exists(), said
            laptop.git("add", "-A")
            laptop.git("commit", "--quiet", "-m", "deployed")
            said = laptop.kptn("run", "survey", "--runner", "stepfunctions")
            assert "10 ran" in said, said
            assert laptop.outputs() == here.outputs()
            assert not list((image / "project").rglob(".kptn")), "jobs share nothing"

            # Another person has the commit, and the remote's name is in it.
            other = Machine(tools, folder / "other", aws.url)
            laptop.git("clone", "--quiet", str(laptop.root), str(other.root), folder=folder)
            said = other.kptn("pull", "prod")
            assert other.outputs() == here.outputs(), said
            other.kptn("restore")
            assert (other.root / "scratch/main/late.txt").read_text() == (here.root / "scratch/main/late.txt").read_text()
            assert "nothing to do" in other.kptn("run", "survey", "--runner", "stepfunctions")
            machine = aws.states.list_state_machines()["stateMachines"]
            assert [one["name"] for one in machine] == ["kptn-survey-survey"], machine
            assert len(aws.states.list_executions(stateMachineArn=machine[0]["stateMachineArn"])["executions"]) == 1
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
