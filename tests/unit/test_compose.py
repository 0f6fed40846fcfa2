"""docker-compose.yml: valid, complete, and without a password of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.pools import POOLS, pools_of
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
SECRETS = ("POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "REDIS_PASSWORD", "FLOWVERSAL_VAULT_KEY")
OURS = ("api", "dashboard", "worker", "worker-slow", "clockwork", "migrate")
FROM_OTHERS = ("postgres", "rabbitmq", "redis", "proxy", "prometheus")


# Settings that no `.env` decides. The one-machine mode's; what a service is; what needs a volume (docs/operations.md).
NOT_PASSED = {
    *("FLOWVERSAL_DATA_DIR", "FLOWVERSAL_HOST", "FLOWVERSAL_PORT", "FLOWVERSAL_WORKERS"),
    *("FLOWVERSAL_WORKER_ID", "FLOWVERSAL_WORKER_POOL"),
    *("FLOWVERSAL_BLOB_DIR", "FLOWVERSAL_SQLITE_DIR", "FLOWVERSAL_VAULT_KEY_FILE"),
}
FIRST_ADMIN = {"FLOWVERSAL_ADMIN_EMAIL", "FLOWVERSAL_ADMIN_PASSWORD", "FLOWVERSAL_ADMIN_TOKEN"}


def compose(
    folder: Path, *arguments: str, secrets: tuple[str, ...] = SECRETS, **more: str
) -> subprocess.CompletedProcess[str]:
    """The real docker-compose over a copy of the file, with only these variables set."""
    shutil.copy(ROOT / "docker-compose.yml", folder)
    given = {name: f"secret-{name.lower()}" for name in secrets} | more
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    program = Path(sys.executable).parent / "docker-compose"
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    argv = [str(program), "--project-directory", str(folder), *arguments]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)


def configured(folder: Path, **more: str) -> dict:
    """The services as docker-compose would start them."""
    done = compose(folder, "config", "--format", "json", **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


@pytest.fixture
def services(tmp_path: Path) -> dict:
    return configured(tmp_path)


def test_every_setting_is_passed_on_to_every_process(services: dict) -> None:
    settings = {str(field.validation_alias) for field in Settings.model_fields.values()}
    for name in OURS:
        missing = settings - set(services[name]["environment"])
        assert missing - (FIRST_ADMIN if name != "migrate" else set()) <= NOT_PASSED, name
    assert settings >= NOT_PASSED | FIRST_ADMIN


def test_a_line_of_the_environment_file_is_a_setting_and_an_empty_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = configured(tmp_path, FLOWVERSAL_LEASE_S="42", FLOWVERSAL_TRUSTED_PROXIES="2")
    for name in OURS:
        for variable in [each for each in os.environ if each.startswith("FLOWVERSAL_")]:
            monkeypatch.delenv(variable)
        for variable, value in services[name]["environment"].items():
            monkeypatch.setenv(variable, value)
        settings = Settings()
        assert (settings.lease_s, settings.trusted_proxies, settings.sweep_s, settings.log_format) == (42, 2, 1, "json")


def test_the_proxy_in_front_is_trusted(services: dict) -> None:
    assert {services[name]["environment"]["FLOWVERSAL_TRUSTED_PROXIES"] for name in OURS} == {"1"}


def test_another_image_can_be_named(tmp_path: Path, services: dict) -> None:
    assert {services[name]["image"] for name in OURS} == {"flowversal:local"}
    others = configured(tmp_path, FLOWVERSAL_IMAGE="flowversal:mine")
    assert {others[name]["image"] for name in OURS} == {"flowversal:mine"}


def test_the_override_file_of_the_documentation_works(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL)
    (tmp_path / "docker-compose.override.yml").write_text(text)
    services = configured(tmp_path)
    for name in set(OURS) - {"migrate"}:
        found = services[name]
        assert found["environment"]["FLOWVERSAL_BLOB_DIR"] == "/files/blobs"
        assert found["environment"]["FLOWVERSAL_VAULT_KEY"]
        assert [each["target"] for each in found["volumes"]] == ["/files"]


def test_every_process_of_ours_has_the_same_key_of_the_vault(services: dict) -> None:
    keys = {name: services[name]["environment"]["FLOWVERSAL_VAULT_KEY"] for name in OURS}
    assert set(keys.values()) == {"secret-flowversal_vault_key"}


def test_the_whole_stack_is_there(services: dict) -> None:
    assert set(services) == {*OURS, *FROM_OTHERS}


def test_workers_leave_the_processor_to_the_others(services: dict) -> None:
    assert {name for name in services if services[name].get("cpu_shares", 1_024) < 1_024} == {"worker", "worker-slow"}


def test_together_the_workers_serve_every_pool(services: dict) -> None:
    workers = [found["environment"] for name, found in services.items() if name.startswith("worker")]
    served = [pool for one in workers for pool in pools_of(one.get("FLOWVERSAL_WORKER_POOL", "default"))]
    assert sorted(served) == sorted(POOLS)


@pytest.mark.parametrize("missing", SECRETS)
def test_a_missing_password_is_refused_by_name(tmp_path: Path, missing: str) -> None:
    done = compose(tmp_path, "config", "-q", secrets=tuple(name for name in SECRETS if name != missing))
    assert done.returncode != 0
    assert missing in done.stderr


def test_everything_that_stays_up_has_a_health_check(services: dict) -> None:
    assert [name for name in services if "healthcheck" not in services[name]] == ["migrate"]


def test_only_the_proxy_listens_outside(services: dict) -> None:
    assert [name for name in services if services[name].get("ports")] == ["proxy"]
    assert services["proxy"]["ports"][0]["host_ip"] == "127.0.0.1"


def test_ours_run_without_any_privilege(services: dict) -> None:
    for name in OURS:
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["read_only"] is True, name
    assert re.search(r"^USER (?!0|root)", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)


def test_services_wait_for_the_schema(services: dict) -> None:
    for name in ("api", "dashboard", "worker", "worker-slow", "clockwork"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully", name


def test_prometheus_scrapes_every_service() -> None:
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    found = re.search(r"names: \[(.*)\]", text)
    assert found is not None
    assert set(found[1].split(", ")) == {"api", "dashboard", "worker", "worker-slow", "clockwork"}


def test_the_example_names_every_variable_of_the_file() -> None:
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == named


def test_the_example_has_no_password() -> None:
    for line in (ROOT / ".env.example").read_text().splitlines():
        if re.match(r"[A-Z_]*(PASSWORD|TOKEN|KEY)=", line):
            assert line.endswith("="), line
