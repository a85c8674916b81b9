"""Writes small OCI layouts from Python dictionaries, byte for byte the same every time. Standard library only.

    write_layout(folder, ref_name, layers=[{path: content-or-(content, mode)}], config={...}, history=[...])
"""
import gzip
import hashlib
import io
import json
import os
import tarfile

EPOCH = 1735689600  # 2025-01-01T00:00:00Z: fixed, so that the same input gives the same bytes


def tar_bytes(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            value = files[path]
            content, mode = value if isinstance(value, tuple) else (value, 0o644)
            info = tarfile.TarInfo(path)
            info.mtime, info.mode, info.uid, info.gid = EPOCH, mode, 0, 0
            data = content.encode() if isinstance(content, str) else content
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_layout(folder, ref_name, layers, config, history=None):
    blobs = os.path.join(folder, "blobs", "sha256")
    os.makedirs(blobs, exist_ok=True)

    def put(data):
        name = digest(data)
        with open(os.path.join(blobs, name.split(":")[1]), "wb") as file:
            file.write(data)
        return name

    descriptors, diff_ids = [], []
    for files in layers:
        plain = tar_bytes(files)
        packed = gzip.compress(plain, mtime=0)
        diff_ids.append(digest(plain))
        descriptors.append(
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": put(packed), "size": len(packed)}
        )
    created = "2025-01-01T00:00:00Z"
    document = {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history or [{"created": created, "created_by": f"layer {i}"} for i in range(len(layers))],
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": put(raw), "size": len(raw)},
        "layers": descriptors,
    }
    raw = json.dumps(manifest, separators=(",", ":")).encode()
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": put(raw),
                "size": len(raw),
                "annotations": {"org.opencontainers.image.ref.name": ref_name},
            }
        ],
    }
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump(index, file)
    with open(os.path.join(folder, "oci-layout"), "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
