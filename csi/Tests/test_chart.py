"""The chart makes valid objects, refuses wrong values by name, and asks for the rights that are listed here.

`scripts/prepare csi` installs what these tests need. They need no cluster: helm renders, JSON schemas of
Kubernetes check.
"""

import json
import subprocess
import sys

import pytest
import yaml

from rendering import (
    CHART, KUBECTL, NAMESPACE, ROOT, SETS, VERSIONS, UniqueKeys,
    check_schema, container, fuse_pod, helm, one, pod_specs, rendered, rendered_text,
)

PROVISIONER = {
    "cluster persistentvolumes: create delete get list patch watch",
    "cluster persistentvolumeclaims: get list update watch",
    "cluster storage.k8s.io/storageclasses: get list watch",
    "cluster nodes: get",
    "cluster events: create patch",
}
ELECTION = {f"{NAMESPACE} coordination.k8s.io/leases: create get update"}
ANY_CONFIGURATION = {"cluster configmaps: get"}
LISTED_CONFIGURATIONS = {
    "default configmaps alluxio-cluster-alluxio-conf: get",
    "ml configmaps models-alluxio-conf: get",
    "ml configmaps shared-alluxio-conf: get",
}
PODS = {
    f"{NAMESPACE} pods: create delete get list watch",
    f"{NAMESPACE} configmaps alluxio-csi-fuse-pod: get",
}
# Every right there is, by account. A change of the chart that widens one must change it here too.
RIGHTS = {
    "default": {"controller": PROVISIONER, "node": ANY_CONFIGURATION | PODS},
    "process": {"controller": PROVISIONER, "node": ANY_CONFIGURATION},
    "listed": {"controller": PROVISIONER, "node": LISTED_CONFIGURATIONS | PODS},
    "everything": {"controller": PROVISIONER | ELECTION, "node": LISTED_CONFIGURATIONS | PODS},
    "process with everything": {"controller": PROVISIONER | ELECTION, "node": LISTED_CONFIGURATIONS},
}


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_nothing_to_complain_about(name):
    done = helm("lint", "--strict", values=SETS[name])
    assert done.returncode == 0 and "0 chart(s) failed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_fits_the_schema_of_its_kind(name, version):
    for thing in rendered(name, version):
        if not thing["apiVersion"].startswith("monitoring.coreos.com/"):
            check_schema(thing, version)


@pytest.mark.parametrize("name", [name for name in SETS if SETS[name].get("mode") != "process"])
def test_the_template_of_fuse_pods_is_a_valid_pod_with_the_container_of_the_daemon(name):
    pod = fuse_pod(rendered(name))
    check_schema({**pod, "metadata": {**pod["metadata"], "name": "alluxio-fuse-key"}})
    assert [c["name"] for c in pod["spec"]["containers"]] == ["alluxio-fuse"]
    assert pod["spec"]["restartPolicy"] == "Always"
    assert pod["metadata"]["namespace"] == NAMESPACE
    assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", SETS)
def test_kubectl_reads_every_object_and_none_comes_twice(name):
    command = [KUBECTL, "annotate", "--local", "-f", "-", "seen=yes", "-o", "name"]
    done = subprocess.run(command, input=rendered_text(name), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == len(rendered(name))
    names = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in rendered(name)]
    assert len(names) == len(set(names))


def test_the_driver_is_described_as_the_design_says():
    driver = one(rendered("default"), "CSIDriver", "alluxio")["spec"]
    assert driver == {
        "attachRequired": False,
        "podInfoOnMount": True,
        "volumeLifecycleModes": ["Persistent", "Ephemeral"],
        "requiresRepublish": True,
        "fsGroupPolicy": "None",
        "storageCapacity": False,
    }
    asked = one(rendered("everything"), "CSIDriver")["spec"]["tokenRequests"]
    assert asked == [{"audience": "sts.amazonaws.com", "expirationSeconds": 3600}]


def test_pods_have_the_names_and_the_two_containers_of_the_install_guide():
    objects = rendered("default")
    controller = one(objects, "Deployment", "alluxio-csi-controller")
    node = one(objects, "DaemonSet", "alluxio-csi-nodeplugin")
    for thing, sidecar in ((controller, "csi-provisioner"), (node, "node-driver-registrar")):
        assert thing["metadata"]["namespace"] == NAMESPACE
        containers = thing["spec"]["template"]["spec"]["containers"]
        assert [each["name"] for each in containers] == [sidecar, "alluxio-csi"]


