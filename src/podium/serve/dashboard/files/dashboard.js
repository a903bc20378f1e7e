// Keeps the page up to date: fetches it again, and replaces the parts that differ. Nothing is replaced under somebody's
// keyboard, pointer or selection; such a part waits for its turn.
"use strict";
(function () {
  const EVERY = 5000, PATIENCE = 2; // milliseconds; failures in a row before the page says so
  const shown = new Map();
  let tag = "", failures = 0, busy = false;

  const parts = (root) => [...root.querySelectorAll("[data-part]")];
  const byId = (id) => document.getElementById(id);

  function inUse(part) {
    const selection = document.getSelection();
    return part.contains(document.activeElement)
      || (selection && !selection.isCollapsed && selection.containsNode(part, true))
      || part.querySelector(".tip:not([hidden])");
  }

  function keepOpen(old, fresh) {
    const was = old.querySelectorAll("details");
    fresh.querySelectorAll("details").forEach((details, at) => { if (was[at] && was[at].open) details.open = true; });
  }

  // Parts that came or went mean another kind of page: a first champion, a first second pair. Then all is new.
  function replaceAll(fresh) {
    const main = byId("content"), next = document.adoptNode(fresh.getElementById("content"));
    if (main.contains(document.activeElement) && document.activeElement !== main) return false;
    parts(next).forEach((part) => shown.set(part.dataset.part, part.outerHTML));
    main.replaceWith(next);
    window.podiumCharts(next);
    return true;
  }

  function take(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const before = byId("headline") && byId("headline").textContent;
    const now = parts(fresh), here = parts(document);
    let whole = true;
    if (now.map((part) => part.dataset.part).join() !== here.map((part) => part.dataset.part).join()) {
      whole = replaceAll(fresh);
    } else {
      now.forEach((part, at) => {
        const name = part.dataset.part, html = part.outerHTML;
        if (shown.get(name) === html) return;
        if (inUse(here[at])) { whole = false; return; }
        keepOpen(here[at], part);
        const next = document.adoptNode(part);
        here[at].replaceWith(next);
        window.podiumCharts(next);
        if (shown.has(name) && name !== "state") next.classList.add("changed");
        shown.set(name, html);
      });
    }
    document.title = fresh.title;
    const after = byId("headline") && byId("headline").textContent;
    if (before !== after) byId("news").textContent = after;
    return whole;
  }

  function lost(sentence) {
    const line = byId("lost");
    line.hidden = !sentence;
    if (line.textContent !== sentence) line.textContent = sentence;
  }

  async function look() {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      const answer = await fetch(location.pathname + location.search, { headers, cache: "no-store" });
      if (answer.status === 200) {
        const fresh = answer.headers.get("ETag") || "";
        // What had to wait is fetched again: the page is remembered only once all of it is shown.
        tag = take(await answer.text()) ? fresh : "";
      } else if (answer.status !== 304) {
        throw new Error(String(answer.status));
      }
      failures = 0;
      lost("");
    } catch (error) {
      failures += 1;
      if (failures >= PATIENCE) {
        const time = document.querySelector(".state time");
        lost("The server does not answer; this page is as of " + (time ? time.textContent : "a while ago") + ".");
      }
    } finally {
      busy = false;
    }
  }

  // This script runs before the one of the charts, so that a part is remembered as the server wrote it.
  parts(document).forEach((part) => shown.set(part.dataset.part, part.outerHTML));
  document.body.classList.add("live-page");
  document.addEventListener("visibilitychange", look);
  setInterval(look, EVERY);
  window.podiumLook = look;
})();
