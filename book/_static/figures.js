// Draws the figures that mlleaks_helpers.plots.show leaves in a page, in the page's own colours.
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const theme = () => {
    const ink = css("--pst-color-text-base"), line = css("--pst-color-border");
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true };
    const control = { bgcolor: css("--pst-color-surface"), bordercolor: line };
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: ink, family: "inherit", size: 14 },
        margin: { l: 48, r: 12, t: 56, b: 48 },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
        hoverlabel: { bgcolor: css("--pst-color-surface"), font: { color: ink } },
        xaxis: axis, yaxis: axis,
        sliderdefaults: { ...control, tickcolor: line, activebgcolor: ink },
        updatemenudefaults: control,
        colorway: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"],
      },
    };
  };

  // plotly's sliders know the mouse only: the arrow keys move the first one.
  const step = (box, by) => {
    const [slider] = box.layout.sliders ?? [];
    const next = (slider?.active ?? 0) + by;
    const { method, args } = slider?.steps[next] ?? {};
    if (!method) return;
    Plotly.relayout(box, { "sliders[0].active": next }).then(() => Plotly[method](box, ...args));
  };

  const draw = async (figure) => {
    const { data, layout, frames } = JSON.parse(figure.querySelector("script").textContent);
    const box = document.createElement("div");
    figure.replaceChildren(box);
    await Plotly.newPlot(box, {
      data, frames,
      layout: { ...layout, template: theme() },
      config: { responsive: true, displayModeBar: false },
    });
    if (layout.sliders) {
      figure.tabIndex = 0;
      figure.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight");
      figure.addEventListener("keydown", ({ key }) =>
        step(box, { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0));
    }
    new MutationObserver(() => Plotly.relayout(box, { template: theme() }))
      .observe(document.documentElement, { attributeFilter: ["data-theme"] });
  };

  addEventListener("DOMContentLoaded", () =>
    document.querySelectorAll(".plotly-figure").forEach(draw));
})();
