// The overview: what is asked, and how each answer is shown. Every number leads to its conversations.
import { PLATFORMS, WEEKDAYS, ask, duration, el, explains, instant, keepingFocus, number, prepareDialogs, share, short, table } from "./common.js";
import { bars, cohorts, funnel, heat, lines } from "./charts.js";
import { noteRest, showList } from "./lists.js";

const REFRESH_MS = 30_000;
const BUCKETS = ["under 5 min", "5–15 min", "15–60 min", "1–4 h", "4–8 h", "8–24 h", "over 24 h", "not yet"];
const state = { profile: "", platform: "", days: "30" };
const answers = new Map();
const sum = (rows, name) => rows.reduce((all, row) => all + Number(row[name] ?? 0), 0);
const column = (rows, name) => rows.map((row) => row[name]);
const one = (rows, name) => rows[0]?.[name];

// ---- what is shown

const TILES = [
  { title: "Messages received", metric: "messages_received", from: "messages_per_day", show: (r) => number(sum(r, "received")), more: (r) => `${number(one(r.slice(-1), "received"))} today`, leads: ["conversations_by_messages", ""] },
  { title: "Messages sent", metric: "messages_sent", from: "messages_per_day", show: (r) => number(sum(r, "sent")), more: (r) => `${number(sum(r, "auto_responses"))} by auto-response`, leads: ["conversations_by_messages", ""] },
  { title: "Conversations started", metric: "conversations_started", from: "conversations_started", show: (r) => number(sum(r, "started")), more: (r) => `${number(one(r.slice(-1), "started"))} today`, leads: ["conversations_by_messages", ""] },
  { title: "First response", metric: "response_seconds", from: "response_times", show: (r) => duration(kind(r, "first_response").median_seconds), more: (r) => kind(r, "first_response").answered > 0 ? `median; nine of ten within ${duration(kind(r, "first_response").p90_seconds)}` : "nobody was answered yet", leads: ["conversations_by_response", ""] },
  { title: "In business hours", metric: "business_response_seconds", from: "business_hours", show: (r) => inHours(r) ? duration(kind(r, "first_response").median_seconds) : "–", more: (r) => inHours(r) ? `median; ${number(kind(r, "first_response").in_hours)} of ${number(kind(r, "first_response").answered)} waits lay partly in them` : "no answered wait lay in them", leads: ["conversations_by_response", ""] },
  { title: "Answered", metric: "response_rate", from: "response_times", show: (r) => share(sum(r, "spans") ? sum(r, "answered") / sum(r, "spans") : null), more: (r) => `of ${number(sum(r, "spans"))} waits for a reply`, leads: ["conversations_by_response", "8"] },
  { title: "Waiting now", metric: "conversations_waiting", from: "waiting_now", show: (r) => number(one(r, "waiting")), more: (r) => Number(one(r, "waiting")) ? `longest ${duration(one(r, "longest_seconds"))}` : "nobody waits", leads: ["conversations_waiting", ""] },
  { title: "Windows closing", metric: "windows_closing", from: "waiting_now", show: (r) => number(one(r, "closing")), more: () => "within 24 hours", bad: (r) => one(r, "closing") > 0, leads: ["closing_soon", ""] },
  { title: "Closed unanswered", metric: "windows_closed_unanswered", from: "reply_windows", show: (r) => number(one(r, "closed_unanswered")), more: (r) => `of ${number(one(r, "windows"))} reply windows`, leads: ["conversations_by_window", "closed"] },
  { title: "Sends delivered", metric: "delivery_success", from: "sends_by_outcome", show: (r) => settled(r) ? share(one(r, "sent") / settled(r)) : "–", more: (r) => `${number(one(r, "unknown"))} unknown, ${number(one(r, "failed"))} failed`, leads: ["conversations_by_send", ""] },
  { title: "Failures kept", metric: "failed_events", from: "failures", show: (r) => number(sum(r, "failures")), more: () => "of all profiles", bad: (r) => sum(r, "failures") > 0 },
  { title: "Records missing", metric: "missing_records", from: "completeness", show: (r) => number(sum(r, "missing")), more: (r) => `of ${number(sum(r, "records"))} in the log`, bad: (r) => sum(r, "missing") > 0 },
];
const kind = (rows, name) => rows.find((r) => r.kind === name) ?? {};
// A wait that lay outside of them took 0 s of them: that is no answer at once.
const inHours = (rows) => Number(kind(rows, "first_response").in_hours ?? 0) > 0;
const settled = (r) => Number(one(r, "accepted") ?? 0) - Number(one(r, "pending") ?? 0);

