// The crosshair of every chart: mouse, finger, or arrow keys. What it shows is beside the chart as JSON.
"use strict";
(function () {
  const SVG = "http://www.w3.org/2000/svg";

  function node(name, attributes, parent) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    return parent.appendChild(made);
  }

  function nearest(places, share) {
    let low = 0, high = places.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (places[middle] > share) high = middle; else low = middle;
    }
    return share - places[low] < places[high] - share ? low : high;
  }

  function words(data, index) {
    const rows = data.rows.filter((row) => row.text[index]).map((row) => row.name + " " + row.text[index]);
    return data.labels[index] + ": " + (rows.join(", ") || "nothing");
  }

  function fill(box, data, index) {
    box.replaceChildren();
    const title = box.appendChild(document.createElement("b"));
    title.textContent = data.labels[index];
    for (const row of data.rows) {
      if (!row.text[index]) continue;
      const line = box.appendChild(document.createElement("span"));
      line.className = "tip-row";
      const key = line.appendChild(document.createElement("i"));
      key.className = "key key-dot ink-" + row.ink;
      line.appendChild(document.createElement("span")).textContent = row.name;
      line.appendChild(document.createElement("b")).textContent = row.text[index];
    }
  }

  function enliven(chart) {
    const area = chart.querySelector(".area"), drawing = chart.querySelector(".drawing");
    const source = chart.querySelector("script.hover");
    if (!area || !source || chart.dataset.live) return;
    const data = JSON.parse(source.textContent), height = drawing.getAttribute("height") - 26;
    if (!data.at.length) return;
    chart.dataset.live = "yes";
    const layer = node("g", { class: "cross", visibility: "hidden" }, drawing);
    const line = node("line", { y1: 0, y2: height }, layer);
    const dots = data.rows.map((row) => node("circle", { r: 4, class: "pin ink-" + row.ink }, layer));
    const box = area.appendChild(document.createElement("div"));
    box.className = "tip";
    box.hidden = true;
    let index = data.at.length - 1;

    function show(to) {
      index = Math.max(0, Math.min(data.at.length - 1, to));
      const share = data.at[index], x = 100 * share + "%";
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
      data.rows.forEach((row, at) => {
        const known = row.y[index] !== null;
        dots[at].setAttribute("visibility", known ? "inherit" : "hidden");
        dots[at].setAttribute("cx", x);
        dots[at].setAttribute("cy", known ? row.y[index] : 0);
      });
      layer.setAttribute("visibility", "visible");
      fill(box, data, index);
      box.hidden = false;
      const room = area.clientWidth - box.offsetWidth;
      const beside = share * area.clientWidth + (share > 0.5 ? -box.offsetWidth - 12 : 12);
      box.style.left = Math.max(Math.min(0, room), Math.min(beside, Math.max(0, room))) + "px";
      area.setAttribute("aria-valuenow", String(index + 1));
      area.setAttribute("aria-valuetext", words(data, index));
    }

    function hide() {
      layer.setAttribute("visibility", "hidden");
      box.hidden = true;
    }

    // A slider over the days is what the crosshair is, to a keyboard and to a screen reader.
    const heading = chart.closest("figure") && chart.closest("figure").querySelector("h3");
    area.tabIndex = 0;
    area.setAttribute("role", "slider");
    area.setAttribute("aria-label", (heading ? heading.textContent : "Chart") + ": values along the chart");
    area.setAttribute("aria-valuemin", "1");
    area.setAttribute("aria-valuemax", String(data.at.length));
    area.setAttribute("aria-valuenow", String(index + 1));
    area.setAttribute("aria-valuetext", words(data, index));

    const point = (event) => {
      const frame = area.getBoundingClientRect();
      show(nearest(data.at, (event.clientX - frame.left) / frame.width));
    };
    area.addEventListener("pointermove", point);
    area.addEventListener("pointerdown", point);
    area.addEventListener("pointerleave", () => { if (document.activeElement !== area) hide(); });
    area.addEventListener("focus", () => { if (area.matches(":focus-visible")) show(index); });
    area.addEventListener("blur", hide);
    area.addEventListener("keydown", (event) => {
      const page = Math.max(1, Math.round(data.at.length / 20));
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -page, PageUp: page };
      if (event.key in steps) show(index + steps[event.key]);
      else if (event.key === "Home") show(0);
      else if (event.key === "End") show(data.at.length - 1);
      else if (event.key === "Escape") return hide();
      else return;
      event.preventDefault();
    });
  }

  // A page that replaces its charts calls this again; charts that are alive already stay as they are.
  window.podiumCharts = (root) => (root || document).querySelectorAll("[data-chart]").forEach(enliven);
  window.podiumCharts();
})();
