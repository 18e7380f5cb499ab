"""OpenVINO GenAI as a backend of llenergymeasure: it reads a GGUF file and serves one request after another."""

import os

from llenergymeasure.backends.gguf import gguf_file, gguf_refusals
from llenergymeasure.backends.host_memory import HostPeak
from llenergymeasure.backends.prompts import encode_requests
from llenergymeasure.backends.records import answered
from llenergymeasure.config.base import Section
from llenergymeasure.domain.model.files.gguf_header import read_gguf_header
from llenergymeasure.domain.model.files.gguf_tokenizer import ordinary_ids
from llenergymeasure.domain.model.gguf_info import gguf_model_info
from llenergymeasure.exceptions import BackendError
from llenergymeasure.plugins import Plugin
from pydantic import Field

OPENVINO = Plugin(
    name="openvino",
    target="llem_openvino:OpenVINOBackend",
    requires=("openvino_genai",),
    install="pip install openvino-genai",
    options="llem_openvino:OpenVINOOptions",
    capabilities=frozenset({"keeps_no_prefixes"}),
)


class OpenVINOOptions(Section):
    """The `openvino:` section."""

    num_threads: int = Field(0, ge=0, le=10_000)
    """Processor threads of one operation; 0: as many as OpenVINO chooses."""


class OpenVINOBackend:
    """What each method is for says `llenergymeasure.backends.base`."""

    name = "openvino"

    def check(self, config):
        refusals = gguf_refusals(config)
        if config.device != "cpu":
            refusals.append("OpenVINO has no device: cuda: set device: cpu")
        if config.passthrough_kwargs:
            refusals.append("OpenVINO takes no passthrough_kwargs: remove them")
        return refusals

    def attach(self, config, clock):
        """There is no context of a device to create."""

    def load(self, config, clock):
        import openvino_genai

        file, options = gguf_file(config), config.options_of("openvino", OpenVINOOptions)
        no_cache = openvino_genai.SchedulerConfig()
        no_cache.enable_prefix_caching = False
        try:
            self.pipeline = openvino_genai.LLMPipeline(
                str(file), "CPU", scheduler_config=no_cache, INFERENCE_NUM_THREADS=options.num_threads
            )
        except RuntimeError as error:
            last = str(error).strip().splitlines()[-1]
            raise BackendError(f"OpenVINO does not load {file}: {last} → choose another file") from None
        unknown = {"steps": "OpenVINO GenAI does not report its iterations"}
        self.info = gguf_model_info(config.model, file, devices=("cpu",), unknown=unknown)
        self.ordinary = ordinary_ids(file, read_gguf_header(file))
        self.config, self.clock, self.host_peak = config, clock, HostPeak()
        self.settings = generation_settings(self.pipeline.get_generation_config(), config)
        return self.info

    def encode(self, prompts):
        tokens = Tokens(self.pipeline.get_tokenizer(), self.ordinary, self.info.vocab_size)
        return encode_requests(tokens, prompts, self.config.workload, self.info.context_length)

    def max_batch_size(self):
        return 1

    def run(self, requests, done):
        for request in requests:
            done(self.serve(request))

    def serve(self, request):
        import numpy
        import openvino
        import openvino_genai

        times, clock = [], self.clock

        class Times(openvino_genai.StreamerBase):  # is told every token, the end of the sequence too
            def write(self, token):
                times.append(clock.now_ns())
                return openvino_genai.StreamingStatus.RUNNING

            def end(self):
                """Nothing is held back."""

        prompt = openvino.Tensor(numpy.array([request.encoded.token_ids], dtype=numpy.int64))
        self.settings.rng_seed = self.config.random_seed + request.encoded.index
        sent = clock.now_ns()
        answer = self.pipeline.generate(prompt, self.settings, Times())
        has_ended = answer.finish_reasons[0] == openvino_genai.GenerationFinishReason.STOP
        return answered(
            request,
            sent_unix_ns=sent,
            token_unix_ns=times,
            output_tokens=len(answer.tokens[0]),
            closed_unix_ns=clock.now_ns(),
            finish_reason="stop" if has_ended else "length",
            cached_prompt_tokens=0,
        )

    def processes(self):
        return [os.getpid()]

    def synchronize(self):
        """An answer is there when `run` returns."""

    def reset_peak_memory(self):
        self.host_peak.reset()

    def peak_memory_bytes(self):
        return self.host_peak.read()

    def close(self):
        self.pipeline = None


class Tokens:
    """The model's tokenizer, as `llenergymeasure.backends.prompts` asks for one."""

    def __init__(self, tokenizer, ordinary, n_rows):
        self.tokenizer, self.ordinary, self.n_rows = tokenizer, ordinary, n_rows

    def text_ids(self, text):
        return self.ids(text, add_special_tokens=True)

    def chat_ids(self, prompt):
        messages = [{"role": "user", "content": prompt.text}]
        text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        return self.ids(text, add_special_tokens=False)

    def ids(self, text, **how):
        return self.tokenizer.encode(text, **how).input_ids.data[0].tolist()

    def ordinary_ids(self):
        return self.ordinary


def generation_settings(settings, config):
    """State all that decides on an answer, so that nothing is left to what the model's file recommends."""
    decoder = config.decoder
    settings.max_new_tokens, settings.ignore_eos = config.workload.max_output_tokens, decoder.ignore_eos
    settings.repetition_penalty = decoder.repetition_penalty or 1.0
    settings.do_sample = decoder.preset == "sampling"
    if settings.do_sample:
        settings.temperature, settings.top_p = decoder.temperature or 1.0, decoder.top_p or 1.0
        settings.top_k = decoder.top_k or 2**31
    return settings