const PANELS = [
  { title: "Messages per day", name: "messages_per_day", size: "wide", empty: (r) => sum(r, "received") + sum(r, "sent") === 0,
    chart: (at, r) => lines(at, column(r, "day"), [
      { name: "received", values: column(r, "received"), colour: "in" },
      { name: "sent", values: column(r, "sent"), colour: "out" },
      { name: "auto-responses", values: column(r, "auto_responses"), colour: "auto" },
    ], { chosen: (p) => onDay({ day: p.x }) }), lead: (row) => onDay(row) },
  { title: "Windows closing soon", name: "closing_soon", most: 7, empty: (r) => !r.length, none: "No conversation's window ends within 24 hours.",
    chart: (at, r) => at.replaceChildren(table(r, { columns: ["conversation_id", ...(state.profile ? ["waiting_since"] : ["profile_id"]), "window_remaining_seconds", "window_expires_at", "platform"], stacks: true })) },
  { title: "Busiest hours", name: "busiest_hours", empty: (r) => sum(r, "received") === 0,
    chart: (at, r) => {
      const z = Array.from({ length: 7 }, (_, d) => r.filter((row) => row.weekday === d + 1).map((row) => Number(row.received)));
      return heat(at, z, { chosen: (p) => atHour({ weekday: WEEKDAYS.indexOf(p.y) + 1, hour: Number(p.x) }) });
    }, lead: (row) => atHour(row) },
  { title: "How long people wait for a reply", name: "response_distribution", empty: (r) => sum(r, "first_responses") + sum(r, "next_responses") === 0,
    chart: (at, r) => bars(at, BUCKETS, [
      { name: "first response", values: column(r, "first_responses").map(Number), colour: "in" },
      { name: "next responses", values: column(r, "next_responses").map(Number), colour: "auto" },
    ], { chosen: (p) => waited({ bucket: p.pointIndex + 1 }) }), lead: (row) => waited(row), words: (row) => ({ ...row, bucket: BUCKETS[row.bucket - 1] }) },
  { title: "What becomes of sends", name: "sends_by_outcome", empty: (r) => Number(one(r, "asked") ?? 0) === 0, none: "Nothing was asked to be sent.",
    chart: (at, r) => funnel(at, ["asked", "accepted", "attempted", "sent"].map((n) => ({ name: n, value: Number(one(r, n)) })),
      { chosen: (p) => lead("conversations_by_send", p.y === "sent" ? "sent" : "", `Sends: ${p.y}`) }) },
  { title: "Why sends did not go through", name: "refusals", most: 12, empty: (r) => !r.length, none: "No send was refused.",
    chart: (at, r) => {
      const reasons = [...new Set(r.map(reasonOf))];
      const of = (outcome) => reasons.map((reason) => sum(r.filter((row) => row.outcome === outcome && reasonOf(row) === reason), "commands"));
      const series = [["rejected", "warn"], ["failed", "bad"], ["unknown", "auto"]].map(([name, colour]) => ({ name, colour, values: of(name) }));
      return bars(at, reasons.map((reason) => reason.replaceAll("_", " ")), series.filter((s) => s.values.some(Boolean)),
        { across: true, stacked: true, chosen: (p) => refused({ reason: reasons[p.pointIndex] }) });
    }, lead: (row) => refused({ reason: reasonOf(row) }) },
  { title: "Limits in use this month", name: "limits", most: 7, empty: (r) => !r.length, none: "No conversation is active this month.",
    chart: (at, r) => at.replaceChildren(limits(r)) },
  { title: "Reply windows", name: "reply_windows", size: "third", empty: (r) => Number(one(r, "windows") ?? 0) === 0, none: "No reply window opened.",
    chart: (at, r) => bars(at, ["replied", "after half", "after 9/10", "closed", "open"], [{ name: "windows", values: ["replied", "after_half", "after_nine_tenths", "closed_unanswered", "still_open"].map((n) => Number(one(r, n))), colours: ["good", "warn", "warn", "bad", "in"] }],
      { chosen: (p) => lead("conversations_by_window", { replied: "replied", closed: "closed", open: "open" }[p.x] ?? "late", `Reply windows: ${p.x}`) }) },
  { title: "By platform", name: "platforms", size: "third", empty: (r) => !r.length,
    chart: (at, r) => bars(at, r.map((row) => PLATFORMS[row.platform] ?? row.platform), [
      { name: "received", values: column(r, "received").map(Number), colour: "in" }, { name: "sent", values: column(r, "sent").map(Number), colour: "out" }], { chosen: () => lead("conversations_by_messages", "", "Conversations") }) },
  { title: "Auto-responses", name: "auto_responses", size: "third", empty: (r) => !r.length,
    chart: (at, r) => at.replaceChildren(table(r.map((row) => ({ wait: row.has_auto_response ? "with auto-response" : "without", waits: Number(row.spans), answered_share: row.answered_share, response_seconds: row.median_seconds })), { stacks: true })) },
  { title: "Read by the other side", name: "reads", empty: (r) => sum(r, "sent") === 0,
    chart: (at, r) => lines(at, column(r, "day"), [{ name: "share of sent messages", values: column(r, "read_share"), colour: "good" }], { percent: true, chosen: (p) => onDay({ day: p.x }) }), lead: (row) => onDay(row) },
  { title: "Who comes back, by the month of the first message", name: "retention", empty: (r) => !r.length, chart: (at, r) => cohorts(at, r) },
  { title: "Attachments", name: "attachments", size: "third", most: 10, empty: (r) => !r.length, none: "No attachments.",
    chart: (at, r) => bars(at, column(r, "attachment_type"), [{ name: "received", values: column(r, "received").map(Number), colour: "in" }, { name: "sent", values: column(r, "sent").map(Number), colour: "out" }], { across: true }) },
  { title: "Reactions", name: "reactions", size: "third", most: 10, empty: (r) => !r.length, none: "No reactions.",
    chart: (at, r) => bars(at, column(r, "emoji"), [{ name: "reactions", values: column(r, "reactions").map(Number), colour: "auto" }], { across: true }) },
  { title: "From the platform to here", name: "ingestion_delay", size: "third", empty: (r) => !r.length,
    chart: (at, r) => lines(at, column(r, "day"), [{ name: "nine of ten within (slowest platform)", values: column(r, "p90_seconds"), colour: "in" }], { seconds: true }) },
  { title: "Health of the pipeline", name: "completeness", empty: (r) => !r.length, none: "The archive is empty.",
    chart: (at, r) => at.replaceChildren(health(r)) },
  { title: "Kept as failures", name: "failures", most: 8, empty: (r) => !r.length, none: "No failures in this period.",
    chart: (at, r) => at.replaceChildren(table(r, { stacks: true })) },
];

