from typing import Any

import pytest

from commandcenter.engine.mustache import TemplateSyntaxError
from commandcenter.engine.templates import (
    MAX_OPERATIONS,
    MAX_OUTPUT_CHARACTERS,
    TemplateError,
    references,
    render_text,
    render_tree,
    template_names,
)

FACTS: dict[str, Any] = {
    "inputs": {
        "name": '<Ann & "Bob"\'s>',
        "count": 3,
        "ratio": 1.5,
        "yes": True,
        "nothing": None,
        "empty": "",
        "zero": 0,
        "list": [1, "two", {"three": 3}],
        "people": [{"name": "Ann", "age": 3}, {"name": "Bob", "age": 4}],
        "none": [],
        "object": {"a": {"b": "deep"}},
    },
    "nodes": {"a-b": {"outputs": {"score": 80}, "state": "succeeded", "error": None}},
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain { text } }}", "plain { text } }}"),
        ("{{inputs.count}}!", "3!"),
        ("{{ inputs.count }}\n", "3\n"),
        ("{{inputs.ratio}} {{inputs.yes}}", "1.5 true"),
        ("[{{inputs.nothing}}]", "[]"),
        ("{{nodes.a-b.outputs.score}}%", "80%"),
        ("{{inputs.name}}.", "&lt;Ann &amp; &quot;Bob&quot;'s&gt;."),
        ("{{{inputs.name}}}.", '<Ann & "Bob"\'s>.'),
        ("{{& inputs.name }}.", '<Ann & "Bob"\'s>.'),
        ("{{inputs.object.a.b}}/{{inputs.list.1}}", "deep/two"),
        ("{{{inputs.object}}}.", '{"a":{"b":"deep"}}.'),
        ("{{{inputs.list}}}.", '[1,"two",{"three":3}].'),
    ],
)
def test_interpolation(template: str, expected: str) -> None:
    assert render_text(template, FACTS) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{#inputs.yes}}on{{/inputs.yes}}", "on"),
        ("{{^inputs.yes}}off{{/inputs.yes}}", ""),
        ("{{#inputs.missing}}x{{/inputs.missing}}", ""),
        ("{{^inputs.missing.deeper}}none{{/inputs.missing.deeper}}", "none"),
        ("{{#nodes.x.outputs.y}}x{{/nodes.x.outputs.y}}", ""),
        ("{{#inputs.nothing}}x{{/inputs.nothing}}{{^inputs.nothing}}-{{/inputs.nothing}}", "-"),
        ("{{#inputs.empty}}x{{/inputs.empty}}{{^inputs.zero}}0{{/inputs.zero}}", "0"),
        ("{{#inputs.none}}x{{/inputs.none}}{{^inputs.none}}nobody{{/inputs.none}}", "nobody"),
        ("{{#inputs.people}}{{name}}={{age}};{{/inputs.people}}", "Ann=3;Bob=4;"),
        ("{{#inputs.list}}({{.}}){{/inputs.list}}", "(1)(two)({&quot;three&quot;:3})"),
        ("{{#inputs.people}}{{name}}{{inputs.count}} {{/inputs.people}}", "Ann3 Bob3 "),
        ("{{#inputs.people}}{{unknown}}.{{/inputs.people}}", ".."),
        ("{{#inputs.object}}{{#a}}{{b}}{{/a}}{{/inputs.object}}", "deep"),
        (
            "{{#inputs.people}}{{#inputs.people}}{{name}}{{/inputs.people}};{{/inputs.people}}",
            "AnnBob;AnnBob;",
        ),
        ("{{#inputs.people}}{{^missing}}{{name}}{{/missing}}{{/inputs.people}}", "AnnBob"),
        ("{{#inputs.count}}{{.}}{{/inputs.count}}", "3"),
    ],
)
def test_sections(template: str, expected: str) -> None:
    assert render_text(template, FACTS) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a{{! note }}b", "ab"),
        ("a\n{{! note }}\nb", "a\nb"),
        ("a\n  {{!\n two lines\n}}  \nb", "a\nb"),
        ("a {{! inline }}\nb", "a \nb"),
        ("{{!}}", ""),
        ("{{=<% %>=}}<%inputs.count%>{{x}}", "3{{x}}"),
        ("{{=| |=}}\n|inputs.count|\n|={{ }}=|\n{{inputs.count}}", "3\n3"),
        ("{{=<% %>=}}<%&inputs.name%> <%#inputs.yes%>!<%/inputs.yes%>", '<Ann & "Bob"\'s> !'),
        ("1\n{{#inputs.yes}}\n2\n{{/inputs.yes}}\n3\n", "1\n2\n3\n"),
        ("1\r\n  {{#inputs.yes}}\r\n2\r\n\t{{/inputs.yes}}\r\n3", "1\r\n2\r\n3"),
        ("  {{#inputs.yes}} x {{/inputs.yes}}\n", "   x \n"),
        ("{{#inputs.people}}\n- {{name}}\n{{/inputs.people}}\nend", "- Ann\n- Bob\nend"),
        ("{{#inputs.yes}}\n{{/inputs.yes}}", ""),
        ("x\n  {{^inputs.yes}}\n{{/inputs.yes}}", "x\n"),
        ("  {{inputs.count}}\n", "  3\n"),
        ("{{#inputs.yes}}\n\n{{/inputs.yes}}\n", "\n"),
    ],
)
def test_comments_delimiters_and_lines(template: str, expected: str) -> None:
    assert render_text(template, FACTS) == expected


