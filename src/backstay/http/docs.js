"use strict";
/* The page: what it shows, and what people do with it. See docs_schemas.js and docs_requests.js beside it. */

const at = id => document.getElementById(id);
const base = location.pathname.replace(/\/api\/docs\/?$/, "");
const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];
/* Header parameters that OpenAPI tells to ignore: other parts of the document say what stands there. */
const OWN_HEADERS = ["accept", "authorization", "content-type"];
const TOLD_MS = 3000;
let operations = [], token = "", asked = 0, shownTag = "", language = "curl";

/* Everything is put in as text: names and words come from the owners of the site and of its code. */
function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(options)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}

/* `code` in descriptions is set as such. */
function worded(text) {
  return String(text || "").split(/`([^`]+)`/).map((part, number) => number % 2 ? make("code", {}, part) : part);
}

/* -- the document --------------------------------------------------------------------------------------------- */

/* Load the document as who is signed in may see it. A `name` is how people call them. */
async function load(name = "") {
  const turn = ++asked;
  let reply, found;
  try {
    reply = await fetch(`${base}/api/openapi.json`, { headers: token ? { Authorization: token } : {} });
    found = await reply.json();
  } catch (fault) { found = { message: fault.message || String(fault) }; }
  if (turn !== asked) return;
  if (token && (reply?.status === 401 || reply?.status === 403)) refuse(found.hint || found.message);
  else if (!reply?.ok || !found.info) say(`The document can't be loaded: ${found.message || reply.status}`, make("button", { onclick: () => load(name) }, "Try again"));
  else if (token && found.info["x-viewer"] === null) refuse("The server doesn't know this token: it has run out, or is of another site.");
  else take(found, name);
}

function take(found, name) {
  site = found;
  operations = Object.entries(site.paths || {}).flatMap(([path, item]) => METHODS.filter(method => item[method]).map(method => operationOf(path, method, item)));
  at("title").textContent = document.title = `${site.info.title} API`;
  at("raw").href = `${base}/api/openapi.json`;
  at("who").textContent = token ? `As ${name || `one of ${site.info["x-viewer"]}`} may use it.` : "As everybody may use it.";
  at("account").hidden = Boolean(token);
  at("leave").hidden = !token;
  showCollections();
  show();
}

function operationOf(path, method, item) {
  const parameters = new Map();
  for (const one of [...(item.parameters || []), ...(item[method].parameters || [])].map(follow))
    if (one.in !== "header" || !OWN_HEADERS.includes(one.name.toLowerCase())) parameters.set(`${one.in} ${one.name}`, one);
  const tags = item[method].tags?.length ? [...new Set(item[method].tags)] : ["other"];
  return { path, method, ...item[method], tags, id: `${method}-${path}`, parameters: [...parameters.values()] };
}

function showCollections() {
  const into = operations.filter(one => one.path.endsWith("/auth-with-password")).map(one => one.path.split("/")[3]);
  const chosen = at("collection").value;
  at("collection").replaceChildren(...[...new Set(["_superusers", ...into])].map(name => make("option", { value: name, selected: name === chosen }, name)));
}

function say(text, ...more) {
  at("main").replaceChildren(make("p", { class: "note", role: "status" }, text, ...more));
}

function byTag(list) {
  const tags = new Map();
  for (const one of list) for (const tag of one.tags) tags.set(tag, [...(tags.get(tag) || []), one]);
  return tags;
}

function show() {
  const words = at("find").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const fits = one => words.every(word => `${one.method} ${one.path} ${one.summary || ""} ${one.tags.join(" ")}`.toLowerCase().includes(word));
  const found = operations.filter(fits), tags = byTag(found), goal = decoded(location.hash.slice(1));
  const wanted = found.find(one => one.id === goal), asTag = goal.replace(/^tag-/, "");
  /* An operation with several tags stays under the one where it was opened. */
  if (wanted) shownTag = wanted.tags.includes(shownTag) ? shownTag : wanted.tags[0];
  else shownTag = tags.has(asTag) ? asTag : [...tags.keys()][0];
  at("tags").replaceChildren(...[...tags].map(([tag, list]) =>
    make("a", { href: `#tag-${encodeURIComponent(tag)}`, "aria-current": tag === shownTag ? "true" : null }, tag, " ", make("span", { class: "count" }, `${list.length}`))));
  if (!found.length) { say(operations.length ? "Nothing fits these words." : "There is nothing here that you may use. Sign in to see more."); return; }
  at("main").replaceChildren(make("h2", {}, shownTag), ...tags.get(shownTag).map(one => card(one, one === wanted)));
  if (wanted) at(wanted.id)?.scrollIntoView();
}

