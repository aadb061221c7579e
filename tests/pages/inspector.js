// What the inspector evaluates in a page. Each check answers what is wrong: a list, empty if nothing is.
({
  async axe(options) {
    const { violations } = await axe.run(options);
    const failures = (nodes) => nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`);
    return violations.map(({ id, nodes }) => [id, failures(nodes)]);
  },

  asServed() {
    document.adoptedStyleSheets = [];
    document.documentElement.style.fontSize = "";
  },
  // WCAG 1.4.12
  withSpacing() {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`p { margin-bottom: 2em !important }
      * { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }`);
    document.adoptedStyleSheets = [sheet];
  },
  // WCAG 1.4.4
  withLargeText() {
    document.documentElement.style.fontSize = "200%";
  },

  tooWide() {
    const { scrollWidth } = document.documentElement;
    return scrollWidth > innerWidth ? [scrollWidth] : [];
  },
  cutOff() {
    const hides = (one) => ["hidden", "clip"].includes(getComputedStyle(one).overflowX);
    return this.found("body :not(.unseen, input, select, textarea)", (one) => one.clientWidth && one.scrollWidth > one.clientWidth + 1 && hides(one));
  },
  // Controls that do not show that they have the focus.
  unfocused() {
    const active = document.activeElement;
    const faults = this.found("a, button, input:not([type=hidden]), select, textarea, [tabindex='0']", (one) => {
      one.focus({ focusVisible: true });
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      return outlineStyle === "none" || parseFloat(outlineWidth) < 2;
    });
    active.focus();
    return faults;
  },
  // Controls that only their background shows, which forced colours take away.
  bare() {
    return this.found("button, .button, input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea", (one) => {
      const { borderTopStyle, borderTopWidth, textDecorationLine } = getComputedStyle(one);
      const border = borderTopStyle !== "none" && parseFloat(borderTopWidth) >= 1;
      return !border && textDecorationLine !== "underline";
    });
  },
  moving() {
    return this.found("*", (one) => {
      const { transitionDuration, animationDuration } = getComputedStyle(one);
      return parseFloat(transitionDuration) + parseFloat(animationDuration) > 0;
    });
  },
  // On paper, text is dark and controls are not there.
  unprintable() {
    const light = this.found("main :is(h1, h2, p, dt, dd, li, th, td)", (one) => {
      const [red, green, blue] = getComputedStyle(one).color.match(/\d+/g);
      return 0.21 * red + 0.72 * green + 0.07 * blue > 110;
    });
    const title = document.querySelector("main h1").checkVisibility() ? [] : ["no heading"];
    return [...title, ...light, ...this.found("button, nav, .skip", () => true)];
  },

  found(selector, isWrong) {
    const seen = [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
    return seen.filter(isWrong).map((one) => one.outerHTML.slice(0, 120));
  },
})
