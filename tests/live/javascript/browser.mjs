// What a person does at the provider, without a browser: follow redirects, sign in, consent.

/** Walk from the provider's first page to the address that the browser is sent back to, and return that. */
export async function signInAtProvider(start, login, home) {
  const cookies = new Map();
  let url = start;
  let form = null;
  for (let step = 0; step < 20; step++) {
    const reply = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form,
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const line of reply.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split("=");
      cookies.set(name, value);
    }
    form = null;
    const location = reply.headers.get("location");
    if (location) {
      url = new URL(location, url).href;
      if (url.startsWith(home)) return url;
      continue;
    }
    const page = await reply.text();
    const prompt = page.match(/name="prompt" value="(\w+)"/)?.[1];
    if (!prompt) throw new Error(`${reply.status} ${url}\n${page.slice(0, 500)}`);
    url = new URL(page.match(/action="([^"]+)"/)[1], url).href;
    form = new URLSearchParams(prompt === "login" ? { prompt, login, password: "any" } : { prompt });
  }
  throw new Error("the provider sends in circles");
}
