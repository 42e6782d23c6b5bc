"""A CSI client, made from csi/Protos/csi.proto when the tests start."""

import importlib
import os
import sys
import tempfile

import grpc
from grpc_tools import protoc

PROTOS = os.path.join(os.path.dirname(__file__), "..", "..", "Protos")


def _generated():
    folder = tempfile.mkdtemp(prefix="csi-protocol-")
    wrappers = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    arguments = ["protoc", f"-I{PROTOS}", f"-I{wrappers}"]
    arguments += [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    assert protoc.main(arguments + ["csi.proto"]) == 0
    sys.path.insert(0, folder)
    return importlib.import_module("csi_pb2"), importlib.import_module("csi_pb2_grpc")


messages, stubs = _generated()

MODES = messages.VolumeCapability.AccessMode


class Refused(Exception):
    """A call that failed: its code's name and message."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        super().__init__(f"{self.code}: {self.message}")


class Client:
    """All three services at one socket."""

    def __init__(self, path, seconds=30):
        self.channel = grpc.insecure_channel(f"unix://{path}")
        self.seconds = seconds
        services = ("Identity", "Controller", "Node")
        self.stubs = [getattr(stubs, f"{name}Stub")(self.channel) for name in services]

    def call(self, name, **fields):
        """Calls `name` with a request of these fields; raises Refused."""
        request = getattr(messages, f"{name}Request")(**fields)
        method = next(getattr(stub, name) for stub in self.stubs if hasattr(stub, name))
        try:
            return method(request, timeout=self.seconds, wait_for_ready=True)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def close(self):
        self.channel.close()


def capability(mode=MODES.MULTI_NODE_MULTI_WRITER, flags=()):
    """A mount volume's capability."""
    return messages.VolumeCapability(
        mount=messages.VolumeCapability.MountVolume(mount_flags=list(flags)),
        access_mode=MODES(mode=mode),
    )