@pytest.mark.parametrize("name, mode, kubelet, mounts", [
    ("default", "pod", "/var/lib/kubelet", "/mnt/alluxio"),
    ("process", "process", "/var/lib/kubelet", "/mnt/alluxio"),
    ("everything", "pod", "/data/kubelet", "/data/alluxio"),
    ("process with everything", "process", "/data/kubelet", "/data/alluxio"),
])
def test_the_node_plugin_gets_its_arguments_and_the_directories_that_they_name(name, mode, kubelet, mounts):
    spec = one(rendered(name), "DaemonSet")["spec"]["template"]["spec"]
    plugin = container(spec, "alluxio-csi")
    allowed = ["--allow-local-stores", "--inline-driver-identity"] if "everything" in name else []
    level = "debug" if "everything" in name else "info"
    cached = ["--cache-dir", "/var/cache/alluxio"] if name == "process with everything" else []
    assert plugin["command"] + plugin["args"] == [
        "alluxio-csi", "node", "--endpoint", "unix:///csi/csi.sock", "--node-id", "$(NODE_NAME)",
        "--mode", mode, "--mount-dir", mounts, "--kubelet-dir", kubelet, "--http-port", "9809",
        "--namespace", "$(POD_NAMESPACE)", "--log-level", level, *cached, *allowed,
    ]
    assert {"NODE_NAME", "POD_NAMESPACE"} <= {variable["name"] for variable in plugin["env"]}
    assert spec["hostPID"] is True and plugin["securityContext"]["privileged"] is True
    both = [mount for mount in plugin["volumeMounts"] if mount.get("mountPropagation") == "Bidirectional"]
    shared = {mount["mountPath"]: mount["name"] for mount in both}
    paths = {v["name"]: v["hostPath"]["path"] for v in spec["volumes"] if "hostPath" in v}
    assert {path: paths[volume] for path, volume in shared.items()} == {kubelet: kubelet, mounts: mounts}
    socket = f"{kubelet}/plugins/csi-alluxio-plugin"
    assert paths["plugin"] == socket
    registrar = container(spec, "node-driver-registrar")
    assert f"--kubelet-registration-path={socket}/csi.sock" in registrar["args"]
    assert spec["tolerations"] == [{"operator": "Exists"}]


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet"])
def test_the_plugin_itself_answers_for_its_health_on_the_port_it_was_given(kind):
    plugin = container(one(rendered("default"), kind)["spec"]["template"]["spec"], "alluxio-csi")
    ports = {port["name"]: port["containerPort"] for port in plugin["ports"]}
    assert plugin["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert plugin["args"][plugin["args"].index("--http-port") + 1] == str(ports["http"])


def test_the_controller_runs_without_root_and_without_capabilities():
    spec = one(rendered("everything"), "Deployment")["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    for each in spec["containers"]:
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert each["securityContext"]["allowPrivilegeEscalation"] is False


def environment_of(container):
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def test_daemons_in_pods_see_the_mounts_of_the_node():
    daemon = container(fuse_pod(rendered("everything"))["spec"], "alluxio-fuse")
    mount = {"name": "mounts", "mountPath": "/data/alluxio", "mountPropagation": "Bidirectional"}
    assert mount in daemon["volumeMounts"]


@pytest.mark.parametrize("name", ["everything", "process with everything"])
def test_daemons_are_told_where_and_how_much_to_cache_by_properties_that_they_know(name):
    if name == "everything":
        daemon = container(fuse_pod(rendered(name))["spec"], "alluxio-fuse")
        directory = environment_of(daemon)["ALLUXIO_USER_CLIENT_CACHE_DIRS"]
    else:
        daemon = container(one(rendered(name), "DaemonSet")["spec"]["template"]["spec"], "alluxio-csi")
        directory = daemon["args"][daemon["args"].index("--cache-dir") + 1]
    assert directory.startswith("/var/cache/alluxio")
    assert {"name": "cache", "mountPath": "/var/cache/alluxio"} in daemon["volumeMounts"]
    environment = environment_of(daemon)
    assert environment["ALLUXIO_USER_CLIENT_CACHE_SIZE"] == "100GB"
    assert environment["ALLUXIO_FUSE_STAGING_SIZE"] == "4GB"
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    known = (ROOT / "docs" / "configuration.md").read_text()
    for variable in environment:
        if variable.startswith("ALLUXIO_"):
            name = variable.lower().replace("_", ".")
            assert f"`{name}`" in known, f"{name} is no property of the daemon"


def test_daemons_cache_in_memory_unless_they_are_given_a_size():
    for name in ("default", "process"):
        assert "/var/cache/alluxio" not in rendered_text(name)


@pytest.mark.parametrize("name, registry, secret", [
    ("private", "registry.example:5000/", "registry"),
    ("parent", "mirror.example/", "mirror"),
])
def test_images_come_from_a_private_registry_with_its_secret(name, registry, secret):
    for spec in pod_specs(rendered(name)):
        assert spec["imagePullSecrets"] == [{"name": secret}]
        for each in spec["containers"]:
            ours = each["name"] in ("alluxio-csi", "alluxio-fuse")
            assert each["image"].startswith(registry) or (name == "parent" and not ours)
            if name == "private" and ours:
                assert each["image"].endswith("/alluxio/fuse@sha256:" + "ab" * 32)


def rights_of(objects):
    rights = {}
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        namespace = binding["metadata"].get("namespace")
        near = [o for o in objects if o["metadata"].get("namespace") == namespace]
        role = one(near, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        where = namespace or "cluster"
        for subject in binding["subjects"]:
            assert (subject["kind"], subject["namespace"]) == ("ServiceAccount", NAMESPACE)
            account = rights.setdefault(subject["name"].removeprefix("alluxio-csi-"), set())
            for rule in role["rules"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        what = " ".join([f"{group}/{resource}".lstrip("/"), *rule.get("resourceNames", [])])
                        account.add(f"{where} {what}: {' '.join(sorted(rule['verbs']))}")
    return rights


@pytest.mark.parametrize("name", RIGHTS)
def test_no_account_has_a_right_that_is_not_listed(name):
    assert rights_of(rendered(name)) == RIGHTS[name]


@pytest.mark.parametrize("name", SETS)
def test_no_role_speaks_of_everything_and_every_role_is_bound(name):
    objects = rendered(name)
    bindings = [o["roleRef"] for o in objects if o["kind"].endswith("RoleBinding")]
    bound = {(role["kind"], role["name"]) for role in bindings}
    for role in objects:
        if role["kind"] in ("Role", "ClusterRole"):
            assert (role["kind"], role["metadata"]["name"]) in bound
            assert "*" not in json.dumps(role["rules"])


def admitted(request):
    """What the admission policy says, by the expressions in it."""
    sys.path.append(str(ROOT / ".build-cel"))  # apart, since it wants other versions of what others use
    import cel

    policy = one(rendered("default"), "ValidatingAdmissionPolicy")["spec"]
    # As the API server has it: what does not exist yet, or does not any more, is null.
    known = {"request": request, "object": request.pop("object", None), "oldObject": request.pop("old", None)}
    if not all(cel.evaluate(condition["expression"], known) for condition in policy["matchConditions"]):
        return True
    known["variables"] = {v["name"]: cel.evaluate(v["expression"], known) for v in policy["variables"]}
    return all(cel.evaluate(validation["expression"], known) for validation in policy["validations"])


@pytest.mark.parametrize("operation, field", [("CREATE", "object"), ("DELETE", "old")])
def test_a_node_plugin_makes_and_deletes_pods_of_its_own_node_only(operation, field):
    node = {"authentication.kubernetes.io/node-name": ["node-1"]}
    plugin = f"system:serviceaccount:{NAMESPACE}:alluxio-csi-node"

    def asked(spec, extra=node, user=plugin):
        who = {"username": user, "extra": extra}
        return admitted({"operation": operation, "userInfo": who, field: {"spec": spec}})

    assert asked({"nodeName": "node-1"})
    assert not asked({"nodeName": "node-2"})
    assert not asked({})
    assert not asked({"nodeName": "node-1"}, extra={})
    assert asked({"nodeName": "node-2"}, extra={}, user="system:serviceaccount:kube-system:replicaset")


def test_the_admission_policy_is_bound_and_is_left_out_where_tokens_name_no_node():
    binding = one(rendered("default"), "ValidatingAdmissionPolicyBinding")["spec"]
    assert binding["policyName"] == one(rendered("default"), "ValidatingAdmissionPolicy")["metadata"]["name"]
    assert binding["validationActions"] == ["Deny"]
    for objects in (rendered("process"), rendered("default", "1.29")):
        assert not [o for o in objects if o["kind"].startswith("ValidatingAdmission")]


def test_process_mode_makes_nothing_for_fuse_pods():
    names = {o["metadata"]["name"] for o in rendered("process")}
    assert not {name for name in names if "fuse" in name}
    assert one(rendered("process"), "DaemonSet")["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_each_cluster_has_its_storage_class_and_its_claim():
    objects = rendered("clusters")
    claims = {(o["metadata"]["namespace"], o["metadata"]["name"]): o["spec"]
              for o in objects if o["kind"] == "PersistentVolumeClaim"}
    assert set(claims) == {("default", "alluxio-cluster-fuse"), ("ml", "shared-fuse")}
    assert claims["default", "alluxio-cluster-fuse"] == {
        "storageClassName": "default-alluxio-cluster-fuse",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
    }
    models = one(objects, "StorageClass", "ml-models-fuse")
    assert models["provisioner"] == "alluxio" and models["volumeBindingMode"] == "WaitForFirstConsumer"
    assert models["parameters"] == {
        "alluxioClusterName": "models", "alluxioClusterNamespace": "ml", "path": "/s3/models",
    }
    shared = one(objects, "StorageClass", "ml-shared-fuse")
    assert shared["mountOptions"] == ["ro", "uid=1000"] and shared["parameters"]["authentication"] == "pod"


def test_monitors_select_the_pods_and_ports_that_there_are():
    objects = rendered("everything")
    found = {o["metadata"]["name"]: o["spec"]["podMetricsEndpoints"][0]["port"]
             for o in objects if o["kind"] == "PodMonitor"}
    assert found == {
        "alluxio-csi-controller": "http", "alluxio-csi-nodeplugin": "http", "alluxio-csi-fuse": "metrics",
    }
    assert "prometheus.io" not in rendered_text("quiet")


@pytest.mark.parametrize("wrong, said", [
    ({"mode": "sidecar"}, "/mode"),
    ({"kubletDir": "/x"}, "kubletDir"),
    ({"kubeletDir": "relative"}, "/kubeletDir"),
    ({"mountDir": "/mnt/alluxio/"}, "/mountDir"),
    ({"httpPort": 0}, "/httpPort"),
    ({"allowLocalStores": "yes"}, "/allowLocalStores"),
    ({"nodePlugin": {"tolerration": []}}, "tolerration"),
    ({"nodePlugin": {"driverRegistrar": {"image": ""}}}, "/nodePlugin/driverRegistrar/image"),
    ({"controllerPlugin": {"replicas": 0}}, "/controllerPlugin/replicas"),
    ({"daemons": {"cacheSize": "100 GB"}}, "/daemons/cacheSize"),
    ({"logLevel": "verbose"}, "/logLevel"),
    ({"fusePod": {"resources": {"limit": {}}}}, "limit"),
    ({"driver": {"tokenRequests": [{"audience": "a", "expirationSeconds": 60}]}}, "expirationSeconds"),
    ({"rbac": {"clusterConfigurations": "all"}}, "/rbac/clusterConfigurations"),
    ({"clusters": [{"name": "a"}]}, "namespace"),
    ({"clusters": [{"name": "A_b", "namespace": "x"}]}, "/clusters/0/name"),
    ({"clusters": [{"name": "a", "namespace": "x", "path": "/a/../b"}]}, "/clusters/0/path"),
    ({"clusters": [{"name": "a", "namespace": "x", "acessModes": []}]}, "acessModes"),
    ({"clusters": [{"name": "a", "namespace": "x", "accessModes": ["RWO"]}]}, "/clusters/0/accessModes/0"),
    ({"clusters": [{"name": "a", "namespace": "x", "parameters": {"path": "/x"}}]}, "/parameters/path"),
    ({"imagePullPolicy": "Sometimes"}, "/imagePullPolicy"),
    ({"monitoring": {"podMonitor": {"interval": "often"}}}, "/monitoring/podMonitor/interval"),
])
def test_a_wrong_value_is_refused_with_its_name(wrong, said):
    done = helm("template", "csi", values=wrong)
    assert done.returncode != 0 and said in done.stderr, done.stderr


def names_in(schema, at=""):
    for name, part in schema.get("properties", {}).items():
        yield f"{at}{name}"
        if part.get("additionalProperties") is False:
            yield from names_in(part, f"{at}{name}.")


def test_every_value_has_its_default_and_every_default_its_schema():
    values = yaml.load((CHART / "values.yaml").read_text(), UniqueKeys)
    for name in names_in(json.loads((CHART / "values.schema.json").read_text())):
        place = values
        for part in name.split("."):
            assert part in place, f"values.yaml says nothing of {name}"
            place = place[part]
