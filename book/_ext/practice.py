"""Predictions, quizzes, the game, threat cards, the glossary's tool tips: HTML without script."""

import functools
import re

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from tools.game import rounds, tally
from tools.lessons import CARD, read
from tools.plain import glued

MARK = re.compile(r"\(([ x])\)\s+")


class element(nodes.General, nodes.Element):
    """An HTML element."""


def html(tag, *children, classes=(), **attributes):
    return element("", *children, tag=tag, classes=list(classes), attributes=attributes)


def text(words, tag=nodes.inline, classes=()):
    return tag("", words, classes=list(classes))


def phrase(paragraph):
    """A paragraph's content where HTML allows no paragraph."""
    return nodes.inline("", "", *paragraph.deepcopy().children)


class Practice(SphinxDirective):
    has_content = True

    def fresh_id(self):
        return f"practice-{self.env.new_serialno('practice')}"

    def body(self):
        self.assert_has_content()
        return self.parse_content_to_nodes()

    def question(self, body, title):
        """The legend, and what of the question is more than its first paragraph."""
        if not body or not isinstance(body[0], nodes.paragraph):
            raise self.error(f"{self.name}: begin with the question, in a sentence")
        return [html("legend", text(title, classes=["practice-title"]), nodes.Text(" "),
                     phrase(body[0])), *body[1:]]

    def choices(self, body):
        """The blocks before the list of choices, and its items; each begins with a paragraph."""
        if not body or not isinstance(body[-1], nodes.bullet_list):
            raise self.error(f"{self.name}: the list of choices must be there, and come last")
        items = [item.children for item in body[-1]]
        if len(items) < 2 or not all(item and isinstance(item[0], nodes.paragraph)
                                     for item in items):
            raise self.error(f"{self.name}: two or more choices are needed, each with words")
        return body[:-1], items

    def radios(self, choices):
        group = self.fresh_id()
        for number, choice in enumerate(choices, 1):
            name = f"{group}-{number}"
            yield html("div", html("input", type="radio", name=group, ids=[name],
                                   value=f"{number}. {choice.astext()}", autocomplete="off"),
                       html("label", phrase(choice), **{"for": name}),
                       classes=["practice-choice"])


class Quiz(Practice):
    """A question, and a reply to each choice; `(x)` marks the right one."""

    def run(self):
        question, items = self.choices(self.body())
        right = [self.unmark(number, item) for number, item in enumerate(items, 1)]
        if sum(right) != 1:
            raise self.error(f"quiz: exactly one choice is marked (x), not {sum(right)}")
        answers = nodes.bullet_list("", *map(self.answer, items, right))
        return [html(
            "fieldset", *self.question(question, "Quiz"), *self.radios(item[0] for item in items),
            html("button", nodes.Text("Check"), type="button", hidden="hidden"),
            html("div", classes=["practice-reply"], **{"aria-live": "polite"}),
            html("details", html("summary", nodes.Text("Answers")), answers),
            classes=["practice", "quiz"])]

    def unmark(self, number, item):
        """Whether this is the right choice; its mark is taken off."""
        first = item[0].children[0]
        mark = isinstance(first, nodes.Text) and MARK.match(first)
        if not mark:
            raise self.error(f"quiz: choice {number} must begin with ( ) or (x) and a blank")
        if len(item) < 2:
            raise self.error(f"quiz: choice {number} has no reply: an indented paragraph below it")
        item[0][0] = nodes.Text(first[mark.end():])
        return mark[1] == "x"

    def answer(self, item, right):
        reply = [node.deepcopy() for node in item[1:]]
        if not isinstance(reply[0], nodes.paragraph):
            reply.insert(0, nodes.paragraph())
        word = text("Right." if right else "Not quite.", nodes.strong)
        reply[0].insert(0, [word, nodes.Text(" ")])
        return nodes.list_item("", nodes.paragraph("", "", phrase(item[0])), *reply)


class Predict(Practice):
    """A guess of the reader's, kept in the browser: one of a list, or with `:number:` a number."""

    required_arguments = 1
    option_spec = {"number": directives.unchanged_required}   # noqa: RUF012

    def run(self):
        body, number = self.body(), self.options.get("number")
        if number is None:
            question, items = self.choices(body)
            if any(len(item) > 1 for item in items):
                raise self.error("predict: a choice is one paragraph; the answer is in predicted")
            fields = self.radios(item[0] for item in items)
        elif any(isinstance(node, nodes.bullet_list) for node in body):
            raise self.error("predict: a list of choices or :number:, not both")
        else:
            question, fields = body, [self.number(number)]
        box = html("fieldset", *self.question(question, "Your prediction"), *fields,
                   html("button", nodes.Text("Clear"), type="button", hidden="hidden"),
                   html("div", classes=["practice-reply"], **{"aria-live": "polite"}),
                   classes=["practice", "predict"], **{"data-predict": self.arguments[0]})
        self.set_source_info(box)
        return [box]

    def number(self, words):
        name = self.fresh_id()
        return html("div", html("label", nodes.Text(words), **{"for": name}), nodes.Text(" "),
                    html("input", type="number", step="any", ids=[name], autocomplete="off"),
                    classes=["practice-choice"])


class Predicted(Practice):
    """The answer to a prediction, with the reader's own before it."""

    required_arguments = 1

    def run(self):
        said = html("p", nodes.Text("You said: "), html("b"), classes=["said"], hidden="hidden")
        box = html("div", said, *self.body(),
                   classes=["practice", "predicted"], **{"data-predict": self.arguments[0]})
        self.set_source_info(box)
        return [box]


