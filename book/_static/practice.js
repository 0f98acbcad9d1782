// Takes predictions and quiz answers, and replies. Without it the page still says everything.
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
    const chosen = () => inputs.find((input) =>
      input.type === "number" ? input.value : input.checked);
    const show = () => {
      const input = chosen();
      button.hidden = !input;
      const words = input ? "Noted. It comes back with the answer, further down." : "";
      if (reply.textContent !== words) reply.textContent = words;   // said once, not at each key
      said.forEach((line) => {
        line.hidden = !input;
        if (input) line.querySelector("b").replaceChildren(
          ...(input.type === "number" ? [input.value] : copy(input.labels[0].childNodes)));
      });
    };
    const change = () => { remember(key, chosen()?.value ?? ""); show(); };
    const kept = remember(key);
    inputs.forEach((input) => {
      if (input.type === "number") input.value = kept ?? "";
      else input.checked = input.value === kept;
      input.addEventListener("input", change);
    });
    button.addEventListener("click", () => {
      inputs.forEach((input) => {
        if (input.type === "number") input.value = "";
        else input.checked = false;
      });
      change();
      inputs[0].focus();
    });
    show();
  };

  addEventListener("DOMContentLoaded", async () => {
    all(".quiz").forEach(quiz);
    await window.MathJax?.startup?.promise;   // what is copied is to be typeset
    all(".predict").forEach(predict);
  });
})();