def test_the_innermost_context_that_has_the_first_part_decides() -> None:
    context = {"a": {"b": 1}, "outer": {"a": {"c": 2}}}
    assert render_text("{{a.b}}{{#outer}}[{{a.b}}{{a.c}}]{{/outer}}", context) == "1[2]"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ("{{inputs.count}}", 3),
        ("{{{inputs.ratio}}}", 1.5),
        ("{{ inputs.yes }}", True),
        ("{{&inputs.list}}", [1, "two", {"three": 3}]),
        ("{{inputs.nothing}}", None),
        ("{{inputs.name}}", '<Ann & "Bob"\'s>'),
        (" {{inputs.count}}", " 3"),
        (
            {"a": ["{{inputs.object}}", 1, None, "x{{inputs.count}}"], "{{k}}": False},
            {"a": [{"a": {"b": "deep"}}, 1, None, "x3"], "{{k}}": False},
        ),
    ],
)
def test_a_whole_tag_keeps_its_type(tree: Any, expected: Any) -> None:
    result = render_tree(tree, FACTS)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("template", "words", "hint"),
    [
        ("{{inputs.nam}}", 'inputs.nam, but inputs has no "nam"', 'did you mean "name"?'),
        ("x {{inputs.nam}}", 'inputs has no "nam"', 'did you mean "name"?'),
        ("{{nodes.a-b.outputs.scor}}", 'nodes.a-b.outputs has no "scor"', '"score"'),
        ("{{nodes.c.outputs.x}}", 'nodes has no "c"', "section"),
        ("{{inputs.count.x}}", 'inputs.count has no "x"', "section"),
        ("{{inputs.nothing.x}}", "inputs.nothing is null", "section"),
        ("{{inputs.list.3}}", 'inputs.list has no "3"', "section"),
        ("{{run.id}}", "run.id, but it is not available", "section"),
        ("{{#inputs.people}}{{inputs.nam}}{{/inputs.people}}", 'inputs has no "nam"', '"name"'),
    ],
)
def test_what_is_missing_is_named(template: str, words: str, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_tree({"a": [template]}, FACTS)
    assert words in caught.value.detail
    assert caught.value.detail.startswith("a[0]: ")
    assert hint in str(caught.value.hint)


def test_methods_and_attributes_are_out_of_reach() -> None:
    context = {"inputs": {"text": "abc", "map": {"a": 1}}}
    for name in ("inputs.text.upper", "inputs.map.keys", "inputs.__class__", "inputs.map.items"):
        with pytest.raises(TemplateError):
            render_text(f"{{{{{name}}}}}!", context)
    assert render_text("{{#inputs.map.keys}}x{{/inputs.map.keys}}", context) == ""


@pytest.mark.parametrize(
    ("template", "words", "offset"),
    [
        ("a{{x", "is not closed", 1),
        ("a{{{x}}", "is not closed", 1),
        ("{{#x}}", "{{#x}} is not closed", 0),
        ("{{#x}}{{/y}}", "stands where {{/x}} is expected", 6),
        ("{{/x}}", "not open", 0),
        ("{{}}", "has no name", 0),
        ("{{# }}", "has no name", 0),
        ("{{a b}}", "white space", 0),
        ("{{a..b}}", "empty part", 0),
        ("{{.a}}", "empty part", 0),
        ("{{> part}}", "partials", 0),
        ("{{< base}}", "inheritance", 0),
        ("{{$ block}}", "inheritance", 0),
        ("{{=<%=}}", "set-delimiter", 0),
        ("{{= a b c =}}", "set-delimiter", 0),
        ("{{#a}}" * 40, "nested more than 32", 32 * 6),
        ("{{" + "x" * 600 + "}}", "too long", 0),
    ],
)
def test_malformed_templates(template: str, words: str, offset: int) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        template_names(template)
    assert words in str(caught.value)
    assert caught.value.offset == offset
    with pytest.raises(TemplateError):
        render_text(template, FACTS)


def test_references() -> None:
    tree = {
        "a": "{{inputs.x}} {{#nodes.n.outputs.list}}{{item}}{{.}}{{/nodes.n.outputs.list}}",
        "b": ["{{{run.id}}}", 5, None, {"c": "{{! inputs.no }}{{=[ ]=}}[trigger.payload.k]"}],
    }
    assert references(tree) == {
        "inputs.x",
        "nodes.n.outputs.list",
        "run.id",
        "trigger.payload.k",
    }


def test_the_size_of_the_result_is_bounded() -> None:
    context = {"inputs": {"big": "x" * (MAX_OUTPUT_CHARACTERS // 4)}}
    assert len(render_text("{{{inputs.big}}}" * 4, context)) == MAX_OUTPUT_CHARACTERS
    with pytest.raises(TemplateError, match="more than"):
        render_text("{{{inputs.big}}}" * 5, context)
    with pytest.raises(TemplateError, match="more than"):
        render_tree(["{{inputs.big}}"] * 5, context)


def test_the_work_is_bounded_even_without_a_result() -> None:
    template = "{{#inputs.l}}" * 5 + "{{/inputs.l}}" * 5
    with pytest.raises(TemplateError, match=f"{MAX_OPERATIONS:,} operations"):
        render_text(template, {"inputs": {"l": [1] * 100}})


def test_deep_values_are_refused_not_followed() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(TemplateError, match="too deep"):
        render_text("x{{inputs.deep}}", {"inputs": {"deep": deep}})
    with pytest.raises(TemplateError, match="nested more than"):
        render_tree(deep, {})
