"""A workflow with a webhook, and somebody who calls it."""

from typing import Any

import psycopg
from flask import Flask
from werkzeug.test import TestResponse

from shared import ids
from shared.db import triggers, webhooks
from tests.integration.api.caller import Caller, definition


class Hook:
    """The published webhook `hook` of a new workflow of `owner`; called without sign-in."""

    def __init__(self, app: Flask, owner: Caller, connection: psycopg.Connection[Any], **config: Any) -> None:
        self.owner = owner
        self.workflow = owner.workflow(definition=hooked(**config), publish=False)
        self._connection = connection
        self._client = app.test_client(use_cookies=False)
        answer = self.publish()
        assert answer.status_code == 201, answer.json

    def publish(self) -> Any:
        return self.owner("POST", f"/workflows/{self.workflow}/publish")

    def change(self, **config: Any) -> None:
        """Publish another version."""
        etag = self.owner("GET", f"/workflows/{self.workflow}").headers["ETag"]
        body = {"definition": hooked(**config)}
        assert self.owner("PUT", f"/workflows/{self.workflow}", body, If_Match=etag).status_code == 200
        answer = self.publish()
        assert answer.status_code == 201, answer.json

    @property
    def trigger(self) -> triggers.Trigger:
        uuid = ids.decode(ids.WORKFLOW, self.workflow)
        assert uuid is not None
        (found,) = triggers.of_workflow(self._connection, uuid)
        return found

    @property
    def path(self) -> str:
        (url,) = webhooks.urls(self._connection, "", [self.trigger.id]).values()
        return url

    def __call__(self, method: str = "POST", query: str = "", **sent: Any) -> TestResponse:
        return self._client.open(self.path + query, method=method, **sent)

    def input(self, answer: TestResponse) -> Any:
        """What the run was started with."""
        assert answer.status_code == 202, answer.get_data()
        return self.owner("GET", f"/executions/{answer.get_json()['executionId']}/input").json

    def deliveries(self) -> list[dict[str, Any]]:
        answer = self.owner("GET", f"/workflows/{self.workflow}/triggers/hook/deliveries")
        assert answer.status_code == 200, answer.json
        items: list[dict[str, Any]] = answer.json["items"]
        return items

    def delivery(self, id: str) -> Any:
        return self.owner("GET", f"/workflows/{self.workflow}/triggers/hook/deliveries/{id}")

    def runs(self) -> int:
        """How many executions there are."""
        row = self._connection.execute("SELECT count(*) FROM executions").fetchone()
        assert row is not None
        count: int = row[0]
        return count


def hooked(**config: Any) -> dict[str, Any]:
    """A definition with one webhook."""
    return definition() | {"triggers": [{"id": "hook", "type": "webhook", **config}]}
