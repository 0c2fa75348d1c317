"use strict";
/* A request as a value, and what can be made of it: a command, a piece of program, an answer.

   { method, url, headers, isSigned, body }; body is null, { media, text }, { media, file } or { media, parts },
   parts being [name, text or File]. The token is no part of it: examples name it and don't hold it. */

const FORM = "multipart/form-data";

/* -- as a command for a shell ----------------------------------------------------------------------------------- */

const quote = word => `'${word.replace(/'/g, "'\\''")}'`;

function asCurl({ method, url, headers, isSigned, body }) {
  const how = { GET: "", HEAD: "-I " }[method] ?? `-X ${method} `;
  const parts = [`curl ${how}${quote(url)}`];
  if (isSigned) parts.push('-H "Authorization: $TOKEN"');
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body && !body.parts) parts.push(`-H ${quote(`Content-Type: ${body.media}`)}`);
  if (body) parts.push(...curlBody(body));
  return parts.join(" \\\n  ");
}

function curlBody({ media, text, file, parts }) {
  if (parts) return parts.map(([name, value]) => media === FORM ? curlPart(name, value) : `--data-urlencode ${quote(`${name}=${value}`)}`);
  if (text === undefined) return file ? [`--data-binary ${quote(`@${file.name}`)}`] : [];
  return [`${text.startsWith("@") ? "--data-raw" : "-d"} ${quote(text)}`];
}

/* With -F, curl reads @ and < at the beginning as names of files, and what follows a semicolon as options. */
function curlPart(name, value) {
  if (value instanceof File) {
    const told = /[",;\\]/.test(value.name) ? `"${value.name.replace(/(["\\])/g, "\\$1")}"` : value.name;
    return `-F ${quote(`${name}=@${told}`)}`;
  }
  return `${/^[@<"]|;/.test(value) ? "--form-string" : "-F"} ${quote(`${name}=${value}`)}`;
}

/* -- as JavaScript ---------------------------------------------------------------------------------------------- */

function asFetch({ method, url, headers, isSigned, body }) {
  const options = [], lead = [];
  const told = Object.entries(headers).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  if (isSigned) told.unshift('"Authorization": token');
  if (body && !body.parts) told.push(`"Content-Type": ${JSON.stringify(body.media)}`);
  if (method !== "GET") options.push(`method: "${method}"`);
  if (told.length) options.push(`headers: { ${told.join(", ")} }`);
  if (body) options.push(`body: ${fetchBody(body, lead)}`);
  const how = options.length ? `, {\n  ${options.join(",\n  ")},\n}` : "";
  lead.push(`const reply = await fetch(${JSON.stringify(url)}${how});`, "console.log(reply.status, await reply.text());");
  return lead.join("\n");
}

/* Return the expression of a body; what must stand before it is put into `lead`. */
function fetchBody({ media, text, parts }, lead) {
  if (!parts && text === undefined) return "file";
  if (!parts) {
    try { return `JSON.stringify(${JSON.stringify(JSON.parse(text), null, 2).replace(/\n/g, "\n  ")})`; }
    catch { return JSON.stringify(text); }
  }
  let files = 0;
  if (parts.some(([, value]) => value instanceof File)) lead.push('const files = document.querySelector("input[type=file]").files;');
  lead.push(`const form = new ${media === FORM ? "FormData" : "URLSearchParams"}();`);
  for (const [name, value] of parts)
    lead.push(`form.append(${JSON.stringify(name)}, ${value instanceof File ? `files[${files++}], ${JSON.stringify(value.name)}` : JSON.stringify(value)});`);
  return "form";
}

/* -- sent ------------------------------------------------------------------------------------------------------- */

async function ask({ method, url, headers, body }, token, signal) {
  const told = new Headers(headers);
  if (token) told.set("Authorization", token);
  if (body && !body.parts) told.set("Content-Type", body.media);
  return fetch(url, { method, headers: told, body: body ? sentBody(body) : undefined, signal });
}

/* The browser writes the Content-Type of forms itself. */
function sentBody({ media, text, file, parts }) {
  if (!parts) return text ?? file;
  const form = media === FORM ? new FormData() : new URLSearchParams();
  for (const [name, value] of parts) form.append(name, value);
  return form;
}