function card(one, isOpen) {
  const inside = make("div", { class: "inside" });
  const element = make("details", { class: "card", id: one.id },
    make("summary", {}, make("span", { class: `method ${one.method}` }, one.method.toUpperCase()), make("span", { class: "path" }, one.path), make("span", { class: "soft" }, one.summary || "")),
    inside);
  element.addEventListener("toggle", () => {
    if (element.open && !inside.childNodes.length) inside.append(...details(one));
    if (element.open) history.replaceState(null, "", `#${encodeURIComponent(one.id)}`);
  });
  if (isOpen) element.open = true;
  return element;
}

/* -- what an operation takes and gives --------------------------------------------------------------------- */

function table(rows, heads) {
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads.map(head => make("th", { scope: "col" }, head)))), make("tbody", {}, ...rows));
}

function row(name, schema, isMust, description) {
  const told = [description || resolve(schema).description, limits(schema)].filter(Boolean).join("; ");
  return make("tr", {}, make("td", {}, make("code", {}, name), isMust ? make("span", { class: "must", title: "must be sent" }, " *") : null), make("td", {}, kind(schema)), make("td", { class: "soft" }, ...worded(told)));
}

function schemaView(schema) {
  const some = (optionsOf(resolve(schema)) || []).filter(part => !isNull(part));
  if (some.length > 1 && some.every(part => fieldsOf(part).length)) return make("div", {}, ...some.map(variantView));
  const rows = fieldsOf(schema).map(found => row(found.name, found.schema, found.isMust));
  return rows.length ? table(rows, ["field", "type", ""]) : make("p", {}, make("code", {}, kind(schema)));
}

function variantView(schema) {
  return make("details", {}, make("summary", {}, make("code", {}, kind(schema))), schemaView(schema));
}

const PLACES = { path: "in the path", header: "a header", cookie: "a cookie; a browser doesn't let a page send it, so it can't be tried here" };

function parameterRow(item) {
  return row(item.name, item.schema || {}, item.required, [PLACES[item.in], item.description].filter(Boolean).join("; "));
}

const schemaOf = content => (content["application/json"] || Object.values(content)[0])?.schema;

function details(one) {
  const out = [], wanted = follow(one.requestBody), content = wanted.content;
  if (one.description) out.push(make("p", {}, ...worded(one.description)));
  if (one.security?.length) out.push(make("p", { class: "soft" }, "Needs a token in the header Authorization."));
  if (one.parameters.length) out.push(make("h3", {}, "Parameters"), table(one.parameters.map(parameterRow), ["name", "type", ""]));
  if (content) out.push(make("h3", {}, `Body (${Object.keys(content).join(" or ")}${wanted.required ? "" : ", may be left out"})`), schemaView(schemaOf(content)));
  out.push(make("h3", {}, "Answers"), ...Object.entries(one.responses || {}).map(([status, told]) => answerView(status, follow(told))));
  out.push(make("h3", {}, "Try it"), trial(one));
  return out;
}

function answerView(status, told) {
  const content = told.content || {}, media = Object.keys(content);
  if (!status.startsWith("2") || !media.length) return make("p", { class: "soft" }, make("code", {}, status), " ", ...worded(told.description));
  return make("details", {}, make("summary", {}, make("code", {}, status), ` ${told.description || ""} `, make("span", { class: "soft" }, media.join(", "))), schemaView(schemaOf(content)));
}

/* -- trying it ------------------------------------------------------------------------------------------------ */

