// The server's answers. What it refuses is an Error with its sentence.

async function told(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = new Error(body.error || `the server said ${response.status}`);
    error.status = response.status;
    throw error;
  }
  return body;
}

async function reach(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the playground does not answer any more: was it ended?");
  }
  return told(response);
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
