"""scripts/lib/cluster.sh from Python: etcd and a real kube-apiserver on loopback.

    with Cluster(folder, binaries) as cluster:
        cluster.start("--enable-admission-plugins=ImagePolicyWebhook")
        cluster.kubeconfig, cluster.kubectl
        cluster.stop()

One shell holds both for as long as its standard input is open: whatever ends this program ends them.
"""
import os
import subprocess

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "cluster.sh")


class Cluster:
    def __init__(self, folder, binaries):
        self.folder, self.binaries = folder, binaries

    def __enter__(self):
        self.shell = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            self.tell(f'source "{SCRIPT}"')
            self.tell(f'cluster_open "{self.folder}" "{self.binaries}"')
            self.tell("cluster_start_etcd")
            self.kubeconfig, self.kubectl = (self.value(name) for name in ("CLUSTER_ADMIN", "CLUSTER_KUBECTL"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.shell.stdin.close()
        self.shell.wait(timeout=60)
        self.shell.stdout.close()

    def tell(self, command):
        """Runs one line there; what it says when it fails is the error."""
        said = self.folder + ".said"
        self.shell.stdin.write(f"{{ {command}; }} </dev/null >'{said}' 2>&1; echo $?\n")
        self.shell.stdin.flush()
        if self.shell.stdout.readline().strip() != "0":
            with open(said) as file:
                raise RuntimeError(f"{command}: {file.read().strip()}")

    def value(self, name):
        self.shell.stdin.write(f'echo "${name}"\n')
        self.shell.stdin.flush()
        return self.shell.stdout.readline().strip()

    def start(self, *flags):
        """Starts the API server with these flags, in place of the one that runs."""
        self.stop()
        self.flags = flags
        self.tell("cluster_start_apiserver " + " ".join(f'"{flag}"' for flag in flags))

    def stop(self):
        self.tell("cluster_stop_apiserver")

    def refused(self, *flags):
        """What the API server says when it does not start with these flags."""
        before = len(self.log())
        try:
            self.start(*flags)
        except RuntimeError:
            return self.log()[before:]
        raise AssertionError(f"the API server started with {flags}")

    def log(self):
        path = os.path.join(self.folder, "apiserver.log")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return file.read()
