// What the laboratories share: numbers from Python, controls, charts. Each laboratory is
// a file of its own that computes in the page and registers its numerics here, so that
// the tests can compare them with Python.
window.laboratory = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const [WIDTH, HEIGHT] = [360, 300]; // of a chart, in its own units
  const [LEFT, RIGHT, TOP, BOTTOM] = [58, 10, 10, 42]; // room for the axes
  const MOST_POINTS = 2500; // of a drawn line; no screen shows more
  const FRESH = { autocomplete: "off" }; // else Back restores controls, not pictures

  /** Python's float64 numbers, written as base64. */
  const decode = (text) => {
    const bytes = Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
    return new Float64Array(bytes.buffer);
  };

  const make = (tag, attributes = {}, ...inside) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
      element.setAttribute(name, value);
    element.append(...inside);
    return element;
  };

  const draw = (tag, attributes = {}, text = "") => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes))
      element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };

  /** A number for people: 0.25, -1.5, 3.2e-9. */
  const show = (x, digits = 2) => {
    if (x === 0) return "0";
    if (!Number.isFinite(x)) return "infinite";
    const size = Math.abs(x);
    const short = size < 1e-3 || size >= 1e5;
    const text = short
      ? x.toExponential(digits - 1).replace("e+", "e")
      : String(+x.toPrecision(digits + 1));
    return text.replaceAll("-", "\u2212"); // a line may break at a hyphen
  };

  /** A labelled slider; `text` says its value to eyes and to screen readers. */
  const slider = (label, { min, max, step, value, text = show }) => {
    const input = make("input", { type: "range", min, max, step, value, ...FRESH });
    const output = make("output");
    const tell = () => {
      output.textContent = text(+input.value);
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", tell);
    tell();
    const named = make("label", {}, make("span", {}, label), input);
    const element = make("div", { class: "explore-control" }, named, output);
    const set = (x) => {
      input.value = x;
      tell();
    };
    return { element, input, set, get: () => +input.value };
  };

  /** A labelled drop-down of {value: text}. */
  const select = (label, options, value) => {
    const input = make("select", FRESH);
    for (const [key, text] of Object.entries(options))
      input.append(make("option", { value: key }, text));
    input.value = value;
    const named = make("label", {}, make("span", {}, label), input);
    const element = make("div", { class: "explore-control" }, named);
    return {
      element,
      input,
      get: () => input.value,
      set: (x) => (input.value = x),
    };
  };

  /** A row of boxes to tick, {value: text}, under one legend. */
  const boxes = (legend, options, ticked) => {
    const inputs = {};
    const element = make("fieldset", {}, make("legend", {}, legend));
    for (const [key, text] of Object.entries(options)) {
      inputs[key] = make("input", { type: "checkbox", value: key, ...FRESH });
      element.append(make("label", {}, inputs[key], text));
    }
    const get = () => Object.keys(inputs).filter((key) => inputs[key].checked);
    const set = (keys) => {
      for (const key in inputs) inputs[key].checked = keys.map(String).includes(key);
    };
    set(ticked);
    return { element, get, set };
  };

  /** Round numbers inside [low, high], a handful of them. */
  const ticks = (low, high, isLog) => {
    if (isLog) {
      const [first, last] = [Math.ceil(low - 1e-9), Math.floor(high + 1e-9)];
      const every = Math.max(1, Math.ceil((last - first) / 5));
      const found = [];
      for (let k = first; k <= last; k += every) found.push(k);
      return found;
    }
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((it) => it * power >= rough) * power;
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k++)
      found.push(+(k * step).toPrecision(12));
    return found;
  };

  /** A number on an axis, 10 to a power as such. */
  const tickText = (value, isLog) => {
    if (!isLog) return [String(value).replace("-", "\u2212"), ""];
    if (value === 0 || value === 1) return [String(10 ** value), ""];
    return ["10", String(value).replace("-", "\u2212")];
  };

  /** Axes with a view {x: [low, high], y: [low, high]}; a logarithmic axis takes
      powers of ten. Lines, dots and boxes are drawn in the units of the view. */
  const chart = ({ xLabel, yLabel, logX = false, logY = false }) => {
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    const clip = `clip-${Math.random().toString(36).slice(2)}`;
    const frame = {
      x: LEFT,
      y: TOP,
      width: WIDTH - LEFT - RIGHT,
      height: HEIGHT - TOP - BOTTOM,
    };
    const area = draw("clipPath", { id: clip });
    area.append(draw("rect", frame));
    const axes = draw("g", { class: "lab-axes" });
    const inside = draw("g", { "clip-path": `url(#${clip})` });
    svg.append(area, axes, inside);
    let view = { x: [0, 1], y: [0, 1] };
    const across = (x) =>
      LEFT + (frame.width * (x - view.x[0])) / (view.x[1] - view.x[0]);
    const up = (y) =>
      TOP + frame.height * (1 - (y - view.y[0]) / (view.y[1] - view.y[0]));
    const [toX, toY] = [logX ? Math.log10 : (x) => x, logY ? Math.log10 : (y) => y];

    const drawAxes = () => {
      axes.replaceChildren(draw("rect", frame));
      const label = (x, y, anchor, [base, power]) => {
        const text = draw("text", { x, y, "text-anchor": anchor }, base);
        if (power) {
          const raised = { dy: "-0.45em", "font-size": "75%" };
          text.append(draw("tspan", raised, power));
        }
        axes.append(text);
      };
      for (const x of ticks(...view.x, logX)) {
        const at = across(x);
        const bottom = TOP + frame.height;
        axes.append(draw("path", { d: `M${at} ${bottom}v4` }));
        label(at, bottom + 16, "middle", tickText(x, logX));
      }
      for (const y of ticks(...view.y, logY)) {
        axes.append(draw("path", { d: `M${LEFT} ${up(y)}h-4` }));
        label(LEFT - 7, up(y) + 4, "end", tickText(y, logY));
      }
      const middle = { x: LEFT + frame.width / 2, y: TOP + frame.height / 2 };
      const below = { x: middle.x, y: HEIGHT - 6, "text-anchor": "middle" };
      axes.append(draw("text", below, xLabel()));
      const beside = `translate(13 ${middle.y}) rotate(-90)`;
      axes.append(
        draw("text", { transform: beside, "text-anchor": "middle" }, yLabel()),
      );
    };

    const start = (x, y) => {
      view = { x, y };
      drawAxes();
      inside.replaceChildren();
    };
    const line = (name, n, x, y) => {
      const every = Math.max(1, Math.ceil(n / MOST_POINTS));
      let d = "";
      for (let i = 0; i < n; i += every) {
        const [px, py] = [across(toX(x(i))), up(toY(y(i)))];
        // far outside, where a picture ends, so do the numbers it can hold
        const isHere = Math.abs(px) < 1e5 && Math.abs(py) < 1e5;
        const command = d && !d.endsWith(" ") ? "L" : "M";
        d += isHere ? `${command}${px.toFixed(1)} ${py.toFixed(1)}` : " ";
      }
      inside.append(draw("path", { d, class: name }));
    };
    const dots = (name, n, x, y) => {
      let d = "";
      for (let i = 0; i < n; i++) {
        const [px, py] = [across(toX(x(i))), up(toY(y(i)))];
        const isHere = Math.abs(px) < 1e5 && Math.abs(py) < 1e5;
        if (isHere) d += `M${px.toFixed(1)} ${py.toFixed(1)}h0`;
      }
      inside.append(draw("path", { d, class: `lab-dots ${name}` }));
    };
    const dot = (name, x, y, r = 5) => {
      const place = { cx: across(toX(x)), cy: up(toY(y)), r, class: name };
      if (Number.isFinite(place.cx + place.cy)) inside.append(draw("circle", place));
    };
    const segments = (name, all) => {
      const d = all.map(
        ([a, b, c, e]) =>
          `M${across(a).toFixed(1)} ${up(b).toFixed(1)}` +
          `L${across(c).toFixed(1)} ${up(e).toFixed(1)}`,
      );
      inside.append(draw("path", { d: d.join(""), class: name }));
    };
    const box = (name, [x0, x1], [y0, y1]) => {
      const corner = { x: across(x0), y: up(y1) };
      const size = { width: across(x1) - across(x0), height: up(y0) - up(y1) };
      inside.append(draw("rect", { ...corner, ...size, class: name }));
    };
    /** Call `move(x, y)` where a mouse presses or drags, and where a finger lifts: one
        that scrolls the page never does, for the browser cancels it. */
    const onPoint = (move) => {
      const tell = (event) => {
        const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(
          svg.getScreenCTM().inverse(),
        );
        const [u, v] = [
          (place.x - LEFT) / frame.width,
          1 - (place.y - TOP) / frame.height,
        ];
        if (u < 0 || u > 1 || v < 0 || v > 1) return;
        move(
          view.x[0] + u * (view.x[1] - view.x[0]),
          view.y[0] + v * (view.y[1] - view.y[0]),
        );
      };
      svg.classList.add("lab-pointed");
      const isMouse = (event) => event.pointerType === "mouse";
      svg.addEventListener("pointerdown", (event) => {
        if (isMouse(event) && event.button === 0) tell(event);
      });
      svg.addEventListener("pointermove", (event) => {
        if (isMouse(event) && event.buttons === 1) tell(event);
      });
      svg.addEventListener("pointerup", (event) => isMouse(event) || tell(event));
    };
    return { svg, start, line, dot, dots, segments, box, onPoint };
  };

  /** A caption that names the lines by their colour and kind: [[class, text], ...]. */
  const legend = (entries) => {
    const element = make("p", { class: "lab-legend" });
    for (const [name, text] of entries) {
      const sample = draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
      // a dot where the chart has dots
      const isDot = name.startsWith("lab-mark");
      const mark = isDot ? ["circle", { cx: 13, cy: 5, r: 3 }] : ["path", { d: "M1 5H25" }];
      sample.append(draw(mark[0], { ...mark[1], class: name }));
      element.append(make("span", {}, sample, text));
    }
    return element;
  };

  /** The numbers behind a picture: rows of texts under a head. */
  const table = (caption, head) => {
    const body = make("tbody");
    const cells = (tag, row) => row.map((text) => make(tag, {}, text));
    const top = make("thead", {}, make("tr", {}, ...cells("th", head)));
    const scroll = { class: "lab-table", tabindex: "0", role: "region" };
    const element = make(
      "details",
      { class: "lab-numbers" },
      make("summary", {}, caption),
      make(
        "div",
        { ...scroll, "aria-label": caption },
        make("table", { class: "table" }, top, body),
      ),
    );
    const fill = (rows) =>
      body.replaceChildren(...rows.map((it) => make("tr", {}, ...cells("td", it))));
    return { element, fill };
  };

  /** Say a sentence below the charts, and to who cannot see them: [[chart, text], ...]. */
  const describe = (status, said, charts) => {
    status.textContent = said;
    for (const [it, about] of charts)
      it.svg.setAttribute("aria-label", `${about} ${said}`);
  };

  /** Put a laboratory where the page keeps its place, and draw when a control moves.
      The still picture above it, for paper and for pages without scripts, goes. */
  const open = (id, parts, update) => {
    const place = document.getElementById(id);
    place.replaceChildren(...parts);
    document.getElementById(`${id}-still`)?.setAttribute("hidden", "");
    let waiting = false;
    const later = () => {
      if (!waiting)
        requestAnimationFrame(() => {
          waiting = false;
          update();
        });
      waiting = true;
    };
    place.addEventListener("input", later);
    update();
    place.dataset.ready = "";
    return later;
  };

  return {
    decode,
    make,
    show,
    slider,
    select,
    boxes,
    chart,
    legend,
    table,
    describe,
    open,
  };
})();
