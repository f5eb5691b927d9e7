// Show the stored image that belongs to the positions of a widget's controls. The page
// holds this script once per widget; each run serves the widgets that have none yet.
(() => {
  for (const figure of document.querySelectorAll("figure.explore:not([data-ready])")) {
    const stored = figure.querySelector("script[type='application/json']");
    const { texts, alts, images } = JSON.parse(stored.textContent);
    const image = figure.querySelector("img");
    const inputs = [...figure.querySelectorAll("input, select")];

    const show = () => {
      let state = 0; // the last control runs fastest, as in the stored order
      inputs.forEach((input, i) => {
        const isSlider = input.tagName === "INPUT";
        const choice = isSlider ? Number(input.value) : input.selectedIndex;
        state = state * texts[i].length + choice;
        if (isSlider) {
          input.setAttribute("aria-valuetext", texts[i][choice]);
          input.closest("div").querySelector("output").textContent = texts[i][choice];
        }
      });
      image.src = "data:image/webp;base64," + images[state];
      image.alt = alts[state];
    };

    inputs.forEach((input) => input.addEventListener("input", show));
    figure.querySelector(".explore-controls").hidden = false;
    figure.dataset.ready = "";
  }
})();
