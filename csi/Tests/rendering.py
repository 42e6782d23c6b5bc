"""Renders the chart with sets of values, and checks objects against the JSON schemas of Kubernetes."""

import functools
import json
import os
import pathlib
import subprocess

import kubernetes_validate
import yaml

CSI = pathlib.Path(__file__).resolve().parent.parent
ROOT = CSI.parent
CHART = CSI / "chart"
HELM, KUBECTL = (ROOT / ".build-kubectl" / name for name in ("helm", "kubectl"))
NAMESPACE = "alluxio-operator"
# The oldest that Chart.yaml admits, that of kubectl, and the newest with a schema.
VERSIONS = ["1.25", "1.33", "1.37"]

CLUSTERS = [
    {"name": "alluxio-cluster", "namespace": "default"},
    {"name": "models", "namespace": "ml", "claim": False, "path": "/s3/models"},
    {
        "name": "shared",
        "namespace": "ml",
        "accessModes": ["ReadOnlyMany"],
        "mountOptions": ["ro", "uid=1000"],
        "parameters": {"authentication": "pod"},
    },
]
PRIVATE = {
    "image": "registry.example:5000/alluxio/fuse",
    "imageTag": "sha256:" + "ab" * 32,
    "imagePullSecrets": ["registry"],
    "controllerPlugin": {"provisioner": {"image": "registry.example:5000/csi-provisioner:v5"}},
    "nodePlugin": {"driverRegistrar": {"image": "registry.example:5000/registrar:v2"}},
}
# As the operator's chart passes its values to this one.
PARENT = {
    "global": {"image": "mirror.example/fuse", "imageTag": "9", "imagePullSecrets": [{"name": "mirror"}]},
}
VOLUME = {"name": "authorities", "configMap": {"name": "authorities"}}
MOUNT = {"name": "authorities", "mountPath": "/usr/local/share/ca-certificates"}
VARIABLES = [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]
EXTRAS = {
    "volumes": [VOLUME],
    "volumeMounts": [MOUNT],
    "hostNetwork": True,
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "storage"},
    "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"},
}
EVERYTHING = {
    "clusters": CLUSTERS,
    "kubeletDir": "/data/kubelet",
    "mountDir": "/data/alluxio",
    "allowLocalStores": True,
    "inlineDriverIdentity": True,
    "logLevel": "debug",
    "driver": {"tokenRequests": [{"audience": "sts.amazonaws.com", "expirationSeconds": 3600}]},
    "rbac": {"clusterConfigurations": "listed"},
    "controllerPlugin": {
        "replicas": 2,
        "tolerations": [{"operator": "Exists"}],
        "provisioner": {"extraArgs": ["--v=5"]},
    },
    "nodePlugin": {**EXTRAS, "env": [{"name": "TZ", "value": "UTC"}]},
    "daemons": {"env": VARIABLES, "cacheSize": "100GB", "stagingSize": "4GB"},
    "fusePod": EXTRAS,
    "priorityQuota": {"create": True},
    "monitoring": {"podMonitor": {"create": True, "labels": {"release": "prometheus"}}},
}
SETS = {
    "default": {},
    "process": {"mode": "process"},
    "process with everything": {**EVERYTHING, "mode": "process"},
    "private": PRIVATE,
    "parent": PARENT,
    "clusters": {"clusters": CLUSTERS},
    "listed": {"clusters": CLUSTERS, "rbac": {"clusterConfigurations": "listed"}},
    "everything": EVERYTHING,
    "quiet": {"monitoring": {"scrapeAnnotations": False, "daemonMetrics": False}},
}


class UniqueKeys(yaml.SafeLoader):
    """YAML in which a key may not come twice, as strict decoders have it."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key comes twice in {keys}"
        return super().construct_mapping(node, deep)


def objects_of(text):
    return [document for document in yaml.load_all(text, UniqueKeys) if document]


def helm(*arguments, values=None):
    assert HELM.exists(), "scripts/prepare csi installs helm"
    command = [HELM, *arguments, CHART, "--values", "-", "--namespace", NAMESPACE]
    home = {**os.environ, "HELM_CACHE_HOME": "/tmp", "HELM_CONFIG_HOME": "/tmp", "HELM_DATA_HOME": "/tmp"}
    return subprocess.run(
        command, input=json.dumps(values or {}), capture_output=True, text=True, timeout=30, env=home
    )


@functools.cache
def rendered_text(name, version=VERSIONS[1]):
    done = helm("template", "csi", "--kube-version", version, values=SETS[name])
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(name, version=VERSIONS[1]):
    """The objects of a set of values, as they are made for a version of Kubernetes."""
    return objects_of(rendered_text(name, version))


def one(objects, kind, name=None):
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def fuse_pod(objects):
    return yaml.load(one(objects, "ConfigMap", "alluxio-csi-fuse-pod")["data"]["pod.yaml"], UniqueKeys)


def pod_specs(objects):
    """Every pod that comes of the objects."""
    workloads = ("Deployment", "DaemonSet", "Job")
    specs = [o["spec"]["template"]["spec"] for o in objects if o["kind"] in workloads]
    specs += [o["spec"] for o in objects if o["kind"] == "Pod"]
    if any(o["metadata"]["name"] == "alluxio-csi-fuse-pod" for o in objects):
        specs.append(fuse_pod(objects)["spec"])
    return specs


def container(spec, name):
    return next(c for c in spec["containers"] if c["name"] == name)


# Otherwise it reads a megabyte of definitions for each object.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


def check_schema(thing, version=VERSIONS[1]):
    """Raises a ValidationError that names the place, also of a field that Kubernetes does not know."""
    kubernetes_validate.validate(thing, version, strict=True)
