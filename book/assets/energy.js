// The laboratory of energy: classical methods and trained networks take an oscillator
// around and around, and each does something else to its energy.
(() => {
  const { decode, make, show, slider, boxes, chart, legend, table, describe, open } =
    laboratory;
  const METHODS = {
    euler: "Euler",
    rk4: "RK4",
    verlet: "Verlet",
    symplectic: "SympFlow",
    plain: "plain network",
  };
  const BLOCKS = 160; // of the energy curve, equally long on its logarithmic axis
  const FAR = 1e101; // where orbits end, with 1e200 times the energy of any start here
  const REACH = 2; // of the starts, in q and p
  const [WIDE, HIGH] = [(3 * 292) / 248, 3]; // of the plane: round circles, all of them
  const MOST_DOTS = 700; // per method in the phase plane: its last states

  // ---- the numerics: each method takes x = (q, p) a time h further

  const euler = (x, h) => {
    const [q, p] = x;
    x[0] = q + h * p;
    x[1] = p - h * q;
  };

  const rk4 = (x, h) => {
    const [q, p] = x;
    const k1 = [p, -q];
    const k2 = [p + (h / 2) * k1[1], -(q + (h / 2) * k1[0])];
    const k3 = [p + (h / 2) * k2[1], -(q + (h / 2) * k2[0])];
    const k4 = [p + h * k3[1], -(q + h * k3[0])];
    x[0] = q + (h / 6) * (k1[0] + 2 * (k2[0] + k3[0]) + k4[0]);
    x[1] = p + (h / 6) * (k1[1] + 2 * (k2[1] + k3[1]) + k4[1]);
  };

  const verlet = (x, h) => {
    const p = x[1] - (h / 2) * x[0];
    x[0] += h * p;
    x[1] = p - (h / 2) * x[0];
  };

  /** The shipped SympFlow: its layers kick p by a function of q, then q by one of p. */
  const symplecticNetwork = () => {
    const { width, potentials } = energyData.symplectic;
    const layers = potentials.map((text) => {
      const all = decode(text);
      const part = (k) => all.subarray(k * width, (k + 1) * width);
      return { a: part(0), b: part(1), c: part(2), w: part(3) };
    });
    const push = ({ a, b, c, w }, t, x) => {
      let sum = 0;
      for (let j = 0; j < width; j++) {
        const z = a[j] * x + b[j];
        const [before, now] = [Math.tanh(z), Math.tanh(z + c[j] * t)];
        sum += (before * before - now * now) * w[j] * a[j];
      }
      return sum;
    };
    return (x, h) =>
      layers.forEach((layer, i) => {
        if (i % 2 === 0) x[1] -= push(layer, h, x[0]);
        else x[0] += push(layer, h, x[1]);
      });
  };

  /** The shipped plain network, x + N(t, x) - N(0, x). */
  const plainNetwork = () => {
    const { width, weights } = energyData.plain;
    const all = decode(weights);
    let place = 0;
    const take = (n) => all.subarray(place, (place += n));
    const [w1, b1] = [take(3 * width), take(width)];
    const [w2, b2] = [take(width * width), take(width)];
    const w3 = take(2 * width); // the bias of the end cancels
    const [first, second] = [new Float64Array(width), new Float64Array(width)];
    const last = (t, q, p) => {
      for (let i = 0; i < width; i++)
        first[i] = Math.tanh(b1[i] + w1[3 * i] * t + w1[3 * i + 1] * q + w1[3 * i + 2] * p);
      for (let i = 0; i < width; i++) {
        let sum = b2[i];
        for (let j = 0; j < width; j++) sum += w2[i * width + j] * first[j];
        second[i] = Math.tanh(sum);
      }
      const result = [0, 0];
      for (let j = 0; j < width; j++) {
        result[0] += w3[j] * second[j];
        result[1] += w3[width + j] * second[j];
      }
      return result;
    };
    return (x, h) => {
      const [q, p] = x;
      const [later, atZero] = [last(h, q, p), last(0, q, p)];
      x[0] = q + later[0] - atZero[0];
      x[1] = p + later[1] - atZero[1];
    };
  };

  const STEPS = {
    euler,
    rk4,
    verlet,
    symplectic: symplecticNetwork(),
    plain: plainNetwork(),
  };

  /** Lengths of the steps: all h, or each drawn between h/2 and h (always the same). */
  const lengths = (h, nSteps, isRandom) => {
    let seed = 1;
    return Float64Array.from({ length: nSteps }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return isRandom ? h / 2 + (h / 2) * (seed / 2 ** 32) : h;
    });
  };

  /** All states (q, p), one after the other; infinite once they leave all bounds. */
  const orbit = (method, x0, hs) => {
    const states = new Float64Array(2 * hs.length + 2).fill(Infinity);
    const x = Float64Array.from(x0);
    states.set(x0);
    for (let n = 0; n < hs.length && Math.hypot(x[0], x[1]) < FAR; n++) {
      STEPS[method](x, hs[n]);
      states.set(x, 2 * n + 2);
    }
    return states;
  };

  laboratory.energy = { orbit, lengths };

  // ---- the page

  const power = (k) => Math.round(10 ** (k / 2) / 10 ** Math.floor(k / 2)) * 10 ** Math.floor(k / 2);

  /** A number, or beyond which bound it was lost. */
  const upTo = (x, bound) => (Number.isFinite(x) ? show(x) : `over ${bound}`);

  const start = () => {
    const methods = boxes("Methods", METHODS, ["rk4", "verlet", "symplectic", "plain"]);
    const h = slider("Step h", { min: 0.05, max: 1, step: 0.05, value: 0.5 });
    const count = slider("Number of steps", {
      min: 4,
      max: 10,
      step: 1,
      value: 8,
      text: (k) => power(k).toLocaleString("en"),
    });
    const q0 = slider("Start at q", { min: -REACH, max: REACH, step: 0.05, value: 1 });
    const p0 = slider("Start at p", { min: -REACH, max: REACH, step: 0.05, value: 0 });
    const kinds = { random: "of random length, between h/2 and h" };
    const random = boxes("Steps", kinds, []);
    const plane = chart({ xLabel: () => "position q", yLabel: () => "momentum p" });
    const energy = chart({
      xLabel: () => "time t",
      yLabel: () => "relative energy error",
      logX: true,
      logY: true,
    });
    const status = make("p", { class: "lab-status", role: "status" });
    const head = ["method", "largest energy error", "energy at the end", "error of the state"];
    const numbers = table("The same in numbers", head);

    const curve = (states, times, full) => {
      const ratio = Math.log(times.at(-1) / times[1]) / BLOCKS;
      const found = [];
      for (let n = 1; n < times.length; n++) {
        const place = Math.log(times[n] / times[1]) / ratio;
        const block = Math.min(BLOCKS - 1, Math.floor(place)); // the end is in the last
        const [q, p] = [states[2 * n], states[2 * n + 1]];
        const error = Math.abs((q * q + p * p) / full - 1);
        if (found.at(-1)?.block === block) {
          found.at(-1).error = Math.max(found.at(-1).error, error);
        } else found.push({ block, t: times[n], error });
      }
      return found;
    };

    const update = () => {
      const x0 = [q0.get(), p0.get()];
      const nSteps = power(count.get());
      const hs = lengths(h.get(), nSteps, random.get().length > 0);
      const times = new Float64Array(nSteps + 1);
      for (let n = 0; n < nSteps; n++) times[n + 1] = times[n] + hs[n];
      const end = times.at(-1);
      const full = x0[0] ** 2 + x0[1] ** 2;
      const ticked = methods.get();

      plane.start([-WIDE, WIDE], [-HIGH, HIGH]);
      plane.box("lab-region", [-energyData.reach, energyData.reach], [-energyData.reach, energyData.reach]);
      const radius = Math.sqrt(full);
      const turn = (i) => (2 * Math.PI * i) / 200;
      plane.line(
        "lab-truth",
        201,
        (i) => radius * Math.cos(turn(i)),
        (i) => radius * Math.sin(turn(i)),
      );
      if (!ticked.length || !full) {
        energy.start([-1, Math.log10(end)], [-6, 1]);
        plane.dot("lab-start", ...x0);
        const said = full
          ? "Tick at least one method."
          : "The origin is at rest and has no energy to lose. Choose another start.";
        describe(status, said, [
          [plane, `Phase plane with the true circle from (${x0.map((it) => show(it)).join(", ")}).`],
          [energy, "Energy error of every method against time: still empty."],
        ]);
        numbers.fill([]);
        return;
      }
      const rows = [];
      const curves = ticked.map((name) => {
        const states = orbit(name, x0, hs);
        const from = Math.max(0, nSteps - MOST_DOTS);
        plane.dots(
          `lab-${name}`,
          nSteps + 1 - from,
          (n) => states[2 * (from + n)],
          (n) => states[2 * (from + n) + 1],
        );
        const found = curve(states, times, full);
        const largest = Math.max(...found.map((it) => it.error));
        const [q, p] = states.subarray(2 * nSteps);
        const [c, s] = [Math.cos(end), Math.sin(end)];
        const missed = Math.hypot(
          q - (c * x0[0] + s * x0[1]),
          p - (c * x0[1] - s * x0[0]),
        );
        const share = (q * q + p * p) / full;
        const kept =
          share < 1000 ? `${show(100 * share, 3)} %` : `${upTo(share, "1e200")} times`;
        rows.push([METHODS[name], upTo(largest, "1e200"), kept, upTo(missed, "1e100")]);
        return { name, found, largest };
      });
      plane.dot("lab-start", ...x0);

      const all = curves.flatMap((it) => it.found.map((at) => at.error));
      const real = all.filter((it) => Number.isFinite(it) && it > 0).map(Math.log10);
      const low = Math.max(-12, Math.floor(Math.min(...real)));
      const high = Math.min(3, Math.max(low + 2, Math.ceil(Math.max(...real))));
      energy.start([Math.log10(times[1]), Math.log10(end)], [low, high]);
      for (const { name, found } of curves)
        energy.line(
          `lab-${name}`,
          found.length,
          (i) => found[i].t,
          (i) => Math.max(found[i].error, 10 ** (low - 1)),
        );

      const each = curves.map((it) => `${METHODS[it.name]} ${upTo(it.largest, "1e200")}`);
      const isFar = x0.some((it) => Math.abs(it) > energyData.reach);
      const said =
        `Largest relative error of the energy until t = ${show(end, 3)}: ` +
        `${each.join(", ")}.` +
        (isFar ? " The start lies outside the dashed box of the training." : "");
      describe(status, said, [
        [plane, "Phase plane with the last states of every method and the true circle."],
        [energy, "Energy error of every method against time, both axes logarithmic."],
      ]);
      numbers.fill(rows);
    };

    const key = legend([
      ...Object.keys(METHODS).map((name) => [`lab-${name}`, METHODS[name]]),
      ["lab-truth", "truth"],
      ["lab-region", "where the networks were trained"],
    ]);
    const sliders = [h, count, q0, p0].map((it) => it.element);
    const hint =
      `Click, tap or drag in the phase plane, up to ${REACH} in q and p, ` +
      "or use the sliders.";
    const later = open(
      "energy",
      [
        make("div", { class: "explore-controls" }, ...sliders, make("p", {}, hint)),
        methods.element,
        random.element,
        make("div", { class: "lab-charts" }, plane.svg, energy.svg),
        key,
        status,
        numbers.element,
      ],
      update,
    );
    plane.onPoint((q, p) => {
      if (Math.max(Math.abs(q), Math.abs(p)) > REACH) return;
      q0.set(q);
      p0.set(p);
      later();
    });
  };
  start();
})();
