// Who spent how long, and a minute of one's own, with a Windows account. npm install httpntlm

const httpntlm = require("httpntlm");

const url = process.env.TIMELEDGER_URL;
const [domain, username] = process.env.TIMELEDGER_WINDOWS_USER.split("\\");
const account = { domain, username, workstation: "", password: process.env.TIMELEDGER_WINDOWS_PASSWORD };

function ask(method, address, more = {}) {
  return new Promise((resolve, reject) => {
    httpntlm[method]({ url: address, ...account, ...more }, (error, reply) => {
      if (error) reject(error);
      else if (reply.statusCode !== 200) reject(new Error(`${reply.statusCode} ${reply.body}`));
      else resolve(JSON.parse(reply.body));
    });
  });
}

(async () => {
  const query = "$apply=groupby((User/Name),aggregate(PeriodLength with sum as Seconds))&$orderby=User/Name";
  let page = `${url}/api/odata/v4.0/Worklogs?${encodeURI(query)}`;
  while (page) {
    const answer = await ask("get", page);
    for (const row of answer.value) console.log(`${row.User.Name},${row.Seconds}`);
    page = answer["@odata.nextLink"];
  }
  await ask("post", `${url}/api/rest/workLogs?api-version=3.2`, {
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ timeStamp: "2026-03-02T09:00:00", length: 60, comment: "a minute, by Node.js" }),
  });
  console.log("entered");
})();