/* Return an input for a value, and `read`, which gives a list of texts or files: empty for what isn't sent. */
function control(name, schema, isMust = false) {
  const one = withoutNull(schema), isList = typesOf(one)[0] === "array", within = isList ? one.items : one;
  const told = { name, autocomplete: "off" };
  const choices = isList ? null : one.enum || (one.type === "boolean" ? [false, true] : null);
  let element, read = () => element.value === "" ? [] : [element.value];
  if (isFile(within)) {
    element = make("input", { ...told, type: "file", multiple: isList });
    read = () => [...element.files];
  } else if (choices) {
    element = make("select", told, make("option", { value: "" }, ""), ...choices.filter(value => value !== "").map(value => make("option", {}, `${value}`)));
  } else if (isList) {
    element = make("textarea", { ...told, class: "lines", spellcheck: "false", placeholder: `${kind(within, [one])}, one a line` });
    read = () => element.value.split("\n").filter(Boolean);
  } else element = make("input", { ...told, placeholder: kind(schema) });
  return { element, read, label: make("label", {}, make("span", {}, name, isMust ? make("span", { class: "must" }, " *") : null), element) };
}

/* Return the inputs for a body of one media type, and `read`, which gives the body. */
function bodyControl(media, schema) {
  if (media === "") return { elements: [], read: () => null };
  if (media === FORM || media === "application/x-www-form-urlencoded") {
    const one = withoutNull(schema);
    const parts = Object.entries(one.properties || {}).map(([name, part]) => [name, control(name, part, one.required?.includes(name))]);
    const elements = [make("p", { class: "soft" }, "What is left empty isn't sent."), make("div", { class: "fields" }, ...parts.map(([, part]) => part.label))];
    return { elements, read: () => ({ media, parts: parts.flatMap(([name, part]) => part.read().map(value => [name, value])) }) };
  }
  if (/json|text|xml|\*/.test(media)) {
    const text = make("textarea", { spellcheck: "false" });
    text.value = /json/.test(media) ? JSON.stringify(sample(schema), null, 2) : "";
    return { elements: [make("label", {}, "body", text)], read: () => ({ media, text: text.value }) };
  }
  const file = make("input", { type: "file" });
  return { elements: [make("label", {}, "body", file)], read: () => ({ media, file: file.files[0] || new File([], "FILE") }) };
}

/* Return the inputs for a body as the person chooses to send it, and `read`, which gives the body. */
function bodyChoice(wanted) {
  const content = wanted.content || {}, choices = Object.keys(content), place = make("div"), made = new Map();
  if (!wanted.required || !choices.length) choices.push("");
  const select = make("select", { class: "media" }, ...choices.map(media => make("option", { value: media }, media || "no body")));
  const current = () => {
    if (!made.has(select.value)) made.set(select.value, bodyControl(select.value, content[select.value]?.schema));
    return made.get(select.value);
  };
  const choose = () => place.replaceChildren(...current().elements);
  select.addEventListener("input", choose);
  choose();
  return { elements: [choices.length > 1 ? make("label", {}, "body as", select) : null, place], read: () => current().read() };
}

function requestOf(one, inputs, body) {
  const query = new URLSearchParams(), headers = {};
  let path = one.path;
  for (const { item, read } of inputs) {
    const values = read();
    if (item.in === "path") path = path.replace(`{${item.name}}`, encodeURIComponent(values[0] ?? ""));
    else if (item.in === "header" && values.length) headers[item.name] = values.join(", ");
    else if (item.in === "query") values.forEach(value => query.append(item.name, value));
  }
  const url = `${location.origin}${base}${path}${query.size ? `?${query}` : ""}`;
  return { method: one.method.toUpperCase(), url, headers, isSigned: Boolean(token), body };
}

function trial(one) {
  const inputs = one.parameters.filter(item => item.in !== "cookie").map(item => ({ item, ...control(item.name, item.schema, item.required) }));
  const body = bodyChoice(follow(one.requestBody)), request = () => requestOf(one, inputs, body.read());
  const example = exampleView(request), output = make("div", { class: "output", "aria-live": "polite" }), send = make("button", {}, "Send");
  for (const { item, element } of inputs) element.required = item.in === "path"; // without it, the path leads elsewhere
  const form = make("form", { oninput: example.write },
    make("div", { class: "fields" }, ...inputs.map(found => found.label)), ...body.elements, send, example.element, output);
  form.addEventListener("submit", async event => {
    event.preventDefault();
    send.disabled = true;
    try { output.replaceChildren(...await answer(request())); }
    catch (fault) { output.replaceChildren(make("p", { class: "status is-bad" }, make("b", {}, "No answer: "), String(fault.message || fault))); }
    send.disabled = false;
  });
  return form;
}

