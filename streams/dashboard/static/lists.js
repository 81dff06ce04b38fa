// Lists that may be longer than a page: the first rows, how many there are, and the way to the rest.
import { ask, el, number, table, totalOf } from "./common.js";

let opened = 0;

/** `50 of 168, least time left first.` */
const said = (shown, total, order) => (total > shown ? `${number(shown)} of ${number(total)}, ${order}.` : `${number(total)} found, ${order}.`);

/** The list in the page's dialog, a page at a time. */
export async function showList(name, filters, title) {
  const mine = ++opened;
  const dialog = document.getElementById("list"), body = document.getElementById("list-body");
  const words = el("p", { class: "note", role: "status" }, "Asking …"), place = el("div", {});
  const rest = el("button", { type: "button", class: "rest", hidden: true, onclick: () => next() }, "Show more");
  document.getElementById("list-title").textContent = title;
  body.replaceChildren(words, place, rest);
  if (!dialog.open) dialog.showModal();
  let rows = [], total = null;

  async function next() {
    rest.disabled = true;
    try {
      const answer = await ask(name, { ...filters, skip: rows.length });
      // Another list was asked for meanwhile.
      if (mine !== opened) return;
      rows = rows.concat(answer.rows);
      place.replaceChildren(rows.length ? table(rows, { stacks: true }) : el("p", { class: "empty" }, "None."));
      words.textContent = `${number(rows.length)} so far, ${answer.order}.`;
      const isLast = answer.rows.length < answer.page;
      total = isLast ? rows.length : (total ?? await totalOf(name, filters));
      if (mine !== opened) return;
      words.textContent = rows.length ? said(rows.length, total, answer.order) : "";
      rest.hidden = rows.length >= total;
    } catch (error) {
      if (mine === opened) words.replaceChildren(el("span", { class: "bad" }, error.message));
    } finally {
      rest.disabled = false;
    }
  }
  await next();
}

/** Under a panel that shows `most` rows of more: what is left out, and the way to it. */
export async function noteRest(place, answer, most, name, filters, title) {
  if (answer.rows.length <= most) return place.replaceChildren();
  const total = answer.rows.length < answer.page ? answer.rows.length : await totalOf(name, filters);
  const button = place.querySelector("button") ?? el("button", { type: "button" }, "Show all");
  button.onclick = () => showList(name, filters, title);
  const words = `${number(most)} of ${number(total)}, ${answer.order}. `;
  // The button stays the same element, so that who stands on it is not thrown off at each refresh.
  if (place.contains(button)) place.firstChild.textContent = words;
  else place.replaceChildren(words, button);
}
