// Ranks the book's sections by the words of a query and shows where they stand. finish.py puts
// SECTIONS before it: unlike Sphinx's search this one needs no other file, and quotes each result.
(() => {
  const SHOWN = 25, BEFORE = 60, EXCERPT = 200;
  const ALSO = {   // what readers type, and what the book says
    gdpr: "general data protection regulation", colab: "run it", binder: "run it",
    install: "run it", cite: "how to cite", citation: "how to cite", bibtex: "how to cite",
    license: "licence", licence: "license", defence: "defense", defences: "defenses",
    face: "lfw",
    "my model": "your own keras model", "my own model": "your own keras model",
    "false alarm": "falsely accused", victim: "target",
    "confidence vector": "posterior", "probability vector": "posterior", softmax: "posterior",
  };

  const stemmer = new Stemmer();
  const tokens = (text) => (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])
    .map((word) => stemmer.stemWord(word));
  const joined = (words) => ` ${words.join(" ")} `;

  const sections = SECTIONS.map(([page, title, anchor, heading, text]) => {
    const words = { title: tokens(title), heading: tokens(heading), text: tokens(text) };
    const count = new Map();
    words.text.forEach((word) => count.set(word, (count.get(word) ?? 0) + 1));
    const names = anchor && title !== "Glossary" ? []   // what terms and pages are called
      : heading.replace(/^\d+ · /, "").split(/[,:] /).map((name) => joined(tokens(name)));
    return { page, title, anchor, heading, text, count, names,
      line: Object.fromEntries(Object.entries(words).map(([key, all]) => [key, joined(all)])) };
  });

  // A word in a heading counts more than one in the text, a rare one more than a common one, words
  // that stand together more than the same words apart, and what is called so more than all.
  const ranked = (query) => {
    const all = tokens(query), few = all.filter((word) => !stopwords.includes(word));
    const words = [...new Set(few.length ? few : all)], phrase = joined(all);
    const has = (section, part, word) => section.line[part].includes(` ${word} `);
    const weight = Object.fromEntries(words.map((word) => [word, Math.log(1 + sections.length
      / (1 + sections.filter((section) => section.count.has(word)).length))]));
    return sections.map((section) => {
      let found = 0, score = 0;
      for (const word of words) {
        const times = section.count.get(word) ?? 0;
        const points = 4 * has(section, "heading", word) + 2 * has(section, "title", word)
          + (times && 1 + Math.log(times));
        found += points > 0;
        score += weight[word] * points;
      }
      if (words.length > 1) for (const [part, points] of [["heading", 20], ["text", 8]])
        score += points * section.line[part].includes(phrase);
      score += 12 * section.names.includes(phrase)
        + 6 * section.names.some((name) => name.startsWith(phrase));
      return { section, covered: found / words.length, score };
    }).filter(({ covered }) => covered > 0);
  };

  const lesson = (number) => sections.filter(({ title }) => title.startsWith(`${number} · `));

  const find = (query) => {
    const [, number] = query.match(/^\s*(?:chapter|lesson)\s+(\d+)\s*$/i) ?? [];
    if (number && lesson(number).length) return lesson(number).slice(0, SHOWN);
    const plain = tokens(query).join(" ");
    const more = Object.entries(ALSO).filter(([typed]) => joined([plain])
      .includes(joined(tokens(typed)))).map(([, said]) => said);
    const results = [query, ...more].flatMap(ranked);
    const best = Math.max(...results.map(({ covered }) => covered));
    const seen = new Set();
    return results.filter(({ covered }) => covered === best)
      .sort((a, b) => b.score - a.score)
      .filter(({ section }) => !seen.has(section) && seen.add(section))
      .slice(0, SHOWN).map(({ section }) => section);
  };

  const excerpt = (text, query) => {
    const words = tokens(query).filter((word) => !stopwords.includes(word));
    const at = [...text.matchAll(/[\p{L}\p{N}]+/gu)]
      .find(([word]) => words.includes(stemmer.stemWord(word.toLowerCase())))?.index ?? 0;
    const from = at < BEFORE ? 0 : text.indexOf(" ", at - BEFORE) + 1;
    const end = text.lastIndexOf(" ", from + EXCERPT);
    return (from ? "… " : "")
      + (text.length > from + EXCERPT ? `${text.slice(from, end)} …` : text.slice(from));
  };

  const element = (tag, content, attributes = {}) => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...[content].flat());
    return made;
  };

  Search.performSearch = (query) => {
    const found = find(query);
    const items = found.map((section) => element("li", [
      element("a", section.heading === section.title ? section.title
        : `${section.title} › ${section.heading}`, {
        href: section.page + (section.anchor && `#${section.anchor}`) }),
      element("p", excerpt(section.text, query)),
    ]));
    document.getElementById("search-results").replaceChildren(
      element("h2", "Search results"),
      element("p", found.length ? `${found.length} sections, the best first.`
        : "No section has these words.", { role: "status" }),
      element("ul", items, { className: "search" }));
  };
})();
