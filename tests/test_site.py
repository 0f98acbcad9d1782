"""The built site in a headless Chromium, from file://, at three widths, in light and in dark."""

import functools
import re
from contextlib import suppress
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

import axe_playwright_python
import matplotlib.pyplot as plt
import pytest
from conftest import skip_or_fail
from playwright.sync_api import TimeoutError

from mlleaks_helpers import plots

HTML = Path(__file__).resolve().parent.parent / "_build" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")
               if path.name != "index.html" and "_static" not in path.parts)
WIDTHS = 1300, 390
NARROW = 320   # what a page of 1280 pixels has at 400 %
AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))

SETTLED = """async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }"""

FAULTS = r"""() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const prose = document.querySelector('article')?.cloneNode(true);
  prose?.querySelectorAll('pre, code, script, .math').forEach(node => node.remove());
  return [
    ...all('img:not(.logo__image)').filter(i => !i.alt.trim())
      .map(i => `no alt text: ${i.src.slice(0, 99)}`),
    ...all('img').filter(i => i.complete && !i.naturalWidth).map(i => `not loaded: ${i.src}`),
    ...all('.flipbook').filter(f => !f.querySelector('[role=img]:not([hidden]) svg'))
      .map(() => 'a figure is not drawn'),
    ...all('.flipbook [role=img]').filter(f => !f.ariaLabel?.trim())
      .map(() => 'figure without label'),
    ...all('.math').filter(m => !m.querySelector('mjx-container')).map(m => `raw: ${m.innerText}`),
    ...all('mjx-merror').map(m => `formula: ${m.title || m.innerText}`),
    ...all('.traceback, .stderr').map(e => `error output: ${e.innerText.slice(0, 80)}`),
    ...(/\\\(|\\\[|\$\$/.test(prose?.textContent) ? ['raw formula in the prose'] : []),
    ...(/\|(\s*[-:–—]+\s*\|){2}/.test(prose?.textContent) ? ['raw table in the prose'] : []),
  ];
}"""

# What scrolls can be reached by the keyboard.
IN_REACH = """() => [...document.querySelectorAll('pre, .pst-scrollable-table-container')].every(
  (part) => part.scrollWidth <= part.clientWidth || part.tabIndex === 0)"""

IN_MODE = "mode => (document.documentElement.dataset.theme ?? mode) === mode"

OVERFLOW = "() => document.documentElement.scrollWidth - innerWidth"

# WCAG's contrast of every piece of text with the nearest background behind it. The cells of a
# heat map are one picture, whose colours the page does not know: its labels are left out.
PALE = r"""() => {
  const channels = (css) => css.match(/[\d.]+/g).map(Number);
  const luminance = (css) => {
    const [r, g, b] = channels(css).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0.5) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('article *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.checkVisibility()
    && !e.closest('mjx-assistive-mml, script, .headerlink, .heatmap-label')
  ).map(e => {
    const style = getComputedStyle(e);
    const ink = e instanceof SVGElement ? style.fill : style.color;
    const [dark, light] = [luminance(ink), luminance(behind(e))].sort((a, b) => a - b);
    return [(light + 0.05) / (dark + 0.05), e.textContent.trim().slice(0, 40)];
  }).filter(([ratio]) => ratio < 3).map(([ratio, text]) => `pale (${ratio.toFixed(1)}): ${text}`);
}"""


# Marks the first text of each look: of many with the same colours and sizes one has to be judged.
LOOKS = r"""() => {
  const seen = new Set();
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)') return color;
    }
  };
  document.querySelectorAll('body *').forEach(e => {
    const written = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    const [style, around] = [e, e.parentElement].map(node => getComputedStyle(node));
    const look = [e.tagName, style.color, style.fontSize, style.fontWeight, style.opacity,
                  style.textDecorationLine, around.color, ground(e)].join();
    const first = written && !e.closest('svg') && e.checkVisibility() && !seen.has(look);
    e.toggleAttribute('data-look', first);
    if (first) seen.add(look);
  });
}"""
COLOURS = ["color-contrast", "link-in-text-block"]
# Arrangement, which a mode does not change, and colours.
ARRANGED = f"""axe.run({{exclude: ['.flipbook svg']}}, {{resultTypes: ['violations'], rules:
  {{ {', '.join(f"'{rule}': {{enabled: false}}" for rule in COLOURS)} }} }})"""
