"""What the credentials of all providers share: their own prices, and how a key is tried."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

import httpx2
from pydantic import AfterValidator, Field, SecretStr, model_validator

from shared.ai.failures import AI_AUTH, AI_REFUSED, AI_UNAVAILABLE, INVALID_RESPONSE
from shared.ai.prices import OwnPrices
from shared.credentials.base import Fields
from shared.domain.errors import InvalidValue, NodeError
from shared.domain.values import from_json
from shared.net.bodies import read_body
from shared.net.calls import parse_url
from shared.net.failures import failure
from shared.net.network import Network

TEST_S = 10.0
_MOST_BYTES = 4_000_000


def _plain(secret: SecretStr) -> SecretStr:
    if not all("\x21" <= character <= "\x7e" for character in secret.get_secret_value()):
        raise ValueError("a key has no spaces and no special characters: copy it again")
    return secret


def _base_url(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    try:
        url = parse_url(text)
    except NodeError as error:
        raise ValueError(error.message) from None
    if url.query or url.userinfo:
        raise ValueError("a base URL has no query and no user in it: the key goes with each request by itself")
    return text.strip()


ApiKey = Annotated[SecretStr, AfterValidator(_plain)]
BaseUrl = Annotated[str | None, AfterValidator(_base_url)]
Price = Annotated[Decimal | None, Field(ge=0, le=1_000_000, max_digits=16, decimal_places=9)]


class AiFields(Fields):
    """Fields of every provider. The prices replace those of the table for all models of the credential."""

    api_key: ApiKey
    base_url: BaseUrl = None
    input_price: Price = Field(None, description="Your price for a million input tokens in USD, if you have your own.")
    output_price: Price = Field(None, description="Your price for a million output tokens in USD.")
    cached_price: Price = Field(
        None, description="Your price for a million input tokens that come from a cache, in USD."
    )

    @model_validator(mode="after")
    def _prices_belong_together(self) -> Self:
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("give both `inputPrice` and `outputPrice`, or none of the prices")
        if self.cached_price is not None and self.input_price is None:
            raise ValueError("`cachedPrice` needs `inputPrice` and `outputPrice` beside it")
        return self

    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        raise NotImplementedError

    def own_prices(self) -> OwnPrices | None:
        """The prices of the credential, if it has its own."""
        if self.input_price is None or self.output_price is None:
            return None
        return OwnPrices(self.input_price, self.output_price, self.cached_price)


async def try_models(network: Network, url: str, fields: AiFields, more: Mapping[str, str] | None = None) -> str:
    """List the models of a provider: "It works: …". Raises NodeError saying what does not."""
    host = parse_url(url).host
    try:
        async with asyncio.timeout(TEST_S):
            return await _listed(network, url, host, {**fields.headers(), **(more or {})})
    except TimeoutError:
        raise NodeError(AI_UNAVAILABLE, f"{host} gave no complete answer within {TEST_S:g} s.") from None
    except httpx2.HTTPError as error:
        raise failure(error, host) from None


async def _listed(network: Network, url: str, host: str, headers: Mapping[str, str]) -> str:
    request = network.http.build_request("GET", url, headers=headers)
    response = await network.http.send(request, stream=True, follow_redirects=False)
    try:
        if response.status_code in (401, 403):
            raise NodeError(AI_AUTH, f"{host} does not accept the key (HTTP {response.status_code}).")
        if response.status_code != 200:
            raise NodeError(AI_REFUSED, f"{host} answered HTTP {response.status_code}: check the base URL.")
        models = _models(from_json(await read_body(response, _MOST_BYTES)))
    except InvalidValue:
        models = None
    finally:
        await response.aclose()
    if models is None:
        raise NodeError(INVALID_RESPONSE, f"{host} did not answer with a list of models: check the base URL.")
    return f"It works: {host} lists {models} model{'s' if models != 1 else ''}."


def _models(answer: Any) -> int | None:
    listed = answer.get("data") if isinstance(answer, dict) else None
    return len(listed) if isinstance(listed, list) else None
