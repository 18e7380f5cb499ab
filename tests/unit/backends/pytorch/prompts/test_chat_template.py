"""Claims about chat templates: a prompt is in what the model reads, or the template is named and refused."""

from __future__ import annotations

import itertools

import pytest

from llenergymeasure.backends.pytorch.prompts.template import ChatTemplate
from llenergymeasure.backends.pytorch.prompts.tokens import encode, unknown_fraction
from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.exceptions import BackendError
from tests.support.pytorch_runs import as_prompts

pytestmark = pytest.mark.model

PROMPTS = (
    "Why does bread go stale?",
    "a",
    "user",
    "",
    "  leading and trailing  ",
    "two\nlines\n\nand a third",
    "if (a < b && c > 'd') { return \"{{ x }}\"; }",
    "{% raise %} {{ content }} {# not a comment #}",
    "Größe, 東京, \U0001f600, e\u0301",
    "4815162342108",
    "word " * 300,
)
CONTENTS = (
    "{{ C }}",
    "{{ C | trim }}",
    "{{- C -}}",
    "{{ C | string }}",
    "{{ '' ~ C ~ '' }}",
    "{{ '%s' | format(C) }}",
    "{{ C.strip() + '\n' }}",
    "{% set x = C %}{{ x }}",
    "{% set ns = namespace(t='') %}{% set ns.t = ns.t + C %}{{ ns.t }}",
    "{% macro say(t) %}[{{ t }}]{% endmacro %}{{ say(C) }}",
    "{% if C is string %}{{ C }}{% else %}{% for p in C %}{{ p.text }}{% endfor %}{% endif %}",
    "{% for p in C %}{% if p['type'] == 'text' %}{{ p['text'] }}{% endif %}{% endfor %}",
    "{% for p in C %}{{ p.text }}{% endfor %}",
    "{{ C[0].text }}",
    "{{ C[0]['text'] | upper }}",
    "{{ C | selectattr('type', 'equalto', 'text') | map(attribute='text') | join }}",
    "{{ C | map(attribute='text') | first }}",
    "{{ C | upper }}",
    "{{ C | lower }}",
    "{{ C | e }}",
    "{{ C | tojson }}",
    "{{ C | reverse }}",
    "{{ C | length }}",
    "{{ C | replace('e', '') }}",
    "{{ C | truncate(10) }}",
    "{{ C | title }}",
    "{{ C | wordwrap(20) }}",
    "{{ C | urlencode }}",
    "{{ C | striptags }}",
    "{{ C | indent(4) }}",
    "{{ C[:5] }}",
    "{{ C[-5:] }}",
    "{{ C[::-1] }}",
    "{{ C.split() | first }}",
    "{{ C.split() | join(' ') }}",
    "{{ C | center(80) }}",
    "{{ C | list }}",
    "{{ C * 2 }}",
    "{{ D }}",
    "{{ D.x.y }}",
    "{{ D() }}",
    "{{ C.text }}",
    "{{ C | nothing }}",
    "{{ C",
    "{% if %}{{ C }}",
    "{{ 1 / 0 }}{{ C }}",
    "{{ C + 1 }}",
    "{{ raise_exception('no') }}{{ C }}",
    "{% for x in range(10 ** 9) %}{{ C }}{% endfor %}",
    "{% include 'other' %}{{ C }}",
    "{{ C.__class__.__mro__ }}",
    "{% set C = 'fixed' %}fixed",
    "fixed",
    "",
    "{{ messages }}",
    "{{ strftime_now('%Y') }} {{ C }}",
    "{{ tools[0].name }}{{ C }}",
    "{{ bos_token }}{{ C }}{{ eos_token }}",
    "{{ bos_token + C }}",
    "{% generation %}{{ C }}{% endgeneration %}",
    "{% raw %}{{ C }}{% endraw %}",
    "{# {{ C }} #}",
    "{% filter upper %}{{ C }}{% endfilter %}",
    "{% call x() %}{{ C }}{% endcall %}",
    "{{ caller() }}{{ C }}",
    "{% if loop %}{{ C }}{% endif %}",
    "{% if messages[0].role == 'system' %}{{ C }}{% endif %}",
    "{% if 'x' in C %}{{ C }}{% else %}no{% endif %}",
    "{{ C if C | length < 10 else 'long' }}",
    "{% for c in C %}{{ c }}{% break %}{% endfor %}",
    "{% for c in C %}{{ c }}{% endfor %}",
    "{% for c in C %}{{ loop.previtem }}{% endfor %}",
)
FRAMES = (
    "{% for message in messages %}<|{{ message.role }}|>BODY</s>{% endfor %}<|assistant|>",
    "{%- for message in messages -%}\n  BODY\n{%- endfor -%}\n{{- 'user assistant a' -}}",
    "{% set message = messages[-1] %}{% if message.role != 'user' %}{{ raise_exception('x') }}{% endif %}BODY",
)
CORPUS = tuple(
    frame.replace("BODY", body.replace("C", "message.content" if "message.content" not in body else "C"))
    for frame, body in itertools.product(FRAMES, CONTENTS)
)


