"""A real SLURM of one node on this machine, with two pretend GPUs, apart from any other SLURM there may be."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={base}/munge.socket
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=2
MinJobAge=600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
# Programs of Debian's packages stand where a user's PATH does not reach.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def missing() -> str | None:
    """Why no cluster can be started here, or None."""
    if os.environ.get("SLURM_TEST") != "1":
        return "SLURM_TEST=1 is not set: no SLURM daemon is started uninvited"
    if os.getuid() != 0:
        return "SLURM's daemons need root"
    lacking = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    return f"not installed (Debian: slurm-wlm, munge): {', '.join(lacking)}" if lacking else None


@contextlib.contextmanager
def running(base: Path) -> Iterator[dict[str, str]]:
    """A cluster whose files lie in `base`; yields the environment in which its commands speak to it."""
    for name in ("state", "spool"):
        (base / name).mkdir(parents=True)
    gpus = [base / "gpu0", base / "gpu1"]
    for path in gpus:
        path.touch()
    (base / "gres.conf").write_text("".join(f"Name=gpu File={path}\n" for path in gpus))
    host = socket.gethostname().split(".")[0]
    (base / "slurm.conf").write_text(CONFIG.format(base=base, host=host, ports=_free_ports(2)))
    # The plugin hides SLURM_CONF from srun, which elsewhere finds its configuration under /etc.
    srun = base / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={base}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n')
    srun.chmod(0o755)
    # The programs of this environment come next: jobs start python and snakemake by name.
    path = f"{srun.parent}:{Path(sys.executable).parent}:{PATH}"
    environment = {**os.environ, "PATH": path, "SLURM_CONF": str(base / "slurm.conf")}
    key = base / "munge.key"
    subprocess.run(["mungekey", "-c", "-k", key], env=environment, check=True)
    munge = [f"--key-file={key}", f"--socket={base}/munge.socket", f"--pid-file={base}/munge.pid",
             f"--log-file={base}/munge.log", f"--seed-file={base}/munge.seed"]  # fmt: skip
    daemons = []
    try:
        for command in (
            ["munged", "--foreground", "--force", *munge],
            ["slurmctld", "-D"],
            ["slurmd", "-D", "-N", host],
        ):
            with (base / f"{command[0]}.out").open("w") as log:
                daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            time.sleep(1)
        _wait_until_idle(environment, base)
        yield environment
    finally:
        subprocess.run(["scancel", "--user=root"], env=environment, check=False)
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=60)


def ask(environment: dict[str, str], *command: str) -> str:
    """The output of a SLURM command."""
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def _wait_until_idle(environment: dict[str, str], base: Path) -> None:
    for _ in range(60):
        told = subprocess.run(
            ["sinfo", "--noheader", "--format=%t"], env=environment, capture_output=True, text=True, check=False
        )
        if told.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text()[-2000:] for path in [*base.glob("*.log"), *base.glob("*.out")])
    raise AssertionError(f"SLURM did not start: {told.stdout}{told.stderr}\n{logs}")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
