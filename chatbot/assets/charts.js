// Lines over time on Analytics, drawn by uPlot from the page's own JSON; and the keys of "To teach" (j, k, a, x).
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const draw = (place) => {
  const { times, marks = [], ...all } = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const labels = JSON.parse(place.dataset.lines);
  const colours = [css("--bs-primary"), css("--bs-warning"), css("--bs-danger")];
  const names = Object.keys(labels);
  const axis = { stroke: css("--bs-secondary-color"), grid: { stroke: css("--bs-border-color"), width: 1 } };
  const day = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short" });
  const show = (seconds) => (seconds == null ? "–" : day.format(new Date(seconds * 1000)));
  const plain = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 3 });
  // publications, as dotted lines where they stand in time; the page lists them below
  const mark = (plot) => {
    const { left, top, width, height } = plot.bbox;
    plot.ctx.save();
    plot.ctx.strokeStyle = css("--bs-secondary-color");
    plot.ctx.setLineDash([3, 4]);
    for (const seconds of marks) {
      const x = Math.min(Math.max(plot.valToPos(seconds, "x", true), left), left + width);
      plot.ctx.beginPath();
      plot.ctx.moveTo(x, top);
      plot.ctx.lineTo(x, top + height);
      plot.ctx.stroke();
    }
    plot.ctx.restore();
  };
  place.replaceChildren();
  new uPlot({
    width: place.clientWidth, height: 220, hooks: { draw: [mark] },
    axes: [{ ...axis, values: (_plot, ticks) => ticks.map(show), space: 70, incrs: [1, 2, 7, 14, 30].map((n) => n * 86400) }, { ...axis, size: 60, values: (_plot, ticks) => ticks.map((n) => plain.format(n)) }],
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    series: [{ label: place.dataset.x, value: (_plot, seconds) => show(seconds) }, ...names.map((name, n) => ({ label: labels[name], stroke: colours[n], width: 2 }))],
  }, [times, ...names.map((name) => all[name])], place);
};
const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);
drawAll();
let waiting = 0;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 150); });
new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });

const cards = [...document.querySelectorAll("[data-question]")];
document.addEventListener("keydown", (event) => {
  if (!cards.length || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select") || localStorage.getItem("single-keys") === "off") return;
  const at = cards.indexOf(document.activeElement.closest("[data-question]"));
  if (event.key === "j") cards[Math.min(at + 1, cards.length - 1)].focus();
  if (event.key === "k") cards[Math.max(at - 1, 0)].focus();
  if (at >= 0 && event.key === "a") cards[at].querySelector("[data-accept]")?.click();
  if (at >= 0 && event.key === "e") cards[at].querySelector("[data-edits]")?.click();
  if (at >= 0 && event.key === "x") cards[at].querySelector("[data-dismisses]")?.click();
});
