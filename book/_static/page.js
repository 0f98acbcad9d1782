// Names of buttons that are what one sees, and a page that prints in its light colours.
(() => {
  const root = document.documentElement;
  let theme;
  addEventListener("beforeprint", () => { ({ theme } = root.dataset); root.dataset.theme = "light"; });
  addEventListener("afterprint", () => { root.dataset.theme = theme; });

  addEventListener("load", () => {
    document.querySelectorAll(".toggle-button").forEach((button) => {
      button.ariaLabel = button.closest(".admonition-title").innerText.trim();
    });
    document.querySelectorAll(".search-button-field").forEach((button) => {
      button.removeAttribute("aria-label");
    });
  });
})();
