// The laboratory of residual networks: a field, as many steps along it as the network has
// layers, and the flow that the network stands for.
(() => {
  const { chart, make, show, slider, select, boxes, legend, table, open } = laboratory;
  const METHODS = { euler: "Euler: a residual network", heun: "Heun", rk4: "RK4" };
  const FINE = 0.01; // longest step of the true flow, by RK4
  const [WIDE, HIGH] = [2.6, 2.2]; // reach of the picture, whose frame is that wide
  const LINES = 13; // of the grid, in both directions
  const BENDS = 61; // points of a grid line

  // ---- the numerics

  /** The chapter's field that unmixes two classes. */
  const field = (t, x) => [
    -x[1] * Math.sin(t),
    -((1 - x[0] * x[0]) * x[1]) / 2 + x[0] * Math.cos(t),
  ];
  const along = (x, h, v) => [x[0] + h * v[0], x[1] + h * v[1]];

  const STEPS = {
    euler: (t, x, h) => along(x, h, field(t, x)),
    heun: (t, x, h) => {
      const start = field(t, x);
      const end = field(t + h, along(x, h, start));
      return along(x, h / 2, [start[0] + end[0], start[1] + end[1]]);
    },
    rk4: (t, x, h) => {
      const k1 = field(t, x);
      const k2 = field(t + h / 2, along(x, h / 2, k1));
      const k3 = field(t + h / 2, along(x, h / 2, k2));
      const k4 = field(t + h, along(x, h, k3));
      const sum = (j) => k1[j] + 2 * (k2[j] + k3[j]) + k4[j];
      return along(x, h / 6, [sum(0), sum(1)]);
    },
  };

  /** A point before the first and after every layer. */
  const layers = (method, x0, depth, h) => {
    const states = [x0];
    for (let k = 0; k < depth; k++) states.push(STEPS[method](k * h, states[k], h));
    return states;
  };

  /** Where the flow itself takes the point in the times of the layers. */
  const flow = (x0, depth, h) => {
    const n = Math.ceil(h / FINE);
    const states = [x0];
    for (let k = 0; k < depth; k++) {
      let x = states[k];
      for (let m = 0; m < n; m++) x = STEPS.rk4(k * h + (m * h) / n, x, h / n);
      states.push(x);
    }
    return states;
  };

  /** Whether one of the Euler steps turns a small neighbourhood of its state over. */
  const turnsOver = (states, h, nLayers) => {
    for (let k = 0; k < nLayers; k++) {
      const [[x, y], t] = [states[k], k * h];
      const straight = 1 - (h * (1 - x * x)) / 2;
      if (straight + h * h * Math.sin(t) * (x * y + Math.cos(t)) <= 0) return true;
    }
    return false;
  };

  laboratory.residualFlow = { layers, flow, turnsOver };

  // ---- the page

  const start = () => {
    const raw = laboratory.decode(residualFlowData.points);
    const points = Array.from({ length: raw.length / 2 }, (_, i) => [
      raw[2 * i],
      raw[2 * i + 1],
    ]);
    const method = select("Layer", METHODS, "euler");
    const depth = slider("Depth L", { min: 1, max: 80, step: 1, value: 12 });
    const step = slider("Step h", { min: 0.05, max: 1.5, step: 0.05, value: 0.25 });
    const after = slider("Look after layer", { min: 0, max: 12, step: 1, value: 12 });
    const fixed = { keep: "keep the horizon T = h L: more layers are smaller steps" };
    const horizon = boxes("Horizon", fixed, []);
    const plane = chart({ xLabel: () => "x\u2081", yLabel: () => "x\u2082" });
    const error = chart({
      xLabel: () => "time of the layer, t = k h",
      yLabel: () => "distance to the flow",
      logY: true,
    });
    const status = make("p", { class: "lab-status", role: "status" });
    const head = ["layer", "time", "largest distance", "median distance"];
    const numbers = table("The same in numbers", head);

    let total = depth.get() * step.get(); // the horizon to keep
    const follow = (moved) => {
      if (horizon.get().length) {
        if (moved === depth) step.set(total / depth.get());
        else depth.set(Math.min(80, Math.max(1, Math.round(total / step.get()))));
      } else total = depth.get() * step.get();
      const wasAtEnd = after.get() === +after.input.max;
      after.input.max = depth.get();
      after.set(wasAtEnd ? depth.get() : Math.min(after.get(), depth.get()));
    };
    depth.input.addEventListener("input", () => follow(depth));
    step.input.addEventListener("input", () => follow(step));
    // exact, where the slider knows multiples of 0.05 only
    const stepLength = () => (horizon.get().length ? total / depth.get() : step.get());

    const isLost = (x) => !(Math.hypot(...x) < 1e3);

    const grid = (name, nLayers, h) => {
      const found = [];
      const at = (i, n) => -1 + (2 * i) / (n - 1);
      for (const turned of [false, true])
        for (let i = 0; i < LINES; i++) {
          const line = [];
          for (let j = 0; j < BENDS; j++) {
            const x = [at(i, LINES), at(j, BENDS)];
            line.push(layers(name, turned ? x.reverse() : x, nLayers, h).at(-1));
          }
          for (let j = 1; j < BENDS; j++)
            if (!isLost(line[j - 1]) && !isLost(line[j]))
              found.push([...line[j - 1], ...line[j]]);
        }
      return found;
    };

    const update = () => {
      const [name, L, h, k] = [method.get(), depth.get(), stepLength(), after.get()];
      const network = points.map((x) => layers(name, x, L, h));
      const exact = points.map((x) => flow(x, L, h));

      plane.start([-WIDE, WIDE], [-HIGH, HIGH]);
      plane.segments("lab-field", grid(name, k, h));
      plane.segments("lab-region", [[0, -HIGH, 0, HIGH]]);
      const kinds = [[], []];
      points.forEach((_, i) => {
        if (!isLost(exact[i][L])) kinds[exact[i][L][0] > 0 ? 1 : 0].push(network[i][k]);
      });
      kinds.forEach((all, kind) => {
        const pick = (j) => (i) => (isLost(all[i]) ? Infinity : all[i][j]);
        plane.dots(`lab-class-${kind}`, all.length, pick(0), pick(1));
      });

      const rows = [];
      const curve = [];
      for (let n = 0; n <= L; n++) {
        const distances = points
          .map((_, i) => {
            const [a, b] = [network[i][n], exact[i][n]];
            return isLost(b) ? NaN : Math.hypot(a[0] - b[0], a[1] - b[1]);
          })
          .filter((it) => !Number.isNaN(it))
          .sort((a, b) => a - b);
        const worst = distances.at(-1) ?? 0;
        const median = distances[Math.floor(distances.length / 2)] ?? 0;
        curve.push({ worst, median });
        rows.push([String(n), show(n * h, 3), show(worst), show(median)]);
      }
      const bounded = curve.map((it) => Math.min(it.worst, 1e3));
      const high = Math.ceil(Math.log10(Math.max(...bounded, 1e-12)));
      const low = Math.max(-12, Math.min(high - 2, Math.floor(Math.log10(curve[1].median))));
      error.start([0, L * h], [low, high]);
      for (const [line, key] of [
        ["lab-plain", "worst"],
        ["lab-symplectic", "median"],
      ])
        error.line(
          line,
          L,
          (n) => (n + 1) * h,
          (n) => Math.max(curve[n + 1][key], 10 ** low),
        );

      const kept = points.filter((_, i) => !isLost(exact[i][L]));
      const right = points.filter(
        (_, i) => !isLost(exact[i][L]) && exact[i][L][0] > 0 === network[i][L][0] > 0,
      );
      const over = network.filter((states) => turnsOver(states, h, L)).length;
      const said =
        `${L} layers with the step h = ${show(h)}, horizon T = ${show(L * h)}. ` +
        `Largest distance to the flow at the end: ${show(curve[L].worst)}. ` +
        `${right.length} of ${kept.length} points end on the side to which the flow ` +
        "takes them." +
        (name === "euler"
          ? ` Around ${over} of ${points.length} points some layer turns the plane over, ` +
            "which no flow does."
          : "");
      status.textContent = said;
      const place = `The points of both classes and a grid after layer ${k}.`;
      plane.svg.setAttribute("aria-label", `${place} ${said}`);
      const about = "Distance between network and flow after every layer.";
      error.svg.setAttribute("aria-label", `${about} ${said}`);
      numbers.fill(rows);
    };

    const key = legend([
      ["lab-mark lab-class-0", "the flow takes it to the left"],
      ["lab-mark lab-class-1", "the flow takes it to the right"],
      ["lab-field", "a square grid, moved by the same layers"],
      ["lab-plain", "largest distance to the flow"],
      ["lab-symplectic", "median distance"],
    ]);
    const controls = [method, depth, step, after].map((it) => it.element);
    open(
      "residual-flow",
      [
        make("div", { class: "explore-controls" }, ...controls),
        horizon.element,
        make("div", { class: "lab-charts" }, plane.svg, error.svg),
        key,
        status,
        numbers.element,
      ],
      update,
    );
  };
  start();
})();
