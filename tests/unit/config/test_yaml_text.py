"""Claims about how YAML text is read."""

from __future__ import annotations

import pytest

from llenergymeasure.config.yaml_text import TextFault, parse_text


def fault(text: str) -> TextFault:
    with pytest.raises(TextFault) as caught:
        parse_text(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-2.5E+3", -2500.0),
        (".5", 0.5),
        ("0x1f", 31),
        ("0o17", 15),
        ("010", 10),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("'7'", "7"),
        ("[nvml, rapl]", ["nvml", "rapl"]),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = parse_text(text).value
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t: 1e400", "1e400 is larger than any number can be (1.8e308): put it in quotes if it is text"),
        ("t: -1e400", "-1e400 is larger than any number can be (1.8e308): put it in quotes if it is text"),
        ("t: [0.001, 1e-400]", "1e-400 is too close to 0 to be told from it: write 0"),
        (f"t: 0x{'f' * 5000}", f"0x{'f' * 38}... is a number that cannot be read"),
        (f"t: {'9' * 5000}", f"{'9' * 40}... is a number that cannot be read"),
    ],
)
def test_a_number_that_would_become_another_is_refused_as_it_was_typed(text: str, said: str) -> None:
    assert fault(text).sentence == said


@pytest.mark.parametrize("text", ["0e-999", "-0.0", "1e-320", "1.7e308"])
def test_numbers_at_the_edge_are_read(text: str) -> None:
    assert parse_text(text).value == float(text)


def test_every_key_and_list_item_has_its_line() -> None:
    document = parse_text("a: 1\nb:\n  c:\n    - 5\n    - {d: 2}\n")
    assert document.lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", "0"): 4,
        ("b", "c", "1"): 5,
        ("b", "c", "1", "d"): 5,
    }


def test_merge_keys_work_and_own_keys_win() -> None:
    document = parse_text("base: &base {m: 1, n: 2}\nmine:\n  n: 3\n  <<: *base\n")
    assert document.value["mine"] == {"m": 1, "n": 3}
    assert document.lines["mine", "n"] == 3


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    caught = fault("model: a\nbackend: x\nmodel: b\n")
    assert (caught.line, caught.column) == (3, 1)
    assert "'model' is here twice; it is also on line 1" in str(caught)
    assert caught.in_file("x.yaml").startswith("x.yaml:3:1: ")


def test_a_tab_is_called_a_tab() -> None:
    caught = fault("a:\n\tb: 1\n")
    assert caught.line == 2
    assert "indent with spaces" in str(caught)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b: c", "a colon where none can be"),
        ("a: [1,", "not valid YAML"),
        ("a: 'x", "not valid YAML"),
        ("a: *nope", "undefined alias"),
        ("--- a\n--- b", "one configuration per file"),
        ("a: \x00", "not YAML text"),
        ("1: a", "a key is text"),
        ("[1]: a", "a key is text"),
        ("a: !!binary aGk=", "the tag !!binary"),
        ("a: !!python/object:os.system {}", "the tag"),
        ("a: !!int zz", "a number that cannot be read"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_no_configuration_is_refused_in_words(text: str, words: str) -> None:
    assert words in str(fault(text))


def test_a_few_lines_of_aliases_cannot_name_billions_of_values() -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "more than 20000 values" in str(fault("\n".join(bomb)))


def test_a_value_that_holds_itself_is_refused() -> None:
    assert "more than 20000 values" in str(fault("a: &a [*a]"))
