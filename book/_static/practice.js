// Takes predictions, answers and guesses, and replies. Without it the page still says everything.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const copy = (list) => [...list].map((node) => {
    const twin = node.cloneNode(true);
    if (twin.querySelectorAll) all("[id]", twin).forEach((part) => part.removeAttribute("id"));
    return twin;
  });

  const remember = (key, value) => {   // a browser may keep nothing, or refuse with an exception
    try {
      if (value === undefined) return localStorage.getItem(key);
      if (value) localStorage.setItem(key, value);
      else localStorage.removeItem(key);
    } catch { /* then it is not remembered */ }
    return null;
  };

  const quiz = (box) => {
    const inputs = all("input", box);
    const [button, reply, details] = ["button", ".practice-reply", "details"]
      .map((part) => box.querySelector(part));
    const check = () => {
      const chosen = inputs.findIndex((input) => input.checked);
      const answer = all("details > ul > li", box)[chosen];
      reply.replaceChildren(
        ...(answer ? copy([...answer.children].slice(1)) : ["Choose an answer first."]));
    };
    details.hidden = true;
    button.hidden = false;
    button.addEventListener("click", check);
    inputs.forEach((input) => {
      input.addEventListener("change", () => reply.replaceChildren());
      input.addEventListener("keydown", ({ key }) => key === "Enter" && check());
    });
  };

  const predict = (box) => {
    const { predict: id } = box.dataset;
    const key = `predict ${location.pathname} ${id}`;
    const inputs = all("input", box);
    const [button, reply] = ["button", ".practice-reply"].map((part) => box.querySelector(part));
    const said = all(".predicted").filter(({ dataset }) => dataset.predict === id)
      .map((answer) => answer.querySelector(".said"));
    const isNumber = ({ type }) => type === "number";
    const chosen = () => inputs.find((input) => isNumber(input) ? input.value : input.checked);
    const choose = (value) => inputs.forEach((input) => {
      if (isNumber(input)) input.value = value;
      else input.checked = input.value === value;
    });
    const show = () => {
      const input = chosen();
      const words = input ? "Noted. It comes back with the answer, further down." : "";
      if (reply.textContent !== words) reply.textContent = words;   // said once, not at each key
      button.hidden = !input;
      said.forEach((line) => {
        line.hidden = !input;
        line.querySelector("b").replaceChildren(
          ...(!input ? [] : isNumber(input) ? [input.value] : copy(input.labels[0].childNodes)));
      });
    };
    const change = () => { remember(key, chosen()?.value ?? ""); show(); };
    inputs.forEach((input) => input.addEventListener("input", change));
    button.addEventListener("click", () => { choose(""); change(); inputs[0].focus(); });
    choose(remember(key) ?? "");
    show();
    return show;
  };

  // The table fills up with each guess; its last row is the record to guess.
  const play = (box) => {
    const [table, guess, reply, details] = ["table", ".play-guess", ".practice-reply", "details"]
      .map((part) => box.querySelector(part));
    const rows = all("tbody tr", table);
    const name = (member) => member ? "member" : "non-member";
    const mark = (right) => right ? "right" : "wrong";
    const cell = (tag, text = "") => Object.assign(document.createElement(tag),
      { textContent: text, ...(tag === "th" && { scope: "col" }) });
    const show = (row) => { row.hidden = false; };
    let turn = 0, you = 0, rule = 0;
    all("thead tr", table)[0].append(
      ...["It was", "You", "The rule"].map((text) => cell("th", text)));
    rows.forEach((row) => {
      row.hidden = true;
      row.append(cell("td"), cell("td"), cell("td"));
    });
    const say = (said) => {
      const row = rows[turn], was = row.dataset.member === "true";
      const right = said === was, ruled = (row.dataset.rule === "true") === was;
      turn += 1, you += right, rule += ruled;
      [name(was), mark(right), mark(ruled)].forEach((text, i) => {
        row.cells[i + 2].textContent = text;
      });
      const outcome = `Record ${turn} was a ${name(was)}: you are ${mark(right)}, the rule is `
        + `${mark(ruled)}.`;
      if (turn < rows.length) {
        show(rows[turn]);
        reply.textContent = `${outcome} Score: you ${you}, the rule ${rule}, of ${turn}. `
          + `Next, record ${turn + 1}: ${rows[turn].cells[1].textContent}.`;
      } else {
        guess.hidden = true;
        details.hidden = false;
        reply.textContent = `${outcome} You were right about ${you} of ${turn}, the rule about `
          + `${rule}; a coin would be right about ${turn / 2}.`;
        reply.focus();
      }
    };
    details.hidden = true;
    guess.hidden = false;
    show(rows[0]);
    all("button", guess).forEach((button, i) => button.addEventListener("click", () => say(!i)));
  };

  // A definition stands below its link, or above where there is no room, until one turns away.
  const place = (tip, link) => {
    document.body.append(tip);
    tip.hidden = false;
    const { left, top, bottom } = link.getBoundingClientRect();
    const below = bottom + tip.offsetHeight <= innerHeight || top < tip.offsetHeight;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${scrollX + Math.max(8, Math.min(left, room))}px`;
    tip.style.top = `${scrollY + (below ? bottom : top - tip.offsetHeight)}px`;
  };

  const define = () => {
    let open, timer;
    const hide = () => {
      clearTimeout(timer);
      if (open) open.hidden = true;
    };
    const show = (tip, link) => { hide(); place(tip, link); open = tip; };
    all(".practice-tip").forEach((tip) => {
      const links = all(`a[href$="#${tip.id.slice(4)}"]:has(.std-term)`);
      const focused = (link) => link.matches(":focus-visible");
      const leave = () => { if (!links.some(focused)) timer = setTimeout(hide, 300); };
      tip.addEventListener("pointerenter", () => clearTimeout(timer));
      tip.addEventListener("pointerleave", leave);
      links.forEach((link) => {
        link.setAttribute("aria-describedby", tip.id);
        link.addEventListener("pointerenter", ({ pointerType }) =>
          pointerType !== "touch" && show(tip, link));
        link.addEventListener("pointerleave", leave);
        link.addEventListener("focus", () => focused(link) && show(tip, link));
        link.addEventListener("blur", hide);
      });
    });
    addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  };

  addEventListener("DOMContentLoaded", () => {
    all(".quiz").forEach(quiz);
    all(".play").forEach(play);
    const shown = all(".predict").map(predict);
    define();
    addEventListener("load", async () => {   // what was copied before it was typeset
      await window.MathJax?.startup?.promise;
      shown.forEach((show) => show());
    });
  });
})();
