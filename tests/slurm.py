"""A real Slurm of two nodes on one machine, without systemd, for tests and to try things out.

    python -m tests.slurm start FOLDER     starts it and prints what a shell must export to use it
    python -m tests.slurm stop FOLDER      ends its daemons; jobs are cancelled

Needs Debian's slurm-wlm and munge; neither their settings nor root. All it writes lies in FOLDER, a new one, below a
folder that everybody may enter and only its owner may write to (munge insists). Ports are chosen when it starts.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SBIN = "/usr/sbin:/usr/local/sbin:/sbin"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol")
PATIENCE = 60.0
"""Seconds that the daemons get to come up, or to end."""

CONFIG = """\
ClusterName=attrecbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd.%n
ReturnToService=2
KillWait=5
MinJobAge=3600
MpiDefault=none
SlurmdParameters=config_overrides
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]},{ports[2]}] CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
"""Two nodes that are processes of this machine; config_overrides lets them say they have what they are told to have."""

SACCT = """\
#!/bin/sh
# Stands for Slurm's accounting, which needs slurmdbd: the same table of jobs, asked from scontrol.
echo "JobID|State|NodeList"
scontrol --oneliner show job | awk '{
    split("", f)
    for (i = 1; i <= NF; i++) { n = index($i, "="); f[substr($i, 1, n - 1)] = substr($i, n + 1) }
    id = f["ArrayJobId"] != "" ? f["ArrayJobId"] "_" f["ArrayTaskId"] : f["JobId"]
    print id "|" f["JobState"] "|" f["NodeList"]
}'
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster whose state lies in ``folder``."""

    folder: Path

    def environment(self, accounting: bool) -> dict[str, str]:
        """What a process must have in its environment to use it; ``accounting`` puts a sacct there that answers."""
        paths = [str(self.folder / "bin")] if accounting else []
        return {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": os.pathsep.join([*paths, os.environ["PATH"], SBIN]),
        }

    def call(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it prints."""
        environment = os.environ | self.environment(accounting=True)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start the daemons; returns when both nodes wait for work. RuntimeError where they do not come up."""
        if missing := lacking():
            raise RuntimeError(f"no {', '.join(missing)} here (Debian: slurm-wlm and munge)")
        self.write()
        munge = self.folder / "munge"
        self.call(
            "munged",
            *("--force", f"--socket={munge / 'socket'}", f"--key-file={munge / 'key'}", f"--pid-file={munge / 'pid'}"),
            *(f"--log-file={munge / 'log'}", f"--seed-file={munge / 'seed'}"),
        )
        self.call("slurmctld", "-c")
        for node in ("n1", "n2"):
            self.call("slurmd", "-N", node)
        until = time.monotonic() + PATIENCE
        while self.idle() < 2:
            if time.monotonic() > until:
                self.stop()
                raise RuntimeError(f"the cluster did not come up; its logs lie in {self.folder / 'log'}")
            time.sleep(0.2)

    def idle(self) -> int:
        """Nodes that wait for work; none while the controller does not answer."""
        try:
            return self.call("sinfo", "--noheader", "--Node", "--format=%T").split().count("idle")
        except RuntimeError:
            return 0

    def write(self) -> None:
        """Write the configuration, munge's key and a sacct."""
        for name in ("munge", "state", "spool/n1", "spool/n2", "log", "bin"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "munge").chmod(0o755)  # whoever may connect to the socket may go through
        key, sacct = self.folder / "munge" / "key", self.folder / "bin" / "sacct"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        sacct.write_text(SACCT)
        sacct.chmod(0o755)
        host, user = socket.gethostname().partition(".")[0], getpass.getuser()
        config = CONFIG.format(folder=self.folder, host=host, user=user, ports=free_ports(3))
        (self.folder / "slurm.conf").write_text(config)

    def stop(self) -> None:
        """Cancel what runs and end the daemons, the last started first."""
        with suppress(RuntimeError):
            self.call("scancel", "--user", getpass.getuser())
        for name in ("slurmd.n1.pid", "slurmd.n2.pid", "slurmctld.pid", "munge/pid"):
            with suppress(FileNotFoundError, ProcessLookupError):
                end(int((self.folder / name).read_text()))


def lacking() -> list[str]:
    """Programs that a cluster needs and this machine has not."""
    paths = os.pathsep.join([os.environ["PATH"], SBIN])
    return [name for name in NEEDED if shutil.which(name, path=paths) is None]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def end(pid: int) -> None:
    """End a daemon and wait until it is gone."""
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        os.kill(pid, 0)  # raises ProcessLookupError when it is gone
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


def main(verb: str, folder: str) -> None:
    """Start or stop the cluster of a folder."""
    cluster = Cluster(Path(folder).resolve())
    if verb == "stop":
        cluster.stop()
        return
    cluster.start()
    for name, value in cluster.environment(accounting=True).items():
        print(f"export {name}={value}")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("start", "stop"):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (RuntimeError, FileExistsError) as error:
        sys.exit(str(error))
