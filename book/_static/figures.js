// Draws the figures that mlleaks_helpers.plots.show leaves in a page, in the page's own colours.
(() => {
  const colours = () => {
    const root = getComputedStyle(document.documentElement);
    const [ink, line, surface] = ["text-base", "border", "surface"]
      .map((name) => root.getPropertyValue(`--pst-color-${name}`).trim());
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
    const control = { bgcolor: surface, bordercolor: line };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: getComputedStyle(document.body).fontFamily },
      hoverlabel: { bgcolor: surface, font: { color: ink } },
      xaxis: axis, yaxis: axis,
      sliderdefaults: { ...control, tickcolor: line, activebgcolor: ink },
      updatemenudefaults: control,
    };
  };

  const coloured = ({ layout }) => ({
    layout: {
      ...layout,
      ...Object.fromEntries(Object.entries(colours()).map(([key, value]) =>
        [key, typeof value === "object" ? { ...layout[key], ...value } : value])),
    },
  });

  // plotly's sliders and buttons know the mouse only: the arrow keys move the first of them.
  const control = ({ sliders, updatemenus }) => sliders ?
    { name: "sliders", choices: sliders[0].steps, active: sliders[0].active ?? 0 } :
    { name: "updatemenus", choices: updatemenus[0].buttons, active: updatemenus[0].active ?? 0 };

  const step = async (box, by) => {
    const { name, choices, active } = control(box.layout);
    const chosen = choices[active + by];
    if (!by || !chosen) return;
    await Plotly.relayout(box, { [`${name}[0].active`]: active + by });
    Plotly[chosen.method](box, ...chosen.args);
  };

  const draw = async (figure) => {
    const { data, layout, frames } = JSON.parse(figure.querySelector("script").textContent);
    const template = layout.template;
    const box = document.createElement("div");
    figure.replaceChildren(box);
    await Plotly.newPlot(box, {
      data, frames,
      layout: { ...layout, template: coloured(template) },
      config: { responsive: true, displayModeBar: false },
    });
    new MutationObserver(() => Plotly.relayout(box, { template: coloured(template) }))
      .observe(document.documentElement, { attributeFilter: ["data-theme"] });
    if (!layout.sliders && !layout.updatemenus) return;
    figure.tabIndex = 0;
    figure.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight");
    figure.addEventListener("keydown", ({ key }) =>
      step(box, { ArrowLeft: -1, ArrowRight: 1 }[key]));
  };

  addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll(".plotly-figure").forEach(draw));
})();
