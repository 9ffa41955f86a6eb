import { ask, attempt, byId } from "./page.js";

// `#SECRET` for the first administrator, `#SECRET&NAME` for somebody who is known. No server is told of it.
const [secret, known] = location.hash.slice(1).split("&");
history.replaceState(null, "", location.pathname);
byId("who").hidden = Boolean(known);
byId("name").required = !known;
if (known) byId("name").value = decodeURIComponent(known);

byId("setup").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    if (!secret) throw new Error("Open the link again: this page has forgotten it.");
    const password = byId("password").value;
    if (password !== byId("again").value) throw new Error("The two are not the same.");
    const answer = await ask("POST", "/setup", { secret, name: byId("name").value, password });
    location.assign(answer.location);
  });
});
