import { ask, attempt, byId, whoAmI } from "./page.js";

let looked = "";

byId("pin").addEventListener("input", () => { byId("asked").hidden = true; });
byId("look").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("asked").hidden = true;
  attempt(async () => {
    const pin = byId("pin").value;
    const asked = await ask("POST", "/api/pin/look", { pin });
    looked = pin;
    const seconds = Math.max(0, Math.round((Date.now() - new Date(asked.createdAt)) / 1000));
    byId("address").textContent = asked.address;
    byId("age").textContent = `${seconds} seconds ago`;
    byId("asked").hidden = false;
  });
});
byId("allow").addEventListener("click", () => attempt(async () => {
  await ask("POST", "/api/pin/validate", { pin: looked });
  byId("asked").hidden = true;
  byId("look").hidden = true;
  byId("done").hidden = false;
}));
attempt(whoAmI);