/** heads: [name, is it a number]; each row: what is in its cells. */
function listOf(heads, rows) {
  const kind = (i) => (heads[i][1] ? "n" : null);
  return el("table", { class: "stacks" },
    el("thead", {}, el("tr", {}, ...heads.map(([name], i) => el("th", { scope: "col", class: kind(i) }, name)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell, i) => el("td", { class: kind(i), "data-label": heads[i][0] }, cell))))));
}

function limits(rows) {
  return listOf([["profile"], ["active", true], ["limit", true], ["used"]], rows.map((row) => {
    const used = row.limit_share ?? Infinity;
    const bar = el("i", {});
    bar.style.width = `${Math.min(100, used * 100)}%`;
    const level = used >= 1 ? "over" : used >= 0.8 ? "near" : "";
    return [el("button", { type: "button", title: row.profile_id, onclick: () => choose("profile", row.profile_id) }, short(row.profile_id)),
      number(row.active_count), number(row.monthly_limit),
      el("div", {}, el("span", { class: `share ${level}` }, bar), `${share(row.limit_share)}${row.is_limit_reached ? " – reached" : ""}`)];
  }));
}

function health(rows) {
  return listOf([["topic"], ["partitions", true], ["records", true], ["missing", true], ["last archived"]], rows.map((row) => [
    el("span", {}, el("span", { class: `dot ${Number(row.missing) ? "bad" : "good"}` }), row.topic),
    ...["partitions", "records", "missing"].map((n) => number(row[n])), instant(row.last_inserted_at)]));
}

