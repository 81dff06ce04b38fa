// One conversation: what is known of it, whether it may be answered, and its thread as people read it.
import { PLATFORMS, ask, duration, el, explains, instant, keepingFocus, number, prepareDialogs } from "./common.js";

const REFRESH_MS = 10_000;
// As many messages as one answer of `thread` has at most.
const PAGE = 500;
const asked = new URLSearchParams(location.search);
const filters = { profile: asked.get("profile") ?? "", conversation: asked.get("conversation") ?? "" };
const PROVIDERS = { ayrshare: "Ayrshare", meta: "Meta", x: "X", sandbox: "the sandbox" };
const REASONS = {
  messaging_inactive: "messaging is off for this profile", account_unlinked: "the account is not linked",
  relink_required: "the account must be linked again", not_initiated: "the correspondent has not written yet",
  thread_controlled_elsewhere: "another app controls the thread", reply_window_closed: "the reply window is closed",
  monthly_limit_reached: "the month's limit is reached", recipient_unavailable: "the platform says they can't be written to",
};

function about(row, may) {
  const name = row.correspondent_name || row.correspondent_username || row.correspondent_id;
  document.title = `${name} · dmstream`;
  const answerable = may
    ? el("dd", {}, el("span", { class: `dot ${may.is_allowed ? "good" : "bad"}` }), may.is_allowed ? "yes" : `no: ${REASONS[may.reason] ?? may.reason}`, may.opens_at ? el("span", {}, "; again ", instant(may.opens_at)) : null)
    : el("dd", {}, "–");
  const left = row.window_expires_at ? (new Date(row.window_expires_at) - Date.now()) / 1000 : null;
  document.getElementById("about").replaceChildren(
    el("h2", {}, name, explains("can_reply", "May be answered")),
    el("dl", {},
      el("dt", {}, "Platform"), el("dd", {}, `${PLATFORMS[row.platform] ?? row.platform}, through ${PROVIDERS[row.provider] ?? row.provider}`),
      el("dt", {}, "Profile"), el("dd", {}, el("a", { href: `/dashboard?${new URLSearchParams({ profile: row.profile_id })}` }, row.profile_id)),
      el("dt", {}, "Messages"), el("dd", {}, `${number(row.received_count)} received, ${number(row.sent_count)} sent`),
      el("dt", {}, "Waits since"), el("dd", {}, row.waiting_since ? instant(row.waiting_since) : "answered"),
      el("dt", {}, "Reply window"), el("dd", {}, left === null ? "none" : left > 0 ? el("span", {}, `${duration(left)} left, until `, instant(row.window_expires_at)) : el("span", {}, "closed since ", instant(row.window_expires_at))),
      el("dt", {}, "May be answered"), answerable,
      el("dt", {}, "Place in the month"), el("dd", {}, row.rank_this_month ? number(row.rank_this_month) : "none yet"),
      el("dt", {}, "Id"), el("dd", {}, el("code", {}, row.conversation_id))));
}

function message(row) {
  const parts = [];
  if (row.is_deleted) parts.push(el("p", { class: "gone" }, "This message was deleted."));
  else if (row.is_unreadable) parts.push(el("p", { class: "gone" }, "The platform does not hand out this message's content."));
  else if (row.text) parts.push(el("p", {}, row.text));
  const files = row.attachments.map((a) => el("span", { class: "chip" }, (Array.isArray(a) ? a[0] : a.type) || "attachment"));
  if (files.length) parts.push(el("div", { class: "files" }, ...files));
  if (!parts.length) parts.push(el("p", { class: "gone" }, "No text."));
  const reactions = row.reactions.map((r) => (Array.isArray(r) ? r[1] : r.emoji)).join(" ");
  const words = [
    row.origin === "auto" ? "auto-response" : null, row.edit_count > 0 ? "edited" : null, row.is_backfilled ? "from history" : null,
    row.direction === "out" ? (row.read_at ? "read" : row.delivered_at ? "delivered" : "sent") : null,
  ].filter(Boolean);
  const time = new Date(row.occurred_at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  parts.push(el("div", { class: "meta" }, el("time", { datetime: row.occurred_at, title: row.occurred_at }, time), words.length ? ` · ${words.join(", ")}` : "", reactions ? `  ${reactions}` : ""));
  return el("li", { class: `message ${row.direction}`, "aria-label": row.direction === "in" ? "from the correspondent" : "from the profile" }, ...parts);
}

// The page that is asked for again and again, and what was before it as far as somebody wanted to read it.
let newest = [];
let older = [];
let isWhole = false;
const without = (rows, others) => { const ids = new Set(others.map((row) => row.message_id)); return rows.filter((row) => !ids.has(row.message_id)); };

async function showOlder(button) {
  button.disabled = true;
  try {
    const answer = await ask("thread", { ...filters, skip: newest.length + older.length });
    // A message that came meanwhile has moved the pages: what is shown already is not shown twice.
    older = [...without(answer.rows, [...older, ...newest]), ...older];
    isWhole = answer.rows.length < PAGE;
    show();
  } catch (error) {
    button.textContent = `${error.message} Try again.`;
    button.disabled = false;
  }
}

function thread(rows) {
  const pushedOut = without(newest, rows);
  if (rows.length < PAGE || pushedOut.length === newest.length) {
    // All there is; or nothing that was there before, and what lies between is not known.
    older = [];
    isWhole = rows.length < PAGE;
  } else {
    older = [...without(older, rows), ...pushedOut];
  }
  newest = rows;
  show();
}

function show() {
  const rows = [...older, ...newest];
  const shown = [];
  let day = "";
  for (const row of rows) {
    const here = new Date(row.occurred_at).toLocaleDateString("en-GB", { dateStyle: "full" });
    if (here !== day) shown.push(el("li", { class: "day" }, (day = here)));
    shown.push(message(row));
  }
  if (!isWhole) {
    const button = el("button", { type: "button", onclick: () => showOlder(button) }, "Show older messages");
    shown.unshift(el("li", { class: "day" }, button));
  }
  const place = document.getElementById("thread");
  keepingFocus(place, () => place.replaceChildren(...(shown.length ? shown : [el("li", { class: "empty" }, "No messages.")])));
}

async function refresh() {
  const status = document.getElementById("status");
  try {
    const [known, written] = await Promise.all([ask("conversation", filters), ask("thread", filters)]);
    if (known.rows.length) about(known.rows[0], refresh.may);
    else document.getElementById("about").replaceChildren(el("p", { class: "empty" }, "The archive has no such conversation."));
    thread(written.rows);
    document.body.dataset.asked = "1";
    const may = await ask("may_be_answered", filters);
    refresh.may = may.rows[0];
    if (known.rows.length) about(known.rows[0], refresh.may);
    status.textContent = `as of ${new Date().toLocaleTimeString("en-GB")}`;
    status.classList.remove("bad");
    document.body.dataset.asked = "2";
  } catch (error) {
    status.textContent = error.message;
    status.classList.add("bad");
  }
}

document.getElementById("back").href = filters.profile ? `/dashboard?${new URLSearchParams({ profile: filters.profile })}` : "/dashboard";
prepareDialogs();
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
