// Turn the open page into the whole book, ready to print. Python calls this with the
// parts, [{caption, pages}], the address of the built pages, a title and a line about
// the edition; it returns what the contents list.
async ({ parts, home, title, edition }) => {
  const ours = new Map(); // address of a page -> prefix of its ids
  for (const page of parts.flatMap((part) => part.pages))
    ours.set(new URL(page, home).href, page.split("/").at(-1).replace(".html", ""));
  const make = (tag, className, ...inside) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...inside);
    return element;
  };
  const numbered = (id) => {
    const number = make("span", "page-number", "000");
    number.dataset.target = id;
    return number;
  };

  // An id must be unique in the book, so each gets its page's name in front, and links
  // follow. Those to pages that are not printed become plain text.
  const adopt = (article, address, prefix) => {
    for (const it of article.querySelectorAll("[id]")) it.id = `${prefix}--${it.id}`;
    for (const it of article.querySelectorAll("[src]"))
      it.src = new URL(it.getAttribute("src"), address).href;
    for (const link of article.querySelectorAll("a[href]")) {
      const target = new URL(link.getAttribute("href"), address);
      const id = decodeURIComponent(target.hash.slice(1));
      target.hash = "";
      if (ours.has(target.href)) {
        const name = ours.get(target.href);
        link.href = `#${id ? `${name}--${id}` : name}`;
        if (name !== prefix) link.dataset.elsewhere = "";
      } else if (target.href.startsWith(home)) link.replaceWith(...link.childNodes);
    }
    const idle = "script:not([type^='math']), .headerlink, .copybtn, [hidden]";
    for (const it of article.querySelectorAll(idle)) it.remove();
    for (const it of article.querySelectorAll("details")) it.open = true;
    for (const it of article.querySelectorAll("img")) it.loading = "eager";
  };

  const articles = [];
  let script = null;
  for (const [address, prefix] of ours) {
    const text = await (await fetch(address)).text();
    const page = new DOMParser().parseFromString(text, "text/html");
    script ??= page.querySelector("script[src*='mathjax']")?.getAttribute("src");
    const article = page.querySelector("article");
    adopt(article, address, prefix);
    article.id = prefix;
    articles.push(article);
  }

  const cover = articles[0].querySelector("img");
  articles[0].querySelector("h1").textContent = "About this book";
  const front = make("section", "title-page", make("h1", "", title));
  if (cover) front.append(cover.cloneNode());
  front.append(make("p", "", edition));

  const contents = make("nav", "contents", make("h1", "", "Contents"));
  const row = (name, id, text) => {
    const link = make("a", name, make("span", "", text), numbered(id));
    link.href = `#${id}`;
    return link;
  };
  let next = 0;
  for (const { caption, pages } of parts) {
    if (caption) contents.append(make("p", "part", caption));
    for (const article of articles.slice(next, (next += pages.length))) {
      const chapter = article.querySelector("h1").textContent;
      contents.append(row("chapter", article.id, chapter));
      for (const heading of article.querySelectorAll("h2")) {
        const id = heading.closest("[id]").id;
        if (caption) contents.append(row("section", id, heading.textContent));
      }
      // the running title: each chapter has pages of its own kind
      const kind = article.id.replaceAll("_", "-");
      article.style.page = kind;
      const words = JSON.stringify(chapter);
      const rule = `@page ${kind} { @top-right { content: ${words}; } }`;
      document.head.append(make("style", "", rule));
    }
  }
  document.title = title;
  document.documentElement.dataset.theme = "light";
  document.body.className = "";
  document.body.replaceChildren(
    make("main", "bd-content printed", front, contents, ...articles),
  );
  // On paper, a reference to another chapter needs its page; a citation does not.
  for (const link of document.querySelectorAll("a[data-elsewhere]")) {
    const id = link.hash.slice(1);
    if (!document.getElementById(id)?.closest(".citation"))
      link.after(make("span", "elsewhere", " (p. ", numbered(id), ")"));
  }
  await Promise.all([...document.images].map((it) => it.decode().catch(() => {})));
  if (script && !window.MathJax?.typesetPromise) {
    const tag = make("script");
    tag.src = new URL(script, parts[0].pages[0] && new URL(parts[0].pages[0], home));
    await new Promise((done) => (tag.onload = done) && document.head.append(tag));
    await window.MathJax.startup.promise;
  }
  await window.MathJax?.typesetPromise?.();
  await document.fonts.ready;

  // What is wider than the paper is drawn smaller, as far as needed.
  const shrink = (formula, factor) => {
    const size = parseFloat(formula.style.fontSize) || 100; // % that MathJax has chosen
    formula.style.fontSize = `${size * factor}%`;
  };
  for (const formula of document.querySelectorAll("div.math mjx-container")) {
    const room = formula.parentElement.clientWidth - 45; // the number needs some
    const width = formula.querySelector("mjx-math").getBoundingClientRect().width;
    if (width > room) shrink(formula, room / width);
  }
  for (const formula of document.querySelectorAll("span.math mjx-container")) {
    const room = formula.closest("p, li, td, dd, article").clientWidth;
    const width = formula.getBoundingClientRect().width;
    if (width > room) shrink(formula, room / width);
  }
  for (const table of document.querySelectorAll("table")) {
    const room = table.closest("article").clientWidth;
    if (table.scrollWidth > room) table.style.zoom = room / table.scrollWidth;
  }
  return [...contents.querySelectorAll("a")].map((it) => it.hash.slice(1));
};