// ---- from a number to its conversations

const lead = (name, more, title) => showList(name, { ...state, more }, title);
const onDay = ({ day }) => lead("conversations_by_messages", day, `Conversations on ${day}`);
const atHour = ({ weekday, hour }) => lead("conversations_by_hour", String((weekday - 1) * 24 + hour), `Conversations on ${WEEKDAYS[weekday - 1]} at ${hour}:00`);
const waited = ({ bucket }) => lead("conversations_by_response", String(bucket), `Waited: ${BUCKETS[bucket - 1]}`);
const refused = ({ reason }) => lead("conversations_by_send", reason, `Sends: ${reason.replaceAll("_", " ")}`);
const reasonOf = (row) => row.reason || row.outcome;

// ---- the page

function build() {
  document.getElementById("tiles").append(...TILES.map((tile) => {
    tile.number = tile.leads
      ? el("button", { class: "number", type: "button", onclick: () => lead(...tile.leads, tile.title) }, "…")
      : el("span", { class: "number" }, "…");
    tile.note = el("div", { class: "more" }, "");
    return el("article", { class: "tile" }, el("h2", {}, tile.title, explains(tile.metric, tile.title, () => answers.get(tile.from)?.sql)), tile.number, tile.note);
  }));
  document.getElementById("panels").append(...PANELS.map((panel) => {
    panel.place = el("div", { class: "chart", role: "group", "aria-label": panel.title });
    panel.numbers = el("details", {}, el("summary", {}, "as a table"));
    panel.numbers.addEventListener("toggle", () => fillTable(panel));
    panel.metric = el("span", {});
    panel.rest = el("p", { class: "note of" });
    return el("article", { class: `panel ${panel.size ?? ""}`, "data-panel": panel.name }, el("h2", {}, panel.title, panel.metric), panel.place, panel.rest, panel.numbers);
  }));
}

function fillTable(panel) {
  const rows = answers.get(panel.name)?.rows ?? [];
  // The words of a row are for reading; what leads on is the row itself.
  const row = new Map(rows.map((told) => [panel.words?.(told) ?? told, told]));
  const shown = rows.length ? table([...row.keys()], { lead: panel.lead && ((words) => panel.lead(row.get(words))) }) : "Nothing.";
  keepingFocus(panel.numbers, () => {
    panel.numbers.querySelector("div")?.remove();
    if (panel.numbers.open) panel.numbers.append(el("div", { class: "scroll" }, shown));
  });
}

function showTile(tile) {
  const rows = answers.get(tile.from).rows;
  tile.number.textContent = tile.show(rows);
  tile.number.classList.toggle("bad", Boolean(tile.bad?.(rows)));
  tile.note.textContent = tile.more(rows);
}

