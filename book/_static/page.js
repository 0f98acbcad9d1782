// Names of buttons that are what one sees, and a page that prints in its light colours.
(() => {
  const root = document.documentElement;
  let theme;
  addEventListener("beforeprint", () => { ({ theme } = root.dataset); root.dataset.theme = "light"; });
  addEventListener("afterprint", () => { root.dataset.theme = theme; });

  // What scrolls in its own box must be in reach of the keyboard.
  const reach = () => document.querySelectorAll('mjx-container[display="true"]').forEach((box) => {
    box.toggleAttribute("tabindex", box.scrollWidth > box.clientWidth);
    if (box.hasAttribute("tabindex")) box.tabIndex = 0;
  });
  addEventListener("resize", reach);

  addEventListener("load", async () => {
    document.querySelectorAll(".toggle-button").forEach((button) => {
      button.ariaLabel = button.closest(".admonition-title").innerText.trim();
    });
    document.querySelectorAll(".search-button-field").forEach((button) => {
      button.removeAttribute("aria-label");
    });
    await window.MathJax?.startup?.promise;
    reach();
  });
})();
