"""The objects of the test API server: versions, selectors, lists by pages, and what happened since."""

import base64
import copy
import json
import threading
import time
import uuid


class ApiError(Exception):
    """An answer with an error status, in the API server's form."""

    def __init__(self, code, reason, message, retry_after=None):
        super().__init__(message)
        self.code, self.reason, self.retry_after = code, reason, retry_after

    def status(self):
        status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": str(self), "reason": self.reason, "code": self.code,
        }
        if self.retry_after is not None:
            status["details"] = {"retryAfterSeconds": self.retry_after}
        return status


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Selection:
    """Label and field selectors: equality and existence, which is what the plugin uses."""

    def __init__(self, labels="", fields=""):
        self.labels = [part.split("=", 1) for part in labels.split(",") if part]
        self.fields = [part.split("=", 1) for part in fields.split(",") if part]
        for field in self.fields:
            if len(field) != 2 or field[0] not in ("metadata.name", "metadata.namespace", "spec.nodeName"):
                raise ApiError(400, "BadRequest", f"field label not supported: {field[0]}")

    def has(self, item):
        if item is None:
            return False
        labels = item["metadata"].get("labels", {})
        for label in self.labels:
            if label[0] not in labels or (len(label) == 2 and labels[label[0]] != label[1]):
                return False
        for path, value in self.fields:
            place = item
            for step in path.split("."):
                place = place.get(step, {})
            if (place or "") != value:
                return False
        return True


class Objects:
    """All objects; any thread may call. `changed` is notified after every change."""

    def __init__(self):
        self.changed = threading.Condition()
        self.version = 100
        self.floor = 0
        self._now = {}
        self._history = []
        self._pages = {}

    def get(self, resource, namespace, name):
        with self.changed:
            try:
                return copy.deepcopy(self._now[resource, namespace, name])
            except KeyError:
                raise ApiError(404, "NotFound", f'{resource} "{name}" not found') from None

    def find(self, resource, namespace, selection):
        """The objects of a namespace, or of all if it is None, in the order of their names."""
        with self.changed:
            keys = sorted(key for key in self._now if key[0] == resource and namespace in (None, key[1]))
            return [copy.deepcopy(self._now[key]) for key in keys if selection.has(self._now[key])]

    def create(self, resource, namespace, item):
        name = item.get("metadata", {}).get("name")
        if not name:
            raise ApiError(422, "Invalid", f"{resource} is invalid: metadata.name: Required value")
        key = (resource, namespace, name)
        with self.changed:
            if key in self._now:
                raise ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists')
            item = copy.deepcopy(item)
            item["metadata"].update(namespace=namespace, uid=str(uuid.uuid4()), creationTimestamp=now())
            self._record(key, item)
            return copy.deepcopy(item)

    def change(self, resource, namespace, name, edit):
        """Lets `edit` change an object in place; 404 if it is gone."""
        with self.changed:
            item = self.get(resource, namespace, name)
            edit(item)
            if item != self._now[resource, namespace, name]:
                self._record((resource, namespace, name), item)
            return copy.deepcopy(item)

    def remove(self, resource, namespace, name, uid=None):
        with self.changed:
            item = self.get(resource, namespace, name)
            if uid in (None, item["metadata"]["uid"]):
                self._record((resource, namespace, name), None)

    def _record(self, key, item):
        self.version += 1
        before = self._now.get(key)
        if item is None:
            del self._now[key]
            after = copy.deepcopy(before)
            after["metadata"]["resourceVersion"] = str(self.version)
            self._history.append((self.version, key, before, None, after))
        else:
            item["metadata"]["resourceVersion"] = str(self.version)
            self._now[key] = item
            self._history.append((self.version, key, before, item, item))
        self.changed.notify_all()

    def forget_the_past(self):
        """From now on every older version is gone: watches and pages that begin there get 410."""
        with self.changed:
            self.floor = self.version
            self._history.clear()
            self._pages.clear()
            self.changed.notify_all()

    def page(self, resource, namespace, selection, limit, place):
        """A list, or the part of it that `limit` and `continue` ask for."""
        with self.changed:
            if place:
                book, start = json.loads(base64.urlsafe_b64decode(place))
                if book not in self._pages:
                    raise ApiError(410, "Expired", "The provided continue parameter is too old")
                version, items = self._pages[book]
            else:
                book, start, version = str(uuid.uuid4()), 0, self.version
                items = self.find(resource, namespace, selection)
            end = start + limit if limit else len(items)
            metadata = {"resourceVersion": str(version)}
            if end < len(items):
                self._pages[book] = version, items
                metadata["continue"] = base64.urlsafe_b64encode(json.dumps([book, end]).encode()).decode()
            return items[start:end], metadata

    def events(self, resource, namespace, selection, version, until):
        """Yields events after a version, and None when nothing happened for a while."""
        while time.monotonic() < until:
            with self.changed:
                if version < self.floor:
                    raise ApiError(410, "Expired", f"too old resource version: {version} ({self.floor})")
                fresh = [event for event in self._history if event[0] > version]
                if not fresh:
                    self.changed.wait(min(0.5, max(until - time.monotonic(), 0.01)))
            for version, key, before, after, shown in fresh:
                if key[0] != resource or namespace not in (None, key[1]):
                    continue
                was, is_now = selection.has(before), selection.has(after)
                if was or is_now:
                    yield "MODIFIED" if was and is_now else "ADDED" if is_now else "DELETED", shown
            if not fresh:
                yield None
