"""Files: a small file and one of 60 MiB, up and down, compared by SHA-256."""

import hashlib
import io
import random

import common

BIG_BYTES = 60 * 1024 * 1024


def main():
    given = common.arguments(__doc__)
    w = common.workspace_client(given)
    folder = "/Volumes/main/default/practice"

    def round_trip(name, content, big):
        path = f"{folder}/{name}"
        w.files.upload(path, io.BytesIO(content), overwrite=True)
        size = w.files.get_metadata(path).content_length
        hashed, length = hashlib.sha256(), 0
        with w.files.download(path).contents as stream:
            while piece := stream.read(1 << 20):
                hashed.update(piece)
                length += len(piece)
        same = hashed.hexdigest() == hashlib.sha256(content).hexdigest()
        listed = [entry.name for entry in w.files.list_directory_contents(folder)]
        w.files.delete(path)
        return {"same": same, "bytes": length, "metadata": size, "listed": name in listed,
                "big": big}

    def refused():
        path = f"{folder}/twice.txt"
        w.files.upload(path, io.BytesIO(b"one"), overwrite=True)
        try:
            return common.attempt(lambda: w.files.upload(path, io.BytesIO(b"two"), overwrite=False))
        finally:
            w.files.delete(path)

    big = random.Random(7).randbytes(BIG_BYTES)
    common.finish({
        "small": common.attempt(lambda: round_trip("small é.txt", b"hello", False)),
        "big": common.attempt(lambda: round_trip("big.bin", big, True)),
        "missing": common.attempt(lambda: w.files.get_metadata(f"{folder}/none")),
        "refused": refused(),
    })


if __name__ == "__main__":
    main()
