"""ServingSettings: where a model is served, to whom, and how much may wait."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from rankdistill.errors import UsageError

KEY_VARIABLE = "RANKDISTILL_API_KEY"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ServingSettings:
    """Where a model is served, to whom, and how much may wait."""

    host: str = "127.0.0.1"
    """Address to listen on; the default takes requests of this machine alone, 0.0.0.0 those of others, too."""
    port: int = 8080
    """Port to listen on; 0 takes a free one, which is printed."""
    api_key: str | None = None
    """Key that clients must send as 'Authorization: Bearer KEY'. [default: the environment's RANKDISTILL_API_KEY; none
    where it is not set]"""
    model_name: str | None = None
    """Name of the model in responses. [default: the last two parts of its path]"""
    round_tokens: int = 16384
    """Tokens that are scored before requests which arrived meanwhile join in: a large number for throughput, a small
    one so that no request waits for a longer one."""
    max_waiting: int = 4096
    """Documents that may wait to be scored; a request beyond that is refused with 429 and told when to try again."""
    max_documents: int = 10_000
    """Documents in one request."""
    max_body: float = 64.0
    """Size of one request in MB."""

    kept_texts: int = 100_000
    """Texts of which a BiLSTM student's tokens and states are kept, so that a document of many queries is read once, by
    torch on a CPU in float32; 0 keeps none. Exported files and other models read query and document together, and keep
    nothing."""

    def __post_init__(self) -> None:
        if not self.host.strip():
            raise UsageError("the host is empty, expected an address such as 127.0.0.1")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"the port must be 0 to 65535, got {self.port}")
        for name in ("round_tokens", "max_waiting", "max_documents"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.kept_texts < 0:
            raise UsageError(f"kept_texts must be 0 or more, got {self.kept_texts}")
        if not (math.isfinite(self.max_body) and self.max_body > 0):
            raise UsageError(f"max_body must be a number above 0, got {self.max_body}")
        if self.key is not None and (not self.key or not self.key.isascii() or not self.key.isprintable()):
            raise UsageError("the API key must be printable ASCII text that is not empty, as a header carries it")

    @property
    def key(self) -> str | None:
        """The key that clients must send; None where everybody is served."""
        return self.api_key if self.api_key is not None else os.environ.get(KEY_VARIABLE)

    @property
    def is_open(self) -> bool:
        """Whether others than this machine are served without a key."""
        return self.key is None and self.host not in LOOPBACK and not self.host.startswith("127.")
