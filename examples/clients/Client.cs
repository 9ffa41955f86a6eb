// Who spent how long, and a minute of one's own. With a token, or as whoever runs it. .NET 8.

using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

var url = Environment.GetEnvironmentVariable("TIMELEDGER_URL")!;
var token = Environment.GetEnvironmentVariable("TIMELEDGER_TOKEN");

// Windows accounts sign in on a connection: one handler for all requests.
using var handler = new HttpClientHandler { UseDefaultCredentials = token is null };
using var client = new HttpClient(handler);
if (token is not null)
{
    client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
}

var query = "$apply=groupby((User/Name),aggregate(PeriodLength with sum as Seconds))&$orderby=User/Name";
string? page = $"{url}/api/odata/v4.0/Worklogs?{query}";
while (page is not null)
{
    var answer = await client.GetFromJsonAsync<JsonElement>(page);
    foreach (var row in answer.GetProperty("value").EnumerateArray())
    {
        Console.WriteLine($"{row.GetProperty("User").GetProperty("Name")},{row.GetProperty("Seconds")}");
    }
    page = answer.TryGetProperty("@odata.nextLink", out var next) ? next.GetString() : null;
}

var entry = new { timeStamp = "2026-03-02T09:00:00", length = 60, comment = "a minute, by .NET" };
var reply = await client.PostAsJsonAsync($"{url}/api/rest/workLogs?api-version=3.2", entry);
reply.EnsureSuccessStatusCode();
Console.WriteLine("entered");