/* Return the request as a command and as a program, and `write`, which writes it again. */
function exampleView(request) {
  const text = make("pre", { class: "example", tabindex: "0" });
  const languages = { curl: asCurl, JavaScript: asFetch };
  const choices = Object.keys(languages).map(name => make("button", { class: "plain", type: "button", onclick: () => { language = name; write(); } }, name));
  const copied = make("button", { class: "plain copy", type: "button", "aria-live": "polite", onclick: () => copy(text, copied) }, "Copy");
  function write() {
    text.textContent = languages[language](request());
    for (const choice of choices) choice.setAttribute("aria-pressed", String(choice.textContent === language));
  }
  write();
  return { write, element: make("div", {}, make("div", { class: "bar", role: "group", "aria-label": "As a program" }, ...choices, copied), text) };
}

/* A browser has a clipboard for pages only over https and on the own machine; elsewhere the person copies by hand. */
async function copy(from, button) {
  let told = "Copied";
  try { await navigator.clipboard.writeText(from.textContent); }
  catch {
    getSelection().selectAllChildren(from);
    told = "Selected, to be copied by hand";
  }
  button.textContent = told;
  setTimeout(() => { button.textContent = "Copy"; }, TOLD_MS);
}

async function answer(request) {
  const began = performance.now(), stop = new AbortController(), reply = await ask(request, token, stop.signal);
  const took = `${Math.round(performance.now() - began)} ms`, media = reply.headers.get("content-type") || "";
  const told = [make("p", { class: `status ${reply.ok ? "" : "is-bad"}` }, make("b", {}, `${reply.status} ${reply.statusText}`), ` ${media} ${took}`), headersView(reply.headers)];
  if (media.startsWith("text/event-stream")) { stop.abort(); return [...told, make("p", { class: "soft" }, "The stream is open; this page doesn't read it.")]; }
  if (media && !/json|text|xml|javascript/.test(media)) { const size = (await reply.blob()).size; return [...told, make("p", { class: "soft" }, `${size} bytes`)]; }
  let text = await reply.text();
  try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
  return text ? [...told, make("pre", {}, text)] : told;
}

function headersView(headers) {
  const all = [...headers], lines = all.map(([name, value]) => `${name}: ${value}\n`);
  return make("details", { class: "headers" }, make("summary", { class: "soft" }, `${all.length} headers`), make("pre", {}, ...lines));
}

/* -- signing in ----------------------------------------------------------------------------------------------- */

function enter(given, name) {
  token = given;
  at("password").value = at("token").value = at("fault").textContent = "";
  return load(name);
}

/* Go on as a guest, and tell why. */
function refuse(why) {
  enter("");
  at("account").hidden = false;
  at("account").open = true;
  at("fault").textContent = `${why} You see what everybody may use.`;
}

at("enter").addEventListener("submit", async event => {
  event.preventDefault();
  const body = JSON.stringify({ identity: at("identity").value, password: at("password").value });
  try {
    const path = `${base}/api/collections/${encodeURIComponent(at("collection").value)}/auth-with-password`;
    const reply = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const found = await reply.json();
    if (found.token) enter(found.token, at("identity").value);
    else at("fault").textContent = found.mfaId ? "This account asks for a second factor: use a token." : found.hint || found.message || "That didn't work.";
  } catch (fault) { at("fault").textContent = `No answer: ${fault.message || fault}`; }
});
at("use").addEventListener("click", () => {
  const given = at("token").value.trim();
  if (/[^\x20-\x7e]/.test(given)) at("fault").textContent = "A token has none but letters, digits, dots, - and _.";
  else if (given) enter(given);
});
at("leave").addEventListener("click", () => enter(""));
at("find").addEventListener("input", show);
addEventListener("hashchange", show);
load();
