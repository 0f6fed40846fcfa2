"""The example workflows, run to their end by a real API and a real worker."""

from pathlib import Path

import httpx2
import psycopg

from shared import ids
from shared.bootstrap import ensure_examples
from tests.integration.api import serving
from tests.integration.api.caller import Caller


def test_the_examples_succeed(admin: Caller, database_url: str, redis_url: str, tmp_path: Path) -> None:
    environment = {
        "DATABASE_URL": database_url,
        "BROKER_URL": redis_url,
        "REDIS_URL": redis_url,
        "FLOWVERSAL_METRICS_PORT": "0",
        "FLOWVERSAL_WORKER_THREADS": "4",
        "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.1/32",
    }
    with (
        serving.api(environment, tmp_path / "api.log") as address,
        serving.worker(environment, tmp_path / "worker.log"),
        httpx2.Client(base_url=f"{address}/api/v1", timeout=60, trust_env=False) as http,
    ):
        with psycopg.connect(database_url) as connection:
            hello, check, orders = ensure_examples(connection, admin.user_id, address)
        records = [
            http.post(
                f"/workflows/{ids.encode(ids.WORKFLOW, id)}/executions",
                json={"input": given},
                headers={"Authorization": f"Bearer {admin.token}", "Prefer": "wait=30"},
            ).json()
            for id, given in (
                (hello, {"name": "Ada"}),
                (check, {}),
                (orders, {"total": 1200}),
                (orders, {"express": True}),
            )
        ]

    assert [record["status"] for record in records] == ["success"] * 4, records
    greeting, report, large, express = (record["output"] for record in records)
    assert greeting["text"] == "Hello, Ada!"
    assert (report["verdict"], report["status"]) == ("healthy", 200)
    assert (large["handledAs"], express["handledAs"]) == ("large", "express")
    assert large["text"] == "Order A-1001 over 1200 was handled as large."
