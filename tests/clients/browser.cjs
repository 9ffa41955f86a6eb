// What a person does in a browser (Debian's Chromium, headless), step by step.
//   node browser.cjs < TASK
// TASK is JSON: {"base", "steps": [[name, ...arguments]]}. Prints what each step saw, one JSON value a line.

const http = require("node:http");
const { chromium } = require("playwright-core");

(async () => {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const { base, steps } = JSON.parse(text);
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
  page.on("dialog", (dialog) => dialog.accept());

  const does = {
    /** Opens an address; where the browser is then, and what the page is called. */
    open: async (path) => {
      await page.goto(path.startsWith("http") ? path : base + path);
      return does.here();
    },
    here: async () => ({ path: new URL(page.url()).pathname, title: await page.locator("h1").first().textContent() }),
    /** Waits until the browser has gone on to a page of ours. */
    at: async (path) => {
      await page.waitForURL((url) => url.href.startsWith(base) && url.pathname === path);
      return does.here();
    },
    fill: (selector, value) => page.fill(selector, value),
    click: async (selector) => {
      await page.click(selector);
      await page.waitForLoadState("networkidle");
      return does.here();
    },
    /** Waits until a place shows a text. */
    sees: async (selector, part) => {
      const place = page.locator(selector).filter({ hasText: part }).first();
      await place.waitFor({ state: "visible" });
      return place.textContent();
    },
    count: (selector) => page.locator(selector).count(),
    /** Through the keyboard alone: tabs, texts, Enter. */
    keys: async (...keys) => {
      for (const key of keys) await (key.startsWith("=") ? page.keyboard.type(key.slice(1)) : page.keyboard.press(key));
      await page.waitForLoadState("networkidle");
      return does.here();
    },
    cookies: async () => (await context.cookies(base)).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite })),
    value: async (name) => (await context.cookies(base)).find((cookie) => cookie.name === name)?.value ?? null,
    /** The provider's own pages. */
    provider: async (user) => {
      for (let step = 0; step < 4 && !page.url().startsWith(base); step += 1) {
        if (await page.locator("input[name=login]").count()) {
          await page.fill("input[name=login]", user);
          await page.fill("input[name=password]", "x");
        }
        await page.click("button[type=submit]");
        await page.waitForLoadState("networkidle");
      }
      return does.here();
    },
    /** A page of another origin sends a form, and asks by script; what it was answered. */
    evil: async (form, plain) => {
      const html = `<form method=post action="${base}${form}"><input name=length value=60></form>`;
      const server = http.createServer((_, response) => response.setHeader("Content-Type", "text/html").end(html));
      await new Promise((done) => server.listen(0, "127.0.0.1", done));
      const other = await context.newPage();
      await other.goto(`http://127.0.0.1:${server.address().port}/`);
      const script = await other.evaluate(async ([address, body]) => {
        const asked = (options) => fetch(address, { credentials: "include", ...options }).then((reply) => reply.status, () => "unreadable");
        return [
          await asked({ method: "POST", body, headers: { "Content-Type": "text/plain" }, mode: "no-cors" }),
          await asked({ method: "POST", body, headers: { "Content-Type": "application/json" } }),
          await asked({}),
        ];
      }, [base + plain, JSON.stringify({ length: 60, comment: "evil" })]);
      const sent = other.waitForResponse((response) => response.url() === base + form);
      await other.evaluate(() => document.forms[0].submit());
      const status = (await sent).status();
      return { script, form: status };
    },
  };
  let now = "";
  // What waits for ever is told of, too.
  setTimeout(() => {
    console.error(`still at ${now}, ${page.url()}`);
    process.exit(1);
  }, 120_000).unref();
  for (const [name, ...rest] of steps) {
    try {
      now = JSON.stringify([name, ...rest]);
      console.log(JSON.stringify((await does[name](...rest)) ?? null));
    } catch (error) {
      console.error(`${name} ${JSON.stringify(rest)} at ${page.url()}: ${error}\n${await page.content()}`);
      process.exit(1);
    }
  }
  console.log(JSON.stringify(troubles));
  // Under load it has waited for ever for the end of its browser.
  await Promise.race([browser.close(), new Promise((done) => setTimeout(done, 5_000))]);
  process.exit(0);
})();
