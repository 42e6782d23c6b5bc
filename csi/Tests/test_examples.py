"""The examples fit Kubernetes, the driver and the daemon; the dashboard fits the metrics."""

import json
import os
import re
import subprocess

import pytest

from rendering import CSI, NAMESPACE, ROOT, check_schema, objects_of, one, pod_specs, rendered

EXAMPLES = sorted((CSI / "examples").glob("*.yaml"))
PROPERTIES = (ROOT / "docs" / "configuration.md").read_text()
DESIGN = (ROOT / "docs" / "csi.md").read_text()
# What the plugin measures; the daemon's metrics are in docs/metrics.md.
PLUGIN_METRICS = {
    "alluxio_csi_volumes", "alluxio_csi_targets", "alluxio_csi_daemons", "alluxio_csi_repairs_total",
    "alluxio_csi_calls_total", "alluxio_csi_call_seconds", "alluxio_csi_probes_hung",
}


def attributes_of_the_design():
    table = DESIGN.split("## Configuration of a volume")[1].split("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)`", " ".join(rows)))


def all_objects():
    return [thing for path in EXAMPLES for thing in objects_of(path.read_text())]


def volumes():
    """Attributes of every volume of the examples, with the Secrets that they name."""
    for thing in all_objects():
        if thing["kind"] == "StorageClass":
            yield thing["parameters"], []
        if thing["kind"] == "PersistentVolume":
            source = thing["spec"]["csi"]
            assert source["driver"] == "alluxio"
            secrets = [value["name"] for name, value in source.items() if name.endswith("SecretRef")]
            yield source["volumeAttributes"], secrets
    for spec in pod_specs(all_objects()):
        for volume in spec.get("volumes", []):
            if "csi" in volume:
                assert volume["csi"]["driver"] == "alluxio"
                yield volume["csi"]["volumeAttributes"], [volume["csi"]["nodePublishSecretRef"]["name"]]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_the_schema_of_its_kind(path):
    for thing in objects_of(path.read_text()):
        check_schema(thing)


def test_the_examples_can_live_in_one_cluster():
    names = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in all_objects()]
    assert len(names) == len(set(names))
    handles = [o["spec"]["csi"]["volumeHandle"] for o in all_objects() if o["kind"] == "PersistentVolume"]
    assert len(handles) == len(set(handles))


def test_volumes_have_attributes_that_the_driver_knows_and_secrets_that_are_there():
    known = attributes_of_the_design()
    assert {"ufs", "alluxioClusterName", "roleArn"} <= known
    secrets = {o["metadata"]["name"] for o in all_objects() if o["kind"] == "Secret"}
    seen = 0
    for attributes, named in volumes():
        seen += 1
        assert set(attributes) <= known
        assert ("ufs" in attributes) != ("alluxioClusterName" in attributes)
        assert set(named) <= secrets
        assert (attributes.get("authentication") == "secret") == bool(named)
        for option in filter(None, attributes.get("options", "").split(",")):
            assert f"`{option.split('=')[0]}`" in PROPERTIES, f"{option} is no option of the daemon"
    assert seen >= 4


def test_every_claim_of_a_pod_is_there_and_has_its_volume_or_class():
    objects = all_objects()
    claims = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "PersistentVolumeClaim"}
    used = {volume["persistentVolumeClaim"]["claimName"] for spec in pod_specs(objects)
            for volume in spec.get("volumes", []) if "persistentVolumeClaim" in volume}
    assert used == set(claims)
    for spec in claims.values():
        if spec["storageClassName"]:
            one(objects, "StorageClass", spec["storageClassName"])
        else:
            volume = one(objects, "PersistentVolume", spec["volumeName"])["spec"]
            assert volume["accessModes"] == spec["accessModes"] and volume["storageClassName"] == ""


def test_every_pod_sees_a_new_mount_when_its_daemon_was_replaced():
    for spec in pod_specs(all_objects()):
        ours = {v["name"] for v in spec["volumes"] if {"persistentVolumeClaim", "csi", "ephemeral"} & set(v)}
        for mount in spec["containers"][0]["volumeMounts"]:
            if mount["name"] in ours:
                assert mount["mountPropagation"] == "HostToContainer"


def test_the_claim_is_the_one_that_the_chart_makes():
    for kind in ("StorageClass", "PersistentVolumeClaim"):
        example = one(objects_of((CSI / "examples" / "claim.yaml").read_text()), kind)
        made = one(rendered("clusters"), kind, example["metadata"]["name"])
        for field in ("provisioner", "parameters", "volumeBindingMode", "spec"):
            assert example.get(field) == made.get(field)


def test_the_configuration_of_a_cluster_has_properties_that_the_daemon_knows():
    configuration = one(all_objects(), "ConfigMap", "alluxio-cluster-alluxio-conf")
    text = configuration["data"]["alluxio-site.properties"]
    names = [line.split("=")[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert "alluxio.etcd.endpoints" in names
    for name in names:
        assert f"`{name}`" in PROPERTIES, f"{name} is no property of the daemon"


def test_the_training_program_is_a_program():
    compile(one(all_objects(), "ConfigMap", "train")["data"]["train.py"], "train.py", "exec")


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]


def test_the_dashboard_shows_metrics_that_there_are():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    known = {name for name, _ in rows} | PLUGIN_METRICS
    known |= {f"{name}_bucket" for name, kind in rows if kind == "histogram"}
    known.add("alluxio_csi_call_seconds_bucket")
    dashboard = json.loads((CSI / "dashboards" / "alluxio-fuse.json").read_text())
    shown = {name for text in expressions(dashboard) for name in re.findall(r"alluxio_\w+", text)}
    assert shown <= known, f"no such metrics: {sorted(shown - known)}"
    assert PLUGIN_METRICS <= {name.removesuffix("_bucket") for name in shown}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_the_panels_of_the_dashboard_do_not_overlap():
    taken = {}
    for panel in json.loads((CSI / "dashboards" / "alluxio-fuse.json").read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_a_build_of_images_without_a_builder_says_what_is_missing(tmp_path):
    for program in ("bash", "sed", "dirname", "mktemp", "timeout"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    done = subprocess.run(
        [ROOT / "scripts" / "build-images"], capture_output=True, text=True, timeout=30,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode != 0
    assert "no podman and no buildah" in done.stderr and "apt-get install buildah" in done.stderr


def test_the_guide_names_the_namespace_and_values_that_there_are():
    guide = (CSI / "README.md").read_text()
    assert f"--namespace {NAMESPACE}" in guide
    values = json.loads((CSI / "chart" / "values.schema.json").read_text())
    rows = guide.split("## Values")[1].split("\n## ")[0]
    for name in re.findall(r"^\| `([\w.]+)", rows, re.MULTILINE):
        place = values
        for part in name.split("."):
            assert part in place["properties"], f"{name} is no value of the chart"
            place = place["properties"][part]
