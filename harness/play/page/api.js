// The server's answers. What it refuses is an Error with its sentence.

async function told(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error || `the server said ${response.status}`);
  return body;
}

let waiting = 0;

/** A long run takes seconds to be played to another place: that is shown, where it is not over at once. */
async function reach(path, options) {
  waiting += 1;
  const slow = setTimeout(() => document.body.classList.add("busy"), 250);
  try {
    return await told(await fetch(path, options));
  } catch (error) {
    if (error instanceof TypeError) throw new Error("the playground does not answer any more: was it ended?");
    throw error;
  } finally {
    clearTimeout(slow);
    waiting -= 1;
    if (!waiting) document.body.classList.remove("busy");
  }
}

export function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return reach(`/api/${path}?${new URLSearchParams(given)}`);
}

export function post(path, body) {
  return reach(`/api/${path}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
}
