"""Every setting, read once from the environment. Nothing else in the project reads `os.environ` for settings."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.domain.sentences import path_of, phrase
from shared.pools import pools_of


class Settings(BaseSettings):
    """The settings of every process; `docs/operations.md` has the same table. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: str = Field("postgresql://localhost/flowversal", repr=False, validation_alias="DATABASE_URL")
    broker_url: str = Field("amqp://localhost:5672", repr=False, validation_alias="BROKER_URL")
    redis_url: str = Field("redis://localhost:6379/0", repr=False, validation_alias="REDIS_URL")

    data_dir: Path = Field(Path(".data"), validation_alias="FLOWVERSAL_DATA_DIR")
    port: int = Field(8000, validation_alias="FLOWVERSAL_PORT", ge=1, le=65535)
    host: str = Field("127.0.0.1", validation_alias="FLOWVERSAL_HOST")
    workers: int = Field(2, validation_alias="FLOWVERSAL_WORKERS", ge=1, le=64)
    worker_threads: int = Field(32, validation_alias="FLOWVERSAL_WORKER_THREADS", ge=1, le=256)
    worker_id: str = Field("", validation_alias="FLOWVERSAL_WORKER_ID")
    worker_pool: str = Field("default", validation_alias="FLOWVERSAL_WORKER_POOL")
    """One pool or several, `ai,code`: see `worker_pools`."""
    metrics_port: int = Field(0, validation_alias="FLOWVERSAL_METRICS_PORT", ge=0, le=65535)
    metrics_host: str = Field("127.0.0.1", validation_alias="FLOWVERSAL_METRICS_HOST")
    public_url: str = Field("", validation_alias="FLOWVERSAL_PUBLIC_URL", pattern=r"^(https?://[^\s?#]+)?$")
    """Where people and other systems reach this installation; see `base_url`."""
    trusted_proxies: int = Field(0, validation_alias="FLOWVERSAL_TRUSTED_PROXIES", ge=0, le=10)
    """How many reverse proxies stand in front, each adding to X-Forwarded-For; 0: nothing of that header is believed."""
    log_level: str = Field("INFO", validation_alias="FLOWVERSAL_LOG_LEVEL")
    log_format: Literal["json", "text"] = Field("json", validation_alias="FLOWVERSAL_LOG_FORMAT")
    cookie_secure: bool = Field(False, validation_alias="FLOWVERSAL_COOKIE_SECURE")

    admin_email: str | None = Field(None, validation_alias="FLOWVERSAL_ADMIN_EMAIL")
    admin_password: SecretStr | None = Field(None, validation_alias="FLOWVERSAL_ADMIN_PASSWORD")
    admin_token: SecretStr | None = Field(None, validation_alias="FLOWVERSAL_ADMIN_TOKEN")

    vault_key: SecretStr | None = Field(None, validation_alias="FLOWVERSAL_VAULT_KEY")
    """Keys of 32 bytes, base64 or hex, separated by commas: the first one encrypts credentials, all of them decrypt."""
    vault_key_file: Path | None = Field(None, validation_alias="FLOWVERSAL_VAULT_KEY_FILE")
    """A file with such keys, one a line; they come after those of `vault_key`."""

    allow_private_networks: str = Field("", validation_alias="FLOWVERSAL_ALLOW_PRIVATE_NETWORKS")
    """Comma-separated ranges, `10.0.0.0/8` or with a port `127.0.0.1/32:8000`, that nodes may reach although private."""

    sqlite_dir: Path | None = Field(None, validation_alias="FLOWVERSAL_SQLITE_DIR")
    """A folder below which `db.query` may use SQLite files; None: none."""

    max_output_bytes: int = Field(
        64_000_000, validation_alias="FLOWVERSAL_MAX_OUTPUT_BYTES", ge=1_000, le=1_000_000_000
    )
    offload_bytes: int = Field(128_000, validation_alias="FLOWVERSAL_OFFLOAD_BYTES", ge=1_000, le=1_000_000)
    """A value above it goes to the blob store: from about here on that is quicker than a row, and holds up nobody else."""
    max_loaded_bytes: int = Field(256_000_000, validation_alias="FLOWVERSAL_MAX_LOADED_BYTES", ge=1_000_000)
    """Large values that the steps of one worker process hold at a time; a single step never more than that either."""
    blob_cache_bytes: int = Field(64_000_000, validation_alias="FLOWVERSAL_BLOB_CACHE_BYTES", ge=0)
    blob_dir: Path | None = Field(None, validation_alias="FLOWVERSAL_BLOB_DIR")
    """A folder that every process sees: large values become files in it. None: they are in Postgres."""
    max_request_bytes: int = Field(2_000_000, validation_alias="FLOWVERSAL_MAX_REQUEST_BYTES", ge=1_000)
    lease_s: float = Field(15.0, validation_alias="FLOWVERSAL_LEASE_S", ge=1)
    heartbeat_s: float = Field(5.0, validation_alias="FLOWVERSAL_HEARTBEAT_S", gt=0)
    sweep_s: float = Field(1.0, validation_alias="FLOWVERSAL_SWEEP_S", gt=0)
    republish_after_s: float = Field(5.0, validation_alias="FLOWVERSAL_REPUBLISH_AFTER_S", gt=0)

    retention_days: int | None = Field(None, validation_alias="FLOWVERSAL_RETENTION_DAYS", ge=1, le=36_500)
    """How long executions stay after they ended; None: for ever. A workflow may have its own."""

    @property
    def base_url(self) -> str:
        """The start of every address that leads here, without a slash at its end: the public one, else the local one."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared, not bound
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def worker_pools(self) -> tuple[str, ...]:
        """The pools whose steps a worker runs."""
        return pools_of(self.worker_pool)

    @field_validator("worker_pool")
    @classmethod
    def _known_pools(cls, text: str) -> str:
        return ",".join(pools_of(text))

    @field_validator("broker_url", "redis_url")
    @classmethod
    def _redis_scheme(cls, url: str) -> str:
        """`valkey://` is another name for `redis://`, which is the one that every client knows."""
        return "redis" + url.removeprefix("valkey") if url.startswith("valkey") else url


class WrongSettings(ValueError):
    """Settings that cannot be used: a line for each, `FLOWVERSAL_PORT: this must be a whole number; it is "http"`."""


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read at the first call. Raises WrongSettings."""
    try:
        return Settings()
    except ValidationError as error:
        raise WrongSettings("\n".join(map(_told, error.errors(include_url=False)))) from None


def _told(error: ErrorDetails) -> str:
    # Secrets, and addresses with passwords in them, are any text: no rule of theirs shows it.
    return f"{path_of(error['loc'])}: {phrase(error, echo=True)}"
