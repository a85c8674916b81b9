"""scripts/registry-peer.sh from Python: Debian's docker-registry on loopback with basic auth.

    with Registry(folder, layout, "1.21", "library/nginx:1.21") as registry:
        registry.push(layout, "1.21", "library/other:1.21")
        registry.address, registry.docker_config
"""
import os
import subprocess

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "registry-peer.sh")


class Registry:
    def __init__(self, folder, layout, tag, name):
        self.folder, self.first = folder, (f"{layout}:{tag}", name)

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        started = subprocess.run([SCRIPT, "start", self.folder, *self.first], check=True, stdout=subprocess.PIPE, text=True)
        self.address, self.user, self.password = started.stdout.split()
        self.docker_config = self.folder
        return self

    def __exit__(self, *_):
        subprocess.run([SCRIPT, "stop", self.folder], check=True)

    def push(self, layout, tag, name):
        subprocess.run(
            ["skopeo", "copy", "-q", "--dest-tls-verify=false", f"--dest-creds={self.user}:{self.password}",
             f"oci:{layout}:{tag}", f"docker://{self.address}/{name}"],
            check=True,
        )