COLOURED = f"""axe.run({{include: ['[data-look]']}}, {{resultTypes: ['violations'],
  runOnly: {COLOURS}}})"""


needs_book = pytest.mark.skipif(not PAGES, reason="_build/html is not there: make book")


@functools.cache
def anchors(path):
    return set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))


def dead_links(links):
    """Links to files or anchors that are not there; links that leave the site are left alone."""
    for link in sorted(set(links)):
        url = urlsplit(link)
        if url.scheme != "file":
            continue
        target = Path(url2pathname(url.path))
        if not target.is_file():
            yield f"dead link: {link}"
        elif url.fragment and target.suffix == ".html" and unquote(url.fragment) not in anchors(
            target
        ):
            yield f"dead anchor: {link}"


def faults(browser, path):
    """Everything that is wrong with one page, in words."""
    found = []
    page = browser.new_page(color_scheme="light", viewport={"width": WIDTHS[0], "height": 900})
    page.on("console", lambda m: m.type == "error" and found.append(f"console: {m.text}"))
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    page.on("requestfailed", lambda request: found.append(f"failed: {request.url}"))
    page.on("request", lambda request: urlsplit(request.url).scheme in {"file", "data", "blob"}
            or found.append(f"leaves the machine: {request.url}"))
    page.goto(path.as_uri())
    page.evaluate(SETTLED)
    # Pictures load when they come near; fetch them all before they are looked at.
    page.evaluate("() => document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    found += page.evaluate(FAULTS)
    found += dead_links(page.evaluate("() => [...document.links].map(link => link.href)"))
    for width in (*WIDTHS, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)
        if (excess := page.evaluate(OVERFLOW)) > 1:
            found.append(f"{excess} px too wide at {width} px")
    for mode in "light", "dark":
        page.emulate_media(color_scheme=mode)
        page.wait_for_function(IN_MODE, arg=mode)
        found += [f"{mode}: {text}" for text in page.evaluate(PALE)]
    page.close()
    return found


def barriers(browser, path):
    """What axe finds serious or critical on a page with everything unfolded, by mode and width."""
    page = browser.new_page(color_scheme="light", viewport={"width": WIDTHS[0], "height": 900})
    page.goto(path.as_uri())
    page.evaluate(SETTLED)
    page.add_style_tag(content="* { animation: none !important; transition: none !important }")
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    page.add_script_tag(path=AXE)
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        with suppress(TimeoutError):  # the theme sees a new width a moment later
            page.wait_for_function(IN_REACH, timeout=2_000)
        for mode in "light", "dark":
            page.emulate_media(color_scheme=mode)
            page.wait_for_function(IN_MODE, arg=mode)
            page.wait_for_timeout(100)
            page.evaluate(LOOKS)
            for run in [COLOURED] if mode == "dark" else [ARRANGED, COLOURED]:
                found += [f"{one['id']}, {mode}, {width} px: {one['nodes'][0]['html'][:100]}"
                          for one in page.evaluate(run)["violations"]
                          if one["impact"] in ("serious", "critical")
                          or one["id"] == "empty-table-header"]
    page.close()
    return found


def test_the_book_is_built():
    if not PAGES:
        skip_or_fail("_build/html is not there: make book")
    assert {"intro.html", "search.html"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_page(browser, name):
    assert faults(browser, HTML / name) == []


@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_kept_out(browser, name):
    assert barriers(browser, HTML / name) == []


SOUND = '<!doctype html><html lang="en"><title>A page</title><main>'


@pytest.mark.parametrize("fault, times, html", [
    ("", 0, "<h1>Sound</h1>"), ("button-name", 2, "<h1>A</h1><button></button>"),
    ("color-contrast", 4, '<p>a</p><p style="color: #999">pale</p>'),
    ("color-contrast", 2, "<style>:root { color-scheme: light dark } body { background: "
                          "light-dark(#111, #444) } p { color: #999 }</style><p>pale in the dark"),
    ("color-contrast", 2, "<style>@media (width < 400px) { p { color: #999 } }</style><p>pale"),
    ("link-in-text-block", 4, '<style>a { color: #046; text-decoration: none }</style>'
                              '<p style="color: #024">Words, <a href="#">a link</a> and words.'),
    ("empty-table-header", 2, "<table><tr><th></th><td>a</td></tr></table>")])
def test_barriers_are_noticed(browser, tmp_path, fault, times, html):
    path = tmp_path / "page.html"
    path.write_text(SOUND + html, encoding="utf-8")
    found = barriers(browser, path)
    assert [one.split(",")[0] for one in found] == [fault] * times


@needs_book
@pytest.mark.parametrize("name", [name for name in PAGES
                                  if name not in ("search.html", "genindex.html")])
def test_a_page_is_described(name):
    html = (HTML / name).read_text(encoding="utf-8")
    facts = dict(re.findall(r'<meta (?:name|property)="([\w:]+)" content="(.*?)">', html))
    assert 20 < len(unescape(facts["description"])) <= 165 and facts["og:description"]
    assert "&lt;" not in facts["description"] and "minutes in all" not in facts["description"]
    assert facts["og:title"] and "<" not in facts["og:title"]
    assert ((HTML / name).parent / facts["og:image"]).is_file() and "og:url" not in facts
    assert f'<link rel="icon" href="{"../" * name.count("/")}_static/logo.svg"' in html


@needs_book
@pytest.mark.parametrize("name", PAGES)
def test_what_is_folded_says_what_it_is(name):
    html = (HTML / name).read_text(encoding="utf-8")
    assert not any(words in html for words in ("Toggle hidden content", "Show code cell"))
    bars = set(re.findall(r'<p class="collapsed admonition-title">(.*?)</p>', html))
    assert bars <= {"Show the plot's code", "Show the plot&#x27;s code", "Show code",
                    "Show output", "Show code and output"}


@needs_book
def test_pictures_have_captions_sizes_and_a_full_view(browser):
    html = (HTML / "08_no_shadow_at_all.html").read_text(encoding="utf-8")
    assert re.search(r'<figure.*?<a class="full-size" href="(_images/.*?)"><img width="\d+" height='
                     r'"\d+".*?src="\1".*?<figcaption>.*?\w.*?</figcaption>', html, re.S)


@needs_book
@pytest.mark.parametrize("name", PAGES)
def test_labels_of_pictures_are_readable_on_a_phone(browser, name):
    page = browser.new_page(viewport={"width": WIDTHS[1], "height": 900})
    page.goto((HTML / name).as_uri())
    small = page.evaluate("""() => [
        ...[...document.querySelectorAll('a.full-size img[width]')].filter(image =>
            image.checkVisibility() && 22 * image.clientWidth / image.getAttribute('width') < 8.9),
        ...[...document.querySelectorAll('.flipbook svg')].filter(svg => svg.checkVisibility()
            && 11 * svg.clientWidth / svg.viewBox.baseVal.width < 8.9)
        ].map(node => node.outerHTML.slice(0, 200))""")
    assert small == []
    page.close()


@needs_book
def test_formulas_are_no_tab_stops_and_load_only_where_they_are(browser):
    for path in (HTML / name for name in PAGES):
        html = path.read_text(encoding="utf-8")
        assert ("tex-mml-chtml" in html) == ('class="math ' in html), path.name
    page = browser.new_page()
    page.goto((HTML / "notation.html").as_uri())
    page.evaluate(SETTLED)
    assert page.locator("mjx-container").count() > 20
    assert page.locator('mjx-container[tabindex="0"]').count() == 0
    page.close()


@needs_book
def test_the_site_carries_no_dead_weight():
    files = [path for path in HTML.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".map" or "locales" in path.parts]


@needs_book
def test_a_dark_page_prints_light(browser):
    page = browser.new_page(color_scheme="dark")
    page.goto((HTML / "intro.html").as_uri())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.locator("details:not([open]):visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.close()


@needs_book
def test_index_leads_to_the_introduction(browser):
    page = browser.new_page()
    page.goto((HTML / "index.html").as_uri())
    page.wait_for_url("**/intro.html")
    page.close()


@needs_book
def test_dark_mode_follows_the_system(browser):
    page = browser.new_page(color_scheme="light")
    page.goto((HTML / "intro.html").as_uri())
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {background} !== light", arg=light)
    page.close()


@needs_book
@pytest.mark.parametrize("typed, first", [
    ("membership inference", "Glossary › membership inference"),
    ("my own model", "Ask your own model"), ("GDPR", "1 · What a model remembers"),
    ("TPR at 1% FPR", "TPR"), ("LiRA", "LiRA"), ("threshold", "threshold"),
    ("claim 15", "Scoreboard › Claim 15"), ("dropout", "Dropout"),
    ("lesson 3", "3 · One shadow is enough"), ("Chapter 12", "12 · Model stacking"),
    ("Colab", "Run it"), ("install", "Run it"), ("PDF", "Run it"), ("cite", "Cite it"),
    ("license", "Cite it"), ("PyTorch", "PyTorch"), ("TPR", "Glossary › TPR"), ("Face", "lfw"),
    ("AUC", "Glossary › AUC"),
    ("accuracy", "Glossary › accuracy"), ("shadow model", "shadow model"), ("defence", "defense"),
    ("differential privacy", "Glossary › differential privacy")])
def test_the_search_finds_what_readers_type(browser, typed, first):
    page = browser.new_page()
    noise = []
    page.on("console", lambda message: message.type == "error" and noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.goto(f"{(HTML / 'search.html').as_uri()}?q={quote(typed)}")
    page.wait_for_selector("#search-results [role=status]")
    results = page.locator("#search-results li")
    assert 1 <= results.count() <= 25
    assert first.lower() in results.first.inner_text().lower()
    assert len(results.first.locator("p").inner_text()) > 30
    assert list(dead_links(page.evaluate("[...document.links].map(link => link.href)"))) == []
    assert noise == []
    page.close()


@needs_book
def test_the_search_quotes_no_answers():
    sections = (HTML / "_static/search.js").read_text(encoding="utf-8").split("\n")[0]
    assert "Which is which?" in sections and "Lesson 3 learns one" in sections
    for word in ("Not quite.", "Check Answers", "minutes to read", "the rule says",
                 "Record Largest posterior", "Member Non-member"):
        assert word not in sections, word


@needs_book
def test_the_first_lesson_deals_ten_records():
    html = (HTML / "01_what_a_model_remembers.html").read_text(encoding="utf-8")
    dealt = re.findall(r'<tr data-member="(\w+)" data-rule="(\w+)">', html)
    right = sum(member == rule for member, rule in dealt)
    assert len(dealt) == 10 and sum(member == "true" for member, _ in dealt) == 5
    assert 5 < right < 10 and f"the rule is right about {right} of 10, a coin about 5" in html


@needs_book
def test_a_search_in_vain_says_so(browser):
    page = browser.new_page()
    page.goto((HTML / "search.html").as_uri() + "?q=zzqq")
    page.get_by_text("No section has these words.").wait_for()
    page.close()


@needs_book
def test_tables_of_numbers_are_not_cut_on_a_laptop(browser):
    page = browser.new_page(viewport={"width": WIDTHS[0], "height": 900})
    page.goto((HTML / "status.html").as_uri())
    cut = page.evaluate("""() => [...document.querySelectorAll('table')].map(table =>
        table.scrollWidth - table.parentElement.clientWidth).filter(more => more > 0)""")
    assert cut == [] and page.locator("table").count() == 3
    page.close()


@needs_book
def test_no_tip_stays_on_a_phone_after_a_tap(browser):
    page = browser.new_page(has_touch=True, is_mobile=True,
                            viewport={"width": WIDTHS[1], "height": 900})
    page.goto((HTML / "intro.html").as_uri())
    page.wait_for_load_state()
    page.locator(".header-article-items .secondary-toggle").tap()
    page.locator(".tooltip").wait_for(state="attached")
    assert page.locator(".tooltip:visible").count() == 0
    page.close()


@pytest.fixture
def flipbooks(tmp_path, monkeypatch):
    """A page with a slider of three numbers and two buttons, and nothing else."""
    bundles = []
    monkeypatch.setattr(plots, "display", lambda bundle, raw: bundles.append(bundle))
    for values, start in [([0.5, 0.9, 0.99], 0.9), (["recall", "a longer word"], None)]:
        plots.flipbook(lambda value: plt.plot([0, 1]), values, control="control", start=start,
                       readout=lambda value: f"at {value}", alt="a line", caption="See.")
    path = tmp_path / "page.html"
    path.write_text('<!doctype html><meta name="viewport" content="width=device-width">'
                    + "".join(bundle["text/html"] for bundle in bundles)
                    + '<div style="height: 3000px"></div>', encoding="utf-8")
    return path


def seen(page):
    """For each flipbook: the frame that one sees, and the readout."""
    return page.evaluate("""() => [...document.querySelectorAll('.flipbook')].map(book => [
        [...book.querySelectorAll('[role=img]')].flatMap((f, i) => f.checkVisibility() ? [i] : []),
        book.querySelector('output').innerText])""")


def test_a_flipbook_is_moved_by_keys_and_buttons(browser, flipbooks):
    assert faults(browser, flipbooks) == []
    page = browser.new_page()
    page.goto(flipbooks.as_uri())
    assert seen(page) == [[[1], "at 0.9"], [[0], "at recall"]]
    slider = page.get_by_role("slider", name="control", exact=True)
    slider.focus()
    for key, frame, text in [("ArrowRight", 2, "at 0.99"), ("Home", 0, "at 0.5"),
                             ("End", 2, "at 0.99"), ("ArrowLeft", 1, "at 0.9")]:
        page.keyboard.press(key)
        assert seen(page)[0] == [[frame], text]
        assert slider.get_attribute("aria-valuetext") == text
    group = page.get_by_role("group", name="control")
    group.get_by_role("radio", name="a longer word").check()
    assert seen(page) == [[[1], "at 0.9"], [[1], "at a longer word"]]
    page.keyboard.press("ArrowLeft")
    assert seen(page)[1] == [[0], "at recall"]
    page.close()


def test_a_swipe_over_a_flipbook_scrolls_the_page(browser, flipbooks):
    page = browser.new_page(has_touch=True, is_mobile=True,
                            viewport={"width": WIDTHS[1], "height": 600})
    page.goto(flipbooks.as_uri())
    finger = page.context.new_cdp_session(page)
    for kind, y in [("Start", 250), *(("Move", y) for y in range(240, 60, -10)), ("End", None)]:
        finger.send("Input.dispatchTouchEvent", {
            "type": f"touch{kind}", "touchPoints": [{"x": 150, "y": y}] if y else []})
    page.wait_for_function("scrollY > 100", timeout=3_000)
    page.close()


def test_without_javascript_a_flipbook_lists_its_readouts(browser, flipbooks):
    page = browser.new_page(java_script_enabled=False)
    page.goto(flipbooks.as_uri())
    assert page.locator("[role=img]:visible").count() == 2
    assert page.locator("input:visible").count() == 0
    page.locator("summary").first.click()
    assert page.locator("li:visible").all_inner_texts() == ["at 0.5", "at 0.9", "at 0.99"]
    page.close()


BROKEN = {
    "no alt text": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
    "not loaded": '<img alt="gone" src="data:image/png;base64,AAAA">',
    "failed": '<link rel="stylesheet" href="gone.css">',
    "leaves the machine": '<script src="https://example.invalid/cdn.js"></script>',
    "console": "<script>console.error('oh')</script>",
    "script": "<script>nothing.here()</script>",
    "raw": r'<span class="math">\(x\)</span>',
    "raw formula": r"<article><p>\(x\)</p></article>",
    "raw table": "<article><p>| a | b | |—|--:| | 1 | 2 |</p></article>",
    "a figure is not drawn": '<p class="flipbook"><span role="img" aria-label="a"></span></p>',
    "figure without label": '<figure class="flipbook"><div role="img"><svg></svg></div></figure>',
    "error output": '<div class="output traceback">ValueError</div>',
    "500 px too wide at 390": '<div style="width: 890px; margin: -8px">wide</div>',
    "20 px too wide at 320": '<div style="width: 340px; margin: -8px">wide</div>',
    "dark: pale": '<meta name="color-scheme" content="light dark"><article><p '
                  'style="color: #111; background: light-dark(#fff, #222)">text</p></article>',
    "dead link": '<a href="gone.html">gone</a>',
    "dead anchor": '<a href="page.html#gone">gone</a>',
}


@pytest.mark.parametrize("fault", BROKEN)
def test_faults_are_noticed(browser, tmp_path, fault):
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><body>{BROKEN[fault]}", encoding="utf-8")
    assert any(found.startswith(fault) for found in faults(browser, path))


def test_a_sound_page_has_no_faults(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text('<!doctype html><body><article id="a"><p>Sound. <a href="#a">Up</a></p>',
                    encoding="utf-8")
    assert faults(browser, path) == []
