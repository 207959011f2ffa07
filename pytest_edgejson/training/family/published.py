"""Published figures of the Maaza models that models.toml has no place for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# As published with Maaza-MLM-135M-JSON-v1 and Maaza-SLM-360M-JSON-v1; both ablations are of the former.
BY_RANK: Mapping[int, float] = {8: 0.221, 16: 0.247, 32: 0.249}
"""JSONExact by rank of the adapter, trained on 629 cases."""
BY_CASES: Mapping[int, float] = {157: 0.162, 314: 0.208, 629: 0.247}
"""JSONExact by number of train cases, at rank 16."""
TRAINED_PARAMETERS: Mapping[str, str] = {"maaza-mlm-135m": "4.88M", "maaza-slm-360m": "17.4M"}
"""Parameters of the adapters."""