@pytest.fixture(scope="module")
def tokenizer(tiny_llama):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_llama)


def _rendered(tokenizer: object, source: object) -> list[tuple[str, str]]:
    """Each prompt and its text in the template, without those that are refused in one sentence."""
    tokenizer.chat_template = source  # type: ignore[attr-defined]
    template = ChatTemplate(tokenizer)
    answers = [(prompt, _text_or_refusal(template, prompt)) for prompt in PROMPTS]
    refusals = [str(each) for _, each in answers if isinstance(each, BackendError)]
    for refusal in refusals:
        assert "the chat template (" in refusal
        assert "workload.chat_template: false" in refusal
        assert "\n" not in refusal
    return [(prompt, each) for prompt, each in answers if isinstance(each, str)]


def _text_or_refusal(template: ChatTemplate, prompt: str) -> str | BackendError:
    try:
        return template.render(prompt, "p0")
    except BackendError as refusal:
        return refusal


def test_no_template_of_the_corpus_loses_a_prompt_without_a_word(tokenizer):
    assert len(CORPUS) > 200
    kept = 0
    for source in CORPUS:
        for prompt, text in _rendered(tokenizer, source):
            kept += 1
            assert prompt.strip() in text, source
    assert kept > len(CORPUS)


def test_a_template_that_keeps_prompts_is_never_refused(tokenizer):
    for body in CONTENTS[:13]:
        source = FRAMES[0].replace("BODY", body.replace("C", "message.content"))
        assert len(_rendered(tokenizer, source)) == len(PROMPTS), source


@pytest.mark.parametrize("prompt", ["user", "a", "assistant", "</s>"])
def test_a_prompt_that_the_template_writes_itself_is_not_taken_for_kept(tokenizer, prompt):
    tokenizer.chat_template = "<|user|>user a</s><|assistant|>"
    with pytest.raises(BackendError, match="does not keep prompt p7"):
        ChatTemplate(tokenizer).render(prompt, "p7")


def test_a_template_that_reads_content_parts_is_given_parts(tokenizer):
    tokenizer.chat_template = (
        "{% for m in messages %}<|{{ m['role'] }}|>{% for p in m['content'] %}"
        "{% if p['type'] == 'text' %}{{ p['text'] }}{% endif %}{% endfor %}{% endfor %}<|assistant|>"
    )
    assert ChatTemplate(tokenizer).render("Hello there", "p0") == "<|user|>Hello there<|assistant|>"


@pytest.mark.parametrize(
    "body", ["C[:20]", "C | truncate(20)", "(C | list)[0]", "C[:20] | tojson", "C[:9] | string"]
)
def test_a_template_that_cuts_text_is_not_given_parts_to_print(tokenizer, body):
    """Of a list it would print all, as Python writes it: the prompt would be in the text, within braces."""
    text = body.replace("C", "m.content")
    tokenizer.chat_template = "<s>{% for m in messages %}{{ " + text + " }}{% endfor %}A:"
    with pytest.raises(BackendError, match="does not keep prompt p7"):
        ChatTemplate(tokenizer).render("What is the capital of France, and of which river?", "p7")
    assert ChatTemplate(tokenizer).opens_answer() is None


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("{{ raise_exception('first a system message') }}", "TemplateError: first a system message"),
        ("{% for %}", "TemplateSyntaxError"),
        ("{{ nobody.knows.this }}", "UndefinedError"),
        ({"tool_use": "{{ messages[0].content }}", "rag": "x"}, "ValueError: This model has multiple"),
        ({"default": "{{ raise_exception('') }}"}, "TemplateError without a text"),
        (7, "Error"),
    ],
)
def test_a_template_that_fails_is_named_with_its_cause(tokenizer, source, cause):
    tokenizer.chat_template = source
    with pytest.raises(BackendError, match="fails on one user message") as refusal:
        ChatTemplate(tokenizer).render("Hello", "p0")
    assert cause in str(refusal.value)