class Play(Practice):
    """The membership game: rounds that a cell of the page glued as JSON, and a rule to beat."""

    required_arguments = 1

    def run(self):
        try:
            played = rounds(glued(read(self.env.doc2path(self.env.docname)))[self.arguments[0]])
        except (KeyError, ValueError) as error:
            raise self.error(f"play: no cell of this page glues the rounds of a game: {error}"
                             ) from error
        answers = nodes.enumerated_list("", *(nodes.list_item("", text(one.answer, nodes.paragraph))
                                              for one in played))
        return [html(
            "fieldset", *self.question(self.body(), "The game"), self.table(played),
            html("div", *(html("button", nodes.Text(name), type="button")
                          for name in ("Member", "Non-member")),
                 classes=["play-guess"], hidden="hidden"),
            html("div", classes=["practice-reply"], tabindex="-1", **{"aria-live": "polite"}),
            html("details", html("summary", nodes.Text("Answers")), answers,
                 text(f"Of these, {tally(played)}.", nodes.paragraph)),
            classes=["practice", "play"])]

    def table(self, played):
        head = html("tr", *(html("th", nodes.Text(name), scope="col")
                            for name in ("Record", "Largest posterior")))
        rows = [html("tr", html("th", nodes.Text(f"{number}"), scope="row"),
                     html("td", nodes.Text(one.shown)),
                     **{"data-member": f"{one.member}".lower(), "data-rule": f"{one.rule}".lower()})
                for number, one in enumerate(played, 1)]
        return html("table", html("thead", head), html("tbody", *rows), classes=["table"])


class Threat(Practice):
    """The threat-model card: fixed lines, those struck that this adversary does not need."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"struck": directives.unchanged}   # noqa: RUF012

    def run(self):
        struck = [key for key in map(str.strip, self.options.get("struck", "").split(",")) if key]
        if unknown := [key for key in struck if key not in CARD]:
            raise self.error(f"threat: unknown in :struck: {', '.join(unknown)}; "
                             f"there are {', '.join(CARD)}")
        title = self.fresh_id()
        lines = nodes.bullet_list("", *(self.line(CARD[key], key in struck) for key in CARD))
        return [html("div", html("p", text(f"{self.arguments[0]}: what she needs"),
                                 ids=[title], classes=["practice-title"]),
                     *self.body(), lines, classes=["practice", "threat"],
                     role="group", **{"aria-labelledby": title})]

    def line(self, words, struck):
        content = text(words)
        if struck:
            content = html("s", text("not needed: ", classes=["practice-aloud"]), content)
        return nodes.list_item("", nodes.paragraph("", "", content),
                               classes=["struck"] if struck else [])


class Partners(SphinxTransform):
    """Each prediction is answered on its page, and each answer was asked for."""

    default_priority = 500

    def apply(self, **kwargs):
        asked, answered = {}, {}
        for box in self.document.findall(element):
            if key := box["attributes"].get("data-predict"):
                boxes = asked if "predict" in box["classes"] else answered
                if key in boxes:
                    self.complain(box, f"{key}: this id is taken on this page")
                boxes[key] = box
        for key in asked:
            if key not in answered:
                self.complain(asked[key], f"predict {key}: no predicted {key} on this page")
        for key in answered:
            if key not in asked:
                self.complain(answered[key], f"predicted {key}: no predict {key} on this page")

    def complain(self, box, message):
        self.document.reporter.error(message, base_node=box)


def open_element(self, node):
    attributes, empty = node["attributes"], node["tag"] == "input"
    self.body.append(self.starttag(node, node["tag"], "", empty=empty, **attributes))


def close_element(self, node):
    if node["tag"] != "input":
        self.body.append(f"</{node['tag']}>")


def plain(self, node):
    """In print and in plain text: what it holds, unless that is for the script alone."""
    if "hidden" in node["attributes"]:
        raise nodes.SkipNode


def nothing(self, node):
    pass


@functools.cache
def definitions(env, builder, glossary):
    """What a page of terms says of each, by the term's anchor, without links and anchors in it."""
    found = {}
    for item in env.get_and_resolve_doctree(glossary, builder).findall(nodes.definition_list_item):
        said = item.children[-1].deepcopy()
        for link in list(said.findall(nodes.reference)):
            link.parent.replace(link, link.children)
        for node in said.findall(nodes.Element):
            node["ids"] = []
        found |= {name: said.children for term in item.findall(nodes.term) for name in term["ids"]}
    return found


def linked_terms(doctree):
    for link in doctree.findall(nodes.reference):
        if any("std-term" in node["classes"] for node in link.findall(nodes.inline)):
            yield link.get("refid") or link["refuri"].rpartition("#")[2]


def add_definitions(app, pagename, templatename, context, doctree):
    """The definitions of the terms that a page links to, hidden at its end."""
    env, builder = app.env, app.builder
    pages = {anchor: page for (kind, _), (page, anchor) in env.domains["std"].objects.items()
             if kind == "term"}
    linked = sorted(set(linked_terms(doctree)) & pages.keys()) if doctree else []
    tips = [html("div", *[node.deepcopy() for node in definitions(env, builder, pages[name])[name]],
                 ids=[f"tip-{name}"], role="tooltip", hidden="hidden", classes=["practice-tip"])
            for name in linked]
    context["body"] = context.get("body", "") + "".join(
        builder.render_partial(tip)["fragment"] for tip in tips)
    if any(tip.next_node(nodes.math) for tip in tips):
        env.domains["math"].data["has_equations"][pagename] = True    # and so MathJax is loaded


def setup(app):
    others = dict.fromkeys(["latex", "text", "man", "texinfo"], (plain, nothing))
    app.add_node(element, html=(open_element, close_element), **others)
    for directive in Quiz, Predict, Predicted, Play, Threat:
        app.add_directive(directive.__name__.lower(), directive)
    app.add_transform(Partners)
    app.connect("html-page-context", add_definitions, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
