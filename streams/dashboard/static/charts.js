import { WEEKDAYS } from "./common.js";

// Plotly, in the page's colours. Each chart is drawn into `place` and calls `chosen` when a point is.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function layout(more = {}) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), fixedrange: true, automargin: true };
  return {
    font: { family: "system-ui, sans-serif", size: 12, color: colour("soft") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 44, r: 12, t: more.showlegend === false ? 8 : 30, b: 36 }, height: 280, hovermode: "x unified",
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    // Above the plot: below it, slanted labels of a narrow screen would lie under it.
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" }, showlegend: true, ...more,
    xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, rangemode: "tozero", ...more.yaxis },
  };
}

// Counts are whole: no axis from 0 to 3 has two ticks that read 1.
const whole = (values) => ({ tickformat: ",~d", dtick: Math.max(0, ...values) <= 5 ? 1 : undefined });
const isNarrow = () => window.innerWidth <= 560;

const CONFIG = { displayModeBar: false, responsive: true };

async function draw(place, traces, made, chosen) {
  await window.Plotly.react(place, traces, made, CONFIG);
  place.removeAllListeners?.("plotly_click");
  if (chosen) place.on("plotly_click", (event) => chosen(event.points[0]));
}

// The unit in which the longest is a number of at most three digits, or nearly.
const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];

function unitFor(series) {
  const longest = Math.max(0, ...series.flatMap((s) => s.values.map(Number)));
  return UNITS.find(([, seconds]) => longest >= 2 * seconds) ?? ["s", 1];
}

/** series: [{name, values, colour, kind}] over the same `at`. */
export function lines(place, at, series, { chosen, percent = false, seconds = false } = {}) {
  const [unit, size] = seconds ? unitFor(series) : ["", 1];
  const traces = series.map((s) => ({
    x: at, y: seconds ? s.values.map((v) => (v === null ? null : v / size)) : s.values, name: s.name, type: s.kind ?? "scatter", mode: "lines+markers", connectgaps: false,
    marker: { color: colour(s.colour), size: 5 }, line: { color: colour(s.colour), width: 2 },
    hovertemplate: percent ? "%{y:.0%}" : seconds ? `%{y:.1f} ${unit}` : "%{y:,}",
  }));
  const tick = percent ? { tickformat: ".0%", range: [-0.02, 1.04], rangemode: "normal" } : seconds ? { ticksuffix: ` ${unit}` } : whole(series.flatMap((s) => s.values.map(Number)));
  return draw(place, traces, layout({ yaxis: tick, barmode: "stack" }), chosen);
}

/** series: [{name, values, colour | colours}] over the same `names`; `stacked`: on top of each other. */
export function bars(place, names, series, { chosen, across = false, stacked = false } = {}) {
  const sums = stacked ? names.map((_, i) => series.reduce((all, s) => all + s.values[i], 0)) : series.flatMap((s) => s.values);
  // A narrow screen has no room for a number at each of many bars: they are in the table.
  const isTold = across || !isNarrow() || names.length * series.length <= 8;
  const traces = series.map((s) => ({
    [across ? "y" : "x"]: names, [across ? "x" : "y"]: s.values, name: s.name, type: "bar",
    orientation: across ? "h" : "v", marker: { color: s.colours?.map(colour) ?? colour(s.colour) },
    text: s.values.map((v) => (isTold && (v || series.length === 1) ? v.toLocaleString("en") : "")), textangle: 0,
    // At its own size always: fitted into its bar, a number in a small bar can't be read.
    textposition: stacked ? "inside" : "outside", constraintext: "none", cliponaxis: false, textfont: { size: 11 },
    // One bar alone would fill the panel.
    width: series.length === 1 && names.length < 3 ? 0.4 : undefined,
    hovertemplate: across ? `%{y}: %{x:,}<extra>${series.length > 1 ? s.name : ""}</extra>` : "%{x}: %{y:,}",
  }));
  const counts = { ...whole(sums), range: [0, Math.max(1, ...sums) * (stacked ? 1.02 : 1.13)], rangemode: "tozero" };
  const made = across
    ? { yaxis: { autorange: "reversed", rangemode: "normal", type: "category" }, xaxis: counts, hovermode: "closest" }
    : { yaxis: counts };
  return draw(place, traces, layout({ ...made, barmode: stacked ? "stack" : "group", showlegend: series.length > 1 }), chosen);
}

export function funnel(place, steps, { chosen } = {}) {
  const trace = {
    type: "funnel", y: steps.map((s) => s.name), x: steps.map((s) => s.value), textinfo: "value+percent initial",
    marker: { color: steps.map(() => colour("in")) }, connector: { line: { color: colour("line") }, fillcolor: colour("heat-0") },
    hovertemplate: "%{y}: %{x:,}<extra></extra>",
  };
  return draw(place, [trace], layout({ yaxis: { rangemode: "normal" }, hovermode: "closest", showlegend: false, margin: { l: 80, r: 12, t: 8, b: 12 } }), chosen);
}

/** values: 7 rows of 24. */
export function heat(place, values, { chosen } = {}) {
  const trace = {
    type: "heatmap", z: values, x: [...Array(24).keys()], y: WEEKDAYS, xgap: 2, ygap: 2, zmin: 0,
    colorscale: [[0, colour("heat-0")], [1, colour("heat-1")]], showscale: true, colorbar: { thickness: 10, outlinewidth: 0, title: { text: "messages", side: "right" } },
    hovertemplate: "%{y} %{x}:00 – %{z:,} messages<extra></extra>",
  };
  const made = { yaxis: { autorange: "reversed", rangemode: "normal", showgrid: false }, xaxis: { dtick: isNarrow() ? 6 : 3, tickangle: 0, ticksuffix: " h", showgrid: false }, hovermode: "closest", showlegend: false };
  return draw(place, [trace], layout(made), chosen);
}

/** rows of retention by cohort, as a triangle. */
export function cohorts(place, rows) {
  const months = [...new Set(rows.map((r) => r.cohort_month))].sort();
  const most = Math.max(...rows.map((r) => r.months_later));
  const z = months.map((m) => [...Array(most + 1).keys()].map((later) => rows.find((r) => r.cohort_month === m && r.months_later === later)?.retention_share ?? null));
  const trace = {
    type: "heatmap", z, x: [...Array(most + 1).keys()], y: months.map((m) => m.slice(0, 7)), zmin: 0, zmax: 1, xgap: 2, ygap: 2,
    colorscale: [[0, colour("heat-0")], [1, colour("heat-1")]], showscale: false, texttemplate: "%{z:.0%}",
    hovertemplate: "first wrote %{y}, %{x} months later: %{z:.0%}<extra></extra>",
  };
  const made = { yaxis: { autorange: "reversed", rangemode: "normal", type: "category", showgrid: false }, xaxis: { dtick: 1, title: { text: "months after the first message" }, showgrid: false }, hovermode: "closest", showlegend: false };
  return draw(place, [trace], layout(made));
}
