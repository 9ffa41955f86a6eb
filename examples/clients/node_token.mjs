// Who spent how long, and a minute of one's own, with a token. Node.js 18 or newer, nothing to install.

const { TIMELEDGER_URL: url, TIMELEDGER_TOKEN: token } = process.env;

async function ask(address, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  const reply = await fetch(address, { ...options, headers });
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
  return reply.json();
}

/** Every row of a query, whatever the pages. */
async function* rows(query) {
  let page = `${url}/api/odata/v4.0/${query}`;
  while (page) {
    const answer = await ask(page);
    yield* answer.value;
    page = answer["@odata.nextLink"];
  }
}

const seconds = new Map();
for await (const log of rows("Worklogs?$select=PeriodLength&$expand=User($select=Name)")) {
  seconds.set(log.User.Name, (seconds.get(log.User.Name) ?? 0) + log.PeriodLength);
}
for (const [name, sum] of [...seconds].sort()) console.log(`${name},${sum}`);

await ask(`${url}/api/rest/workLogs?api-version=3.2`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ timeStamp: "2026-03-02T09:00:00", length: 60, comment: "a minute, by Node.js" }),
});
console.log("entered");
