// The laboratory of learned flow maps: networks from the chapter on hierarchical
// time-steppers, their forecast from any initial state, and the truth.
(() => {
  const { chart, make, show, slider, select, boxes, legend, table, describe, open } =
    laboratory;
  const SUBSTEPS = 8; // steps of RK4 in the shortest time step: truth to 1e-10
  const BLOCKS = 240; // of the error curve: each shows the largest error in it
  const MOST_MARKS = 120; // dots on the error curve
  const MARGIN = 0.3; // of the region, around it: as far as the picture and starts go
  const PER_STOP = 128; // shortest steps between two stops of the time slider
  const NAMES = {
    hyperbolic: "hyperbolic fixed point",
    cubic: "cubic oscillator",
    van_der_pol: "Van der Pol",
    hopf: "Hopf bifurcation",
  };
  const BETWEEN = { spline: "a cubic spline", linear: "straight lines" };

  // ---- the numerics

  /** Velocity at the state x, written to v. */
  const FIELDS = {
    hyperbolic: ({ mu, lam }) => (x, v) => {
      v[0] = mu * x[0];
      v[1] = lam * (x[1] - x[0] * x[0]);
    },
    cubic: ({ damping, coupling }) => (x, v) => {
      const [a, b] = [x[0] ** 3, x[1] ** 3];
      v[0] = -damping * a + coupling * b;
      v[1] = -coupling * a - damping * b;
    },
    van_der_pol: ({ mu }) => (x, v) => {
      v[0] = x[1];
      v[1] = mu * (1 - x[0] * x[0]) * x[1] - x[0];
    },
    hopf: () => (x, v) => {
      const growth = x[0] - x[1] * x[1] - x[2] * x[2];
      v[0] = 0;
      v[1] = growth * x[1] + x[2];
      v[2] = growth * x[2] - x[1];
    },
  };

  const fieldOf = (system) => FIELDS[system](phasePlane[system].parameters);

  /** Accurate states on the grid of dt, one after the other, by small steps of RK4. */
  const truth = (system, x0, nSteps) => {
    const d = x0.length;
    const field = fieldOf(system);
    const h = phasePlane[system].dt / SUBSTEPS;
    const states = new Float64Array((nSteps + 1) * d);
    states.set(x0);
    const x = Float64Array.from(x0);
    const stage = new Float64Array(d);
    const k = [0, 1, 2, 3].map(() => new Float64Array(d));
    for (let n = 1; n <= nSteps; n++) {
      for (let m = 0; m < SUBSTEPS; m++) {
        field(x, k[0]);
        for (const [i, c] of [
          [1, 0.5],
          [2, 0.5],
          [3, 1],
        ]) {
          for (let j = 0; j < d; j++) stage[j] = x[j] + c * h * k[i - 1][j];
          field(stage, k[i]);
        }
        for (let j = 0; j < d; j++)
          x[j] += (h / 6) * (k[0][j] + 2 * (k[1][j] + k[2][j]) + k[3][j]);
      }
      states.set(x, n * d);
    }
    return states;
  };

  /** x + a + b N((x - c) / s) of a shipped network, from states[from] to states[to]. */
  const flowOf = (system, level) => {
    const { dim, width, levels } = phasePlane[system];
    const numbers = laboratory.decode(levels[level]);
    let place = 0;
    const take = (n) => numbers.subarray(place, (place += n));
    const [centre, spread, shift, scale] = [take(dim), take(dim), take(dim), take(dim)];
    const layers = [];
    for (const [rows, columns] of [
      [width, dim],
      [width, width],
      [dim, width],
    ])
      layers.push({ weight: take(rows * columns), bias: take(rows) });
    return (states, from, to) => {
      let values = new Float64Array(dim);
      for (let j = 0; j < dim; j++)
        values[j] = (states[from * dim + j] - centre[j]) / spread[j];
      layers.forEach(({ weight, bias }, depth) => {
        const next = Float64Array.from(bias);
        for (let i = 0, w = 0; i < next.length; i++) {
          for (let j = 0; j < values.length; j++) next[i] += weight[w++] * values[j];
          if (depth < 2) next[i] = Math.tanh(next[i]);
        }
        values = next;
      });
      for (let j = 0; j < dim; j++)
        states[to * dim + j] = states[from * dim + j] + shift[j] + scale[j] * values[j];
    };
  };

  /** The hierarchical time-stepper: long steps first, then shorter ones from every state
      found so far, then the interpolant where the shortest step leaves gaps. */
  const forecast = (system, x0, levels, interpolation, nSteps) => {
    const d = x0.length;
    const descending = [...levels].sort((a, b) => b - a);
    const finest = descending.at(-1);
    const last = Math.ceil(nSteps / finest) * finest; // its end needs the state behind
    const states = new Float64Array((last + 1) * d);
    states.set(x0);
    let known = Infinity; // every so many states is known
    for (const level of descending) {
      const flow = flowOf(system, level);
      for (let k = level; k <= last; k += level)
        if (k % known) flow(states, k - level, k);
      known = level;
    }
    if (finest > 1) fill(states, d, finest, interpolation);
    return states.subarray(0, (nSteps + 1) * d);
  };

  /** Cubics (or straight lines) between every `gap`-th state. */
  const fill = (states, d, gap, interpolation) => {
    const n = (states.length / d - 1) / gap;
    const isStraight = interpolation === "linear" || n < 2;
    for (let j = 0; j < d; j++) {
      const at = (k) => states[k * gap * d + j];
      const rise = Float64Array.from({ length: n }, (_, k) => at(k + 1) - at(k));
      const slopes = isStraight ? null : splineSlopes(rise);
      for (let k = 0; k < n; k++)
        for (let m = 1; m < gap; m++) {
          const u = m / gap;
          states[(k * gap + m) * d + j] =
            at(k) +
            (isStraight
              ? u * rise[k]
              : u * u * (3 - 2 * u) * rise[k] +
                u * (1 - u) ** 2 * slopes[k] -
                u * u * (1 - u) * slopes[k + 1]);
        }
    }
  };

  /** Slopes, per gap, of the spline through states that rise so much; not-a-knot ends. */
  const splineSlopes = (rise) => {
    const n = rise.length;
    if (n === 2) {
      const middle = (rise[0] + rise[1]) / 2;
      return [2 * rise[0] - middle, middle, 2 * rise[1] - middle];
    }
    const start = (5 * rise[0] + rise[1]) / 2;
    const end = (5 * rise[n - 1] + rise[n - 2]) / 2;
    const right = Array.from(
      { length: n - 1 },
      (_, k) => 3 * (rise[k] + rise[k + 1]) - (k === 0 ? start : 0),
    );
    right[n - 2] -= end;
    const diagonal = right.map((_, k) => (k === 0 || k === n - 2 ? 2 : 4));
    for (let k = 1; k < n - 1; k++) {
      diagonal[k] -= 1 / diagonal[k - 1];
      right[k] -= right[k - 1] / diagonal[k - 1];
    }
    right[n - 2] /= diagonal[n - 2];
    for (let k = n - 3; k >= 0; k--) right[k] = (right[k] - right[k + 1]) / diagonal[k];
    return [start - 2 * right[0], ...right, end - 2 * right[n - 2]];
  };

  /** How many evaluations must wait for one another. */
  const calls = (levels, nSteps) => {
    const descending = [...levels].sort((a, b) => b - a);
    const finest = descending.at(-1);
    const last = Math.ceil(nSteps / finest) * finest;
    let [total, longer] = [0, Infinity];
    for (const level of descending) {
      total += Math.min(longer / level - 1, Math.floor(last / level));
      longer = level;
    }
    return total;
  };

  const errors = (states, exact, d) =>
    Float64Array.from({ length: states.length / d }, (_, n) => {
      let sum = 0;
      for (let j = n * d; j < n * d + d; j++) sum += (states[j] - exact[j]) ** 2;
      return Math.sqrt(sum);
    });

  /** The largest of every `size` numbers after the first. */
  const largestIn = (values, size) =>
    Array.from({ length: Math.ceil((values.length - 1) / size) }, (_, k) =>
      Math.max(...values.subarray(1 + k * size, 1 + (k + 1) * size)),
    );

  laboratory.phasePlane = { forecast, truth, calls };

  // ---- the page

  const widened = ([low, high], share) => [
    low - share * (high - low),
    high + share * (high - low),
  ];
  const place = (values) => `(${values.map((it) => show(it)).join(", ")})`;

  const start = () => {
    const first = "van_der_pol";
    const system = select("System", NAMES, first);
    const nLevels = Object.fromEntries(
      Object.keys(phasePlane[first].levels).map((level) => [level, level]),
    );
    const dt = phasePlane[first].dt;
    for (const level in nLevels) nLevels[level] = String(+(level * dt).toFixed(2));
    const levels = boxes("Levels: time steps of the networks", nLevels, []);
    const presets = {
      chosen: "chosen by validation",
      all: "all levels",
      shortest: "the shortest step alone",
      longest: "the longest step alone",
      own: "my own choice",
    };
    const preset = select("Hierarchy", presets, "chosen");
    const interpolation = select("Between the states", BETWEEN, "spline");
    const until = slider("Forecast until", {
      min: 1,
      max: phasePlane[first].steps / PER_STOP,
      step: 1,
      value: 16,
      text: (stop) => `t = ${show(stop * PER_STOP * dt, 3)}`,
    });
    const coordinates = ["x", "y"].map((name) =>
      slider(`Start at ${name}`, { min: 0, max: 1, step: 0.01, value: 0 }),
    );
    const mu = slider("Parameter \u03bc", { min: 0, max: 1, step: 0.01, value: 0.3 });

    const plane = chart({ xLabel: () => "x", yLabel: () => "y" });
    const error = chart({
      xLabel: () => "time t",
      yLabel: () => "error",
      logY: true,
    });
    const status = make("p", { class: "lab-status", role: "status" });
    const numbers = table("The same in numbers", ["t", "truth", "forecast", "error"]);

    const offset = () => (system.get() === "hopf" ? 1 : 0); // mu is the first state
    const setUp = () => {
      const { region } = phasePlane[system.get()];
      const o = offset();
      coordinates.forEach((it, j) => {
        const [low, high] = widened(region[o + j], MARGIN);
        it.input.min = low;
        it.input.max = high;
        it.set((region[o + j][0] + 3 * region[o + j][1]) / 4);
      });
      mu.input.min = region[0][0];
      mu.input.max = region[0][1];
      mu.set(0.3);
      mu.element.hidden = !o;
    };
    const applyPreset = () => {
      const all = Object.keys(nLevels).map(Number);
      const sets = {
        chosen: phasePlane[system.get()].chosen,
        all,
        shortest: [all[0]],
        longest: [all.at(-1)],
      };
      if (preset.get() !== "own") levels.set(sets[preset.get()]);
    };

    const arrows = (name, x0, o, x, y) => {
      const field = fieldOf(name);
      const v = new Float64Array(x0.length);
      const found = [];
      const [nx, ny] = [15, 13];
      for (let i = 0; i < nx; i++)
        for (let j = 0; j < ny; j++) {
          const state = [...x0];
          state[o] = x[0] + ((i + 0.5) / nx) * (x[1] - x[0]);
          state[o + 1] = y[0] + ((j + 0.5) / ny) * (y[1] - y[0]);
          field(state, v);
          const [a, b] = [v[o] / (x[1] - x[0]), v[o + 1] / (y[1] - y[0])];
          const size = Math.hypot(a, b) || 1;
          const [c, e] = [
            (0.022 * a * (x[1] - x[0])) / size,
            (0.022 * b * (y[1] - y[0])) / size,
          ];
          found.push([state[o], state[o + 1], state[o] + c, state[o + 1] + e]);
        }
      return found;
    };

    const update = () => {
      const name = system.get();
      const { region } = phasePlane[name];
      const o = offset();
      const x0 = [...(o ? [mu.get()] : []), ...coordinates.map((it) => it.get())];
      const d = x0.length;
      const ticked = levels.get().map(Number);
      const nSteps = until.get() * PER_STOP;
      const exact = truth(name, x0, nSteps);
      const [x, y] = [widened(region[o], MARGIN), widened(region[o + 1], MARGIN)];
      const parameter = o ? `, \u03bc = ${show(x0[0])},` : "";
      const from = `${NAMES[name]}${parameter} from ${place(x0.slice(o))}`;

      plane.start(x, y);
      plane.segments("lab-field", arrows(name, x0, o, x, y));
      plane.box("lab-region", region[o], region[o + 1]);
      const path = (states) => [
        nSteps + 1,
        (n) => states[n * d + o],
        (n) => states[n * d + o + 1],
      ];
      plane.line("lab-truth", ...path(exact));
      if (!ticked.length) {
        error.start([0, nSteps * dt], [-12, 1]);
        plane.dot("lab-start", x0[o], x0[o + 1]);
        describe(status, "Tick at least one level.", [
          [plane, `Phase plane with the true orbit: ${from}.`],
          [error, "Distance between forecast and truth against time: still empty."],
        ]);
        numbers.fill([]);
        return;
      }
      const states = forecast(name, x0, ticked, interpolation.get(), nSteps);
      plane.line("lab-learned", ...path(states));
      plane.dot("lab-end", states[nSteps * d + o], states[nSteps * d + o + 1], 4);
      plane.dot("lab-start", x0[o], x0[o + 1]);

      const distance = errors(states, exact, d);
      const largest = largestIn(distance, Math.ceil(nSteps / BLOCKS));
      const coarsest = Math.max(...ticked);
      const nMarks = Math.floor(nSteps / coarsest);
      const every = Math.max(1, Math.ceil(nMarks / MOST_MARKS));
      const marks = [];
      for (let n = every; n <= nMarks; n += every) marks.push(n * coarsest);
      const least = Math.min(...largest, ...marks.map((n) => distance[n]));
      const logs = [least, Math.max(...largest)].map(Math.log10);
      const low = Math.max(-13, Math.floor(logs[0]));
      const high = Math.max(low + 2, Math.ceil(logs[1]));
      error.start([0, nSteps * dt], [low, high]);
      const shown = (it) => Math.max(it, 10 ** low);
      const perBlock = nSteps / largest.length;
      error.line(
        "lab-error",
        largest.length,
        (n) => (n + 0.5) * perBlock * dt,
        (n) => shown(largest[n]),
      );
      for (const n of marks) error.dot("lab-mark", n * dt, shown(distance[n]), 1.8);

      let sum = 0;
      for (let n = 1; n <= nSteps; n++) sum += distance[n] ** 2;
      const mse = sum / (nSteps * d);
      const outside = x0.some(
        (it, j) => it < region[j][0] - 1e-9 || it > region[j][1] + 1e-9,
      );
      const said =
        `${from[0].toUpperCase()}${from.slice(1)} until t = ${show(nSteps * dt, 3)}, ` +
        `joined by ${BETWEEN[interpolation.get()]}: mean squared error ${show(mse)}, ` +
        `at the end the error is ${show(distance[nSteps])}. Calls in a row: ${calls(ticked, nSteps)}` +
        (ticked.length === 1 && ticked[0] === 1 ? "." : ` instead of ${nSteps}.`) +
        (nMarks ? "" : " No landmark of the longest level lies before the end.") +
        (outside
          ? " The start lies outside the dashed box in which the networks were trained."
          : "");
      describe(status, said, [
        [plane, "Phase plane with the true and the forecast orbit."],
        [error, "Distance between forecast and truth against time."],
      ]);
      const rows = [];
      for (let i = 0; i <= 8; i++) {
        const n = Math.round((i * nSteps) / 8);
        const at = (all) => place([...all.subarray(n * d + o, n * d + d)]);
        rows.push([show(n * dt, 3), at(exact), at(states), show(distance[n])]);
      }
      numbers.fill(rows);
    };

    const controls = make(
      "div",
      { class: "explore-controls" },
      system.element,
      preset.element,
      interpolation.element,
      until.element,
      ...coordinates.map((it) => it.element),
      mu.element,
      make("p", {}, "Click, tap or drag in the phase plane, or use the sliders."),
    );
    const key = legend([
      ["lab-truth", "truth"],
      ["lab-learned", "forecast by the networks"],
      ["lab-region", "where they were trained"],
      ["lab-error", "distance between the two, largest nearby"],
      ["lab-mark", "distance at the landmarks: states of the longest level"],
    ]);
    setUp();
    applyPreset();
    system.input.addEventListener("input", () => {
      setUp();
      applyPreset();
    });
    preset.input.addEventListener("input", applyPreset);
    levels.element.addEventListener("input", () => preset.set("own"));
    const charts = make("div", { class: "lab-charts" }, plane.svg, error.svg);
    const parts = [controls, levels.element, charts, key, status, numbers.element];
    const later = open("phase-plane", parts, update);
    plane.onPoint((x, y) => {
      coordinates[0].set(x);
      coordinates[1].set(y);
      later();
    });
  };
  start();
})();