@pytest.mark.parametrize("raised", [SystemExit(3), RuntimeError(), OSError("x\ny")])
def test_a_tokenizer_of_ones_own_that_raises_anything_is_named(tokenizer, raised):
    class Own:
        chat_template = "x"
        name_or_path = "somewhere"

        def apply_chat_template(self, *_args: object, **_given: object) -> str:
            raise raised

    with pytest.raises(BackendError, match="the chat template"):
        ChatTemplate(Own()).render("Hello", "p0")


@pytest.mark.parametrize(
    ("source", "opens"),
    [
        ("{{ messages[0].content }}</s>\n", False),
        ("<|user|>{{ messages[0].content }}", False),
        ("{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}", False),
        (
            "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
            "{% if add_generation_prompt %}</s>{% endif %}",
            False,
        ),
        (
            "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
            "{% if add_generation_prompt %}<|assistant|>{% endif %}",
            True,
        ),
        (
            "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}"
            "{% endif %}{% endfor %}",
            True,
        ),
        ("[INST] {{ messages[0].content }} [/INST]", None),
        ("{% for p in messages[0].content %}{{ p.text }}{% endfor %}", False),
        ("{{ raise_exception('no') }}", None),
    ],
)
def test_whether_a_template_asks_for_an_answer(tokenizer, source, opens):
    tokenizer.chat_template = source
    assert ChatTemplate(tokenizer).opens_answer() is opens


LLAMA = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = "
    "strftime_now('%d %b %Y') %}{%- else %}{%- set date_string = '26 Jul 2024' %}{%- endif %}{%- endif %}Today Date: "
    "{{ date_string }}\n{{ messages[0].content }}"
)


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        (LLAMA, True),
        (
            "{% macro day() %}{{ strftime_now('%d') }}{% endmacro %}{{ day() }} {{ messages[0].content }}",
            True,
        ),
        ("{{ strftime_now('%H:%M:%S.%f') }} {{ messages[0].content }}", True),
        ("{% for p in messages[0].content %}{{ p.text }}{% endfor %}{{ strftime_now('%Y') }}", True),
        ("{{ messages[0].content }}", False),
        ("{% set day = '26 Jul 2024' %}{{ day }} {{ messages[0].content }}", False),
        ("{% if strftime_now is defined %}{{ messages[0].content }}{% endif %}", False),
        ("{% if messages | length > 5 %}{{ strftime_now('%Y') }}{% endif %}{{ messages[0].content }}", False),
        ("{# strftime_now #}{{ messages[0].content }}", False),
        ("{{ strftime_now('%Y') }}{{ raise_exception('no') }}", None),
    ],
)
def test_whether_a_template_reads_the_clock(tokenizer, source, reads):
    tokenizer.chat_template = source
    assert ChatTemplate(tokenizer).reads_clock() is reads


class _Tokenizer:
    """A tokenizer that gives what it is told to."""

    chat_template = None
    name_or_path = "somewhere"
    unk_token_id, bos_token_id, eos_token_id, pad_token_id = 3, 0, 1, 2

    def __init__(self, ids: object) -> None:
        self._ids = ids

    def __call__(self, text: str, **_given: object) -> dict[str, object]:
        if isinstance(self._ids, BaseException):
            raise self._ids
        return {"input_ids": self._ids}


@pytest.mark.parametrize("ids", [[4, 5], [3, 3, 3]])
def test_prompts_that_all_become_the_same_tokens_are_refused(ids):
    with pytest.raises(BackendError, match="all 2 different prompts become the same"):
        encode(_Tokenizer(ids), as_prompts(["one", "two"]), WorkloadConfig(), 100)


@pytest.mark.parametrize(
    "ids", [[-1], ["a"], [None, 4], [[1, 2]], [True], None, 7, SystemExit(1), RuntimeError("")]
)
def test_a_tokenizer_that_gives_no_token_ids_is_refused(ids):
    with pytest.raises(BackendError, match="the model's tokenizer fails"):
        encode(_Tokenizer(ids), as_prompts(["one"]), WorkloadConfig(), 100)


def test_unknown_tokens_are_counted():
    assert unknown_fraction(_Tokenizer([]), [[3, 4], [3, 3]]) == 0.75
    tokenizer = _Tokenizer([])
    tokenizer.bos_token_id = 3  # has a meaning of its own
    assert unknown_fraction(tokenizer, [[3, 4]]) is None
