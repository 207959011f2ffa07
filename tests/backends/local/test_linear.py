"""Packed linear layers: the same products, from one copy of the weights."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest

torch = pytest.importorskip("torch")

from pytest_edgejson.backends.local.linear import PackedLinear, pack  # noqa: E402

# Where the processor has none, everything stays as it was, and that is tested too.
PACKS = torch.backends.cpu.get_cpu_capability().startswith("AVX")
needs_packing = pytest.mark.skipif(not PACKS, reason="this processor has no packed layers")


def network(*, bias: bool = True, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(24, 40, bias=bias), torch.nn.GELU(), torch.nn.Sequential(torch.nn.Linear(40, 7, bias=bias))
    ).to(dtype)


@needs_packing
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 24), (3, 1, 24), (2, 70, 24), (0, 24)])
def test_the_products_are_the_same(bias: bool, shape: tuple[int, ...]) -> None:
    plain = network(bias=bias)
    packed = copy.deepcopy(plain)
    assert pack(packed) == 2
    inputs = torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(packed(inputs), plain(inputs))
    assert packed(inputs).shape == (*shape[:-1], 7)


@needs_packing
def test_the_weights_are_there_for_whoever_looks_at_them() -> None:
    plain = network()
    packed = copy.deepcopy(plain)
    pack(packed)
    layer = packed[0]
    assert isinstance(layer, PackedLinear)
    assert torch.equal(layer.weight, plain[0].weight)
    assert layer.weight.dtype == torch.float32
    assert (layer.in_features, layer.out_features) == (24, 40)


@needs_packing
def test_the_plain_weights_are_freed() -> None:
    packed = network()
    weight = weakref.ref(packed[0].weight)
    pack(packed)
    gc.collect()
    assert weight() is None


@needs_packing
def test_an_embedding_that_shares_its_weights_keeps_them() -> None:
    module = torch.nn.Module()
    module.embedding = torch.nn.Embedding(11, 5)
    module.head = torch.nn.Linear(5, 11, bias=False)
    module.head.weight = module.embedding.weight
    tokens = torch.arange(11)
    expected = torch.nn.functional.linear(module.embedding(tokens), module.embedding.weight)
    assert pack(module) == 1
    torch.testing.assert_close(module.head(module.embedding(tokens)), expected)


def test_what_is_no_plain_linear_layer_stays() -> None:
    class Quantised(torch.nn.Linear):
        pass

    module = torch.nn.Sequential(Quantised(4, 4), torch.nn.Linear(4, 4, dtype=torch.float64), torch.nn.LayerNorm(4))
    kinds = [type(layer) for layer in module]
    assert pack(module) == 0
    assert [type(layer) for layer in module] == kinds


@pytest.mark.skipif(
    not PACKS or not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor emulates bfloat16"
)
def test_bfloat16() -> None:
    plain = network(dtype=torch.bfloat16)
    packed = copy.deepcopy(plain)
    assert pack(packed) == 2
    inputs = torch.randn(9, 24, dtype=torch.bfloat16)
    with torch.inference_mode():
        torch.testing.assert_close(packed(inputs), plain(inputs), rtol=0.05, atol=0.05)


def test_a_processor_without_the_instructions_keeps_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    module = network()
    assert pack(module) == 0
    assert type(module[0]) is torch.nn.Linear
