"""Every setting, once. Read from the environment or `pacs.toml` in `wiring` and `__main__` only."""

import os
import re
from importlib.resources.abc import Traversable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+", re.ASCII)
"""Scheme, host and port as a browser sends them (RFC 6454 6.2); `*` is none, for it would be everybody."""


class Address(BaseModel, frozen=True):
    """Where a door listens."""

    host: str
    port: int = Field(ge=0, le=65535)

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost" or ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(text: object) -> object:
    """`host:port` as an Address; anything else is handed on for pydantic to refuse."""
    if not isinstance(text, str):
        return text
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if host != "localhost":
        ip_address(host)
    return {"host": host, "port": port}


class PacsToml(TomlConfigSettingsSource):
    """`pacs.toml`, where a setting has the name that it has in the environment, or that name without `PACS_`."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        values = super()._read_file(file_path)
        return {name.removeprefix("PACS_").lower(): value for name, value in values.items()}


def words_of(text: object) -> object:
    """`one two` as a tuple; anything else is handed on for pydantic to refuse."""
    return tuple(text.split()) if isinstance(text, str) else text


ListenAddress = Annotated[Address, NoDecode, BeforeValidator(address_of)]


class Settings(BaseSettings):
    """How one installation runs. What an administrator changes while it runs is a row, not a setting."""

    model_config = SettingsConfigDict(
        env_prefix="PACS_", toml_file="pacs.toml", frozen=True, extra="forbid", validate_default=True
    )

    data: Path = Field(Path("data"), description="folder for everything embedded: index, objects, spool, caches")
    database: str = Field("", description="SQLAlchemy URL; default: index.sqlite in the data folder")
    objects: str = Field("", description="`file:///folder`, `s3://bucket?endpoint=…&region=…`, or `memory:`")
    s3_access_key: SecretStr = Field(SecretStr(""), description="access key of the S3 store")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="secret key of the S3 store")
    ae_title: str = Field("PACS", min_length=1, max_length=16, description="what peers call us")
    dicom: ListenAddress = Field(Address(host="127.0.0.1", port=11112), description="DICOM listens here")
    dicom_tls: Annotated[Address | None, NoDecode, BeforeValidator(address_of)] = Field(
        None, description="DICOM over TLS listens here"
    )
    tls_cert: Path | None = Field(None, description="our certificate (PEM), for DICOM TLS")
    tls_key: Path | None = Field(None, description="its private key (PEM)")
    tls_ca: Path | None = Field(None, description="who signs the peers' certificates (PEM): mutual TLS")
    http: ListenAddress = Field(Address(host="127.0.0.1", port=8042), description="the web door listens here")
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(words_of)] = Field(
        (), description="origins whose pages may ask us with a token, `https://viewer.example`, with spaces between"
    )
    embed_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(words_of)] = Field(
        (), description="origins whose pages may show the viewer in a frame, `https://emr.example`, with spaces between"
    )
    workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        ge=1,
        le=64,
        description="processes behind each door",
    )
    quiet: int = Field(60, ge=0, description="seconds without a new instance after which peers are told of a study")
    move_associations: int = Field(
        2, ge=1, le=16, description="associations opened at once with the destination of a large C-MOVE"
    )
    peers: Literal["known", "any"] = Field("known", description="who may open a DICOM association")
    renditions: bool = Field(True, description="frames are made anew in HTJ2K beside what was stored, for the viewer")
    delivery_days: int = Field(7, ge=1, le=365, description="how long a delivery that fails is tried again")
    display_days: int = Field(30, ge=1, le=3650, description="how often a screen is to be looked at with test patterns")
    query_limit: int = Field(20_000, ge=1, le=10_000_000, description="the most answers to one question")
    removed_days: int = Field(30, ge=0, le=3650, description="how long what was removed can be restored")
    login: Literal["required", "none"] = Field("required", description="`none` only while every door is on loopback")

    @field_validator("data", mode="after")
    @classmethod
    def _data_is_absolute(cls, data: Path) -> Path:
        return data.expanduser().absolute()

    @field_validator("database", mode="after")
    @classmethod
    def _database_has_a_default(cls, url: str, info: ValidationInfo) -> str:
        data = info.data.get("data", Path("data"))
        url = url.replace("$PACS_DATA", str(data)) or f"sqlite:///{data / 'index.sqlite'}"
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("begins with neither sqlite:/// nor postgresql+psycopg://")
        return url

    @field_validator("objects", mode="after")
    @classmethod
    def _objects_have_a_default(cls, url: str, info: ValidationInfo) -> str:
        data = info.data.get("data", Path("data"))
        url = url.replace("$PACS_DATA", str(data)) or f"file://{data / 'objects'}"
        if not url.startswith(("file://", "s3://", "memory:")):
            raise ValueError("begins with neither file://, s3:// nor memory:")
        return url

    @field_validator("cors_origins", "embed_origins", mode="after")
    @classmethod
    def _origins_are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin, such as https://viewer.example or http://10.0.0.7:3000")
        return origins

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if self.dicom_tls and not (self.tls_cert and self.tls_key):
            raise ValueError("PACS_DICOM_TLS needs PACS_TLS_CERT and PACS_TLS_KEY")
        return self

    @model_validator(mode="after")
    def _nobody_is_let_in_from_afar(self) -> Self:
        if self.login == "none" and not self.is_loopback:
            raise ValueError("PACS_LOGIN=none is accepted only while every door is bound to loopback")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether every door is bound to loopback alone."""
        doors = [self.dicom, self.http, *([self.dicom_tls] if self.dicom_tls else [])]
        return all(door.is_loopback for door in doors)

    @property
    def admits_any_peer(self) -> bool:
        """Any AE title may associate: said aloud, or because only this machine can knock."""
        dicom = [self.dicom, *([self.dicom_tls] if self.dicom_tls else [])]
        return self.peers == "any" or all(door.is_loopback for door in dicom)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, PacsToml(settings_cls)
