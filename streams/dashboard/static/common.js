// What both pages need: asking, words for numbers, elements, and what a metric means.

export const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
export const PLATFORMS = { facebook: "Messenger", instagram: "Instagram", x: "X" };

/** What the server says. Throws an Error whose message is for people. */
async function told(path, filters) {
  let response;
  try {
    response = await fetch(`/dashboard/${path}?${new URLSearchParams(filters)}`);
  } catch {
    throw new Error("The dashboard's process does not answer.");
  }
  const answer = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** One answer as objects by column, with what it measures. */
export async function ask(name, filters = {}) {
  const answer = await told(`data/${name}`, filters);
  const rows = answer.rows.map((row) => Object.fromEntries(answer.columns.map((c, i) => [c, row[i]])));
  return { ...answer, rows };
}

/** How many rows a list has, of which `ask` gives a page. */
export const totalOf = async (name, filters = {}) => Number((await told(`totals/${name}`, filters)).total);

/** An element. Texts are always set as text: messages of strangers are among them. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((c) => c !== null && c !== undefined));
  return made;
}

/** Does `change`, which makes what is in `place` anew; who is at a link or a button in it stays at its like. */
export function keepingFocus(place, change) {
  const held = place.contains(document.activeElement) ? document.activeElement : null;
  const done = change();
  if (held && !held.isConnected) [...place.querySelectorAll("a, button")].find((e) => e.isEqualNode(held))?.focus({ preventScroll: true });
  return done;
}

export const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en"));
export const share = (value) => (value === null || value === undefined ? "–" : `${number(Math.round(value * 100))} %`);

/** `6 d 22 h`, `2 h 05 min`, `9 min`, `42 s`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.floor(Number(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60), days = Math.floor(minutes / 1440), hours = Math.floor(minutes / 60) % 24;
  if (days) return `${days} d ${String(hours).padStart(2, "0")} h`;
  if (hours) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${minutes} min`;
}

/** An instant in the reader's zone; the exact UTC one is in the tooltip. */
export function instant(text) {
  if (!text) return "–";
  const at = new Date(text);
  const shown = at.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  return el("time", { datetime: text, title: text }, shown);
}

export const short = (name) => (name.length <= 20 ? name : `${name.slice(0, 9)}…${name.slice(-7)}`);

let definitions;
async function definitionOf(metric) {
  definitions ??= fetch("/dashboard/metrics").then((r) => r.json());
  const told = await definitions;
  const row = (told.rows ?? []).find((r) => r[0] === metric);
  return row && Object.fromEntries(told.columns.map((c, i) => [c, row[i]]));
}

/** The button that explains a number, from metric_definitions. */
export function explains(metric, title, sql) {
  return el("button", {
    class: "explain", type: "button", "aria-label": `What is: ${title}`, "data-metric": metric,
    onclick: async () => {
      const told = await definitionOf(metric);
      const dialog = document.getElementById("meaning");
      document.getElementById("meaning-title").textContent = title;
      const body = document.getElementById("meaning-body");
      body.replaceChildren(
        told
          ? el("div", {}, el("p", {}, told.definition), el("dl", {},
              el("dt", {}, "Unit"), el("dd", {}, told.unit),
              el("dt", {}, "Placed by"), el("dd", {}, told.timestamp_used),
              el("dt", {}, "Leaves out"), el("dd", {}, told.leaves_out),
              el("dt", {}, "View"), el("dd", {}, el("code", {}, told.view))))
          : el("p", {}, "The dictionary has no entry for it."),
      );
      const text = typeof sql === "function" ? sql() : sql;
      if (text) body.append(el("details", {}, el("summary", {}, "The SQL behind it"), el("pre", {}, text)));
      dialog.showModal();
    },
  }, "?");
}

export function prepareDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
}

const FORMS = {
  profile_id: (v) => el("span", { title: v }, short(v)), weekday: (v) => WEEKDAYS[v - 1], platform: (v) => PLATFORMS[v] ?? (v || "–"),
  limit_share: share, read_share: share, answered_share: share, used_share: share,
};
const WORDS = {
  waiting_since: "waits since", window_expires_at: "window ends", window_remaining_seconds: "left to reply",
  is_over_limit: "over limit", attempt_count: "attempts", response_seconds: "response", waiting_seconds: "waits for",
};

/** A table of rows; conversations lead to their page, and a row's first cell to what `lead` makes of the row.
 * `stacks`: on a phone each row is a block of its own, so that nothing lies outside of the screen. */
export function table(rows, { columns, lead, stacks } = {}) {
  const names = columns ?? Object.keys(rows[0] ?? {}).filter((n) => (n !== "profile_id" && n !== "correspondent") || n === "profile_id" && rows.some((r) => r.profile_id !== rows[0].profile_id));
  const isNumber = (n) => n !== "weekday" && rows.some((r) => typeof r[n] === "number");
  const word = (n) => WORDS[n] ?? n.replace(/_(at|id|count|seconds)$/, "").replaceAll("_", " ");
  const shown = (n, i, row) => (lead && i === 0 ? el("button", { type: "button", onclick: () => lead(row) }, cell(n, row)) : cell(n, row));
  return el("table", { class: stacks ? "stacks" : null },
    el("thead", {}, el("tr", {}, ...names.map((n) => el("th", { scope: "col", class: isNumber(n) ? "n" : null }, word(n))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...names.map((n, i) => el("td", { class: isNumber(n) ? "n" : null, "data-label": word(n) }, shown(n, i, row)))))));
}

function cell(name, row) {
  const value = row[name];
  if (name === "conversation_id" && value && row.profile_id) {
    const query = new URLSearchParams({ profile: row.profile_id, conversation: value });
    const person = value.split(":").slice(2).join(":");
    return el("a", { href: `/dashboard/conversation?${query}`, title: value }, row.correspondent || short(person));
  }
  if (FORMS[name]) return FORMS[name](value);
  if (name.endsWith("_seconds")) return name.includes("remaining") && value !== null && value <= 0 ? "closed" : duration(value);
  if (name.endsWith("_at") || name === "waiting_since") return instant(value);
  if (name.startsWith("is_") || name.startsWith("has_")) return value ? "yes" : "";
  if (value === null || value === "") return "–";
  return typeof value === "number" ? number(value) : String(value);
}