async function showPanel(panel) {
  const answer = answers.get(panel.name);
  const { rows, metric } = answer;
  if (!panel.metric.firstChild) panel.metric.append(explains(metric, panel.title, () => answers.get(panel.name)?.sql));
  panel.numbers.hidden = panel.empty(rows);
  if (panel.empty(rows)) {
    window.Plotly.purge(panel.place);
    panel.place.replaceChildren(el("p", { class: "empty" }, panel.none ?? "No messages in this period."));
  } else {
    if (panel.place.querySelector(":scope > .empty, :scope > .bad")) panel.place.replaceChildren();
    await keepingFocus(panel.place, () => panel.chart(panel.place, panel.most ? rows.slice(0, panel.most) : rows));
  }
  if (panel.most) await noteRest(panel.rest, answer, panel.most, panel.name, { ...state }, panel.title);
  if (panel.numbers.open) fillTable(panel);
}

let asked = 0;
async function refresh() {
  const mine = ++asked;
  const status = document.getElementById("status");
  const filters = { ...state };
  const failed = new Set();
  const names = [...new Set([...TILES.map((t) => t.from), ...PANELS.map((p) => p.name)])];
  await Promise.all(names.map(async (name) => {
    try {
      const answer = await ask(name, filters);
      if (mine !== asked) return;
      answers.set(name, answer);
      TILES.filter((t) => t.from === name).forEach(showTile);
      await Promise.all(PANELS.filter((p) => p.name === name).map(showPanel));
    } catch (error) {
      failed.add(error.message);
      if (mine !== asked || answers.has(name)) return;
      for (const panel of PANELS.filter((p) => p.name === name)) panel.place.replaceChildren(el("p", { class: "empty bad" }, error.message));
      TILES.filter((t) => t.from === name).forEach((t) => { t.number.textContent = "–"; });
    }
  }));
  if (mine !== asked) return;
  status.classList.toggle("bad", failed.size > 0);
  status.textContent = failed.size ? `Not up to date: ${[...failed][0]}` : `as of ${new Date().toLocaleTimeString("en-GB")}`;
  document.body.dataset.asked = String(mine);
  document.body.dataset.shows = String(new URLSearchParams(filters));
}

async function fillProfiles() {
  const { rows } = await ask("profiles");
  const list = document.getElementById("profile");
  const known = new Set([...list.options].map((o) => o.value));
  for (const row of rows) if (!known.has(row.profile_id)) list.append(el("option", { value: row.profile_id }, `${short(row.profile_id)} (${number(row.messages)})`));
  const all = Number(one(rows, "profiles") ?? 0);
  if (all > rows.length && !known.has("?")) list.append(el("option", { value: "?", disabled: true }, `${number(rows.length)} of ${number(all)}: others by the address, ?profile=…`));
  if (state.profile && !known.has(state.profile) && !rows.some((r) => r.profile_id === state.profile)) list.append(el("option", { value: state.profile }, short(state.profile)));
  list.value = state.profile;
}

function choose(name, value) {
  state[name] = value;
  document.getElementById(name).value = value;
  history.replaceState(null, "", `?${new URLSearchParams(state)}`);
  answers.clear();
  refresh();
}

function start() {
  for (const [name, value] of new URLSearchParams(location.search)) if (name in state) state[name] = value;
  build();
  prepareDialogs();
  for (const name of Object.keys(state)) {
    const field = document.getElementById(name);
    field.value = state[name];
    field.addEventListener("change", () => choose(name, field.value));
  }
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("again").addEventListener("click", refresh);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => PANELS.filter((p) => answers.has(p.name)).forEach(showPanel));
  fillProfiles().catch(() => {});
  refresh();
  setInterval(() => { if (!document.hidden) { refresh(); fillProfiles().catch(() => {}); } }, REFRESH_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
}

start();
