// The laboratory of residual networks: a field, as many steps along it as the network has
// layers, and the flow that the network stands for.
(() => {
  const { chart, make, show, slider, select, boxes, legend, table, describe, open } =
    laboratory;
  const METHODS = { euler: "Euler: a residual network", heun: "Heun", rk4: "RK4" };
  const FAR = 1000; // a point that far out is lost
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

  /** Of numbers in ascending order. */
  const median = (sorted) => {
    const half = sorted.length / 2;
    return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
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
    let h = 0.25; // may lie between the stops of its slider, to keep the horizon
    const step = slider("Step h", {
      min: 0.05,
      max: 1.5,
      step: 0.05,
      value: h,
      text: () => show(h),
    });
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

    let total = depth.get() * h; // the horizon to keep
    const follow = (moved) => {
      const isKept = horizon.get().length > 0;
      if (moved === step) {
        if (isKept)
          depth.set(Math.min(80, Math.max(1, Math.round(total / step.get()))));
        else h = step.get();
      }
      if (isKept) h = total / depth.get();
      else total = h * depth.get();
      step.set(moved === step ? step.get() : h); // says h in any case
      const wasAtEnd = after.get() === +after.input.max;
      after.input.max = depth.get();
      after.set(wasAtEnd ? depth.get() : Math.min(after.get(), depth.get()));
    };
    depth.input.addEventListener("input", () => follow(depth));
    step.input.addEventListener("input", () => follow(step));

    const isLost = (x) => !(Math.hypot(...x) < FAR);
    const far = (distance) => (distance < FAR ? show(distance) : `over ${FAR}`);

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
      const [name, L, k] = [method.get(), depth.get(), after.get()];
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
          .flatMap((_, i) => {
            const [a, b] = [network[i][n], exact[i][n]];
            if (isLost(b)) return []; // the flow itself has gone
            const distance = Math.hypot(a[0] - b[0], a[1] - b[1]);
            return distance < FAR ? distance : Infinity; // so is one that is no number
          })
          .sort((a, b) => a - b);
        const [worst, middle] = [distances.at(-1), median(distances)];
        curve.push({ worst, middle });
        rows.push([String(n), show(n * h, 3), far(worst), far(middle)]);
      }
      const bounded = curve.map((it) => Math.min(it.worst, FAR));
      const high = Math.ceil(Math.log10(Math.max(...bounded, 1e-12)));
      const low = Math.max(-12, Math.min(high - 2, Math.floor(Math.log10(curve[1].middle))));
      error.start([0, L * h], [low, high]);
      for (const [line, key] of [
        ["lab-plain", "worst"],
        ["lab-symplectic", "middle"],
      ])
        error.line(
          line,
          L,
          (n) => (n + 1) * h,
          (n) => Math.min(10 * FAR, Math.max(curve[n + 1][key], 10 ** low)),
        );

      const kept = points.filter((_, i) => !isLost(exact[i][L]));
      const right = points.filter(
        (_, i) =>
          !isLost(exact[i][L]) &&
          !isLost(network[i][L]) &&
          exact[i][L][0] > 0 === network[i][L][0] > 0,
      );
      const gone = points.length - kept.length;
      const over = network.filter((states) => turnsOver(states, h, L)).length;
      const said =
        `${L} ${L === 1 ? "layer" : "layers"} with the step h = ${show(h)}, horizon T = ${show(L * h)}. ` +
        `Largest distance to the flow at the end: ${far(curve[L].worst)}. ` +
        `${right.length} of ${kept.length} points end on the side to which the flow ` +
        "takes them" +
        (gone ? `; for the other ${gone} the flow itself has left the picture.` : ".") +
        (name === "euler"
          ? ` Around ${over} of ${points.length} points some layer turns the plane over, ` +
            "which no flow does."
          : "");
      describe(status, said, [
        [plane, `The points of both classes and a grid after layer ${k}.`],
        [error, "Distance between network and flow after every layer."],
      ]);
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
