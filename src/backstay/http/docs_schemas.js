"use strict";
/* Reads the document and its JSON schemas: types, fields, an example. A schema may refer to itself in any way. */

const DEPTH_MAX = 6;
const ANYTHING = {}, NOTHING = { not: {} };
/* What a schema comes to, by the schema: the same one gives the same object again, and so recursion is seen. */
const resolved = new WeakMap();
let site = null;

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function lookUp(reference) {
  let found = site;
  for (const key of reference.replace(/^#\//, "").split("/")) found = found?.[decoded(key).replace(/~1/g, "/").replace(/~0/g, "~")];
  return found;
}

/* Return what a reference leads to, for everything that is no schema. */
function follow(value) {
  for (let steps = 0; value?.$ref && steps < 20; steps++) value = lookUp(value.$ref);
  return value || {};
}

/* Return a schema as an object: true and false too, its reference followed, its allOf put together. */
function resolve(schema) {
  if (schema === false) return NOTHING;
  if (!schema || typeof schema !== "object") return ANYTHING;
  if (!resolved.has(schema)) {
    resolved.set(schema, ANYTHING); // a schema that is nothing but itself says nothing
    const { $ref, allOf, ...own } = schema;
    const parts = [...($ref ? [lookUp($ref)] : []), ...(allOf || [])].map(resolve);
    if (Object.keys(own).length || !parts.length) parts.push(own);
    resolved.set(schema, parts.reduce(merge));
  }
  return resolved.get(schema);
}

function merge(one, other) {
  const both = { ...one, ...other };
  if (one.properties && other.properties) {
    both.properties = { ...one.properties, ...other.properties };
    for (const name of Object.keys(one.properties))
      if (Object.hasOwn(other.properties, name)) both.properties[name] = { allOf: [one.properties[name], other.properties[name]] };
  }
  if (one.required && other.required) both.required = [...new Set([...one.required, ...other.required])];
  return both;
}

function nameOf(schema) {
  const reference = schema?.$ref || (schema?.allOf?.length === 1 && schema.allOf[0].$ref);
  return reference ? decoded(reference.split("/").pop()) : "";
}

function typesOf(one) {
  if (one.type) return [].concat(one.type);
  if (one.properties || one.additionalProperties) return ["object"];
  return one.items !== undefined || one.prefixItems ? ["array"] : ["any"];
}

const optionsOf = one => one.anyOf || one.oneOf || null;
const isNull = schema => resolve(schema).type === "null";

/* Return what a schema is when it isn't null. */
function withoutNull(schema) {
  const one = resolve(schema), some = (optionsOf(one) || []).filter(part => !isNull(part));
  return some.length === 1 ? resolve(some[0]) : one;
}

/* Return the name of a type for people. Within another type, one that has a name and parts is called by its name. */
function kind(schema, seen = []) {
  const one = resolve(schema), name = nameOf(schema), some = optionsOf(one), types = typesOf(one);
  if (one === NOTHING) return "nothing";
  if (one.enum) return one.enum.map(value => JSON.stringify(value)).join(" | ");
  if ("const" in one) return JSON.stringify(one.const);
  const hasParts = some || types.includes("array") || types.includes("object");
  if (seen.includes(one) || (name && hasParts && seen.length)) return name || "…";
  const more = [...seen, one];
  if (some) return [...new Set(some.map(part => kind(part, more)))].join(" | ");
  return types.map(type => {
    if (type === "array") return listKind(one, more);
    if (type !== "object") return one.format ? `${type} (${one.format})` : type;
    const rest = one.additionalProperties;
    return name || (rest && typeof rest === "object" && Object.keys(rest).length ? `object of ${kind(rest, more)}` : type);
  }).join(" | ");
}

function listKind(one, seen) {
  if (one.prefixItems) return `[${one.prefixItems.map(part => kind(part, seen)).join(", ")}]`;
  const within = kind(one.items, seen);
  return `list of ${within.includes(" | ") ? `(${within})` : within}`;
}

function limits(schema) {
  const one = resolve(schema), told = [];
  for (const key of ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "default"])
    if (key in one) told.push(`${key} ${JSON.stringify(one[key])}`);
  return told.join(", ");
}

/* Return all fields of a schema, those within others too: name, schema, and whether they must be sent. */
function fieldsOf(schema, prefix = "", seen = []) {
  const one = resolve(schema);
  if (seen.length > DEPTH_MAX || seen.includes(one)) return [];
  const more = [...seen, one], found = [];
  const some = (optionsOf(one) || []).filter(part => !isNull(part));
  for (const part of some) found.push(...fieldsOf(part, some.length > 1 ? `${prefix}(${kind(part)})` : prefix, more));
  for (const [name, part] of Object.entries(one.properties || {})) {
    const path = prefix ? `${prefix}.${name}` : name;
    found.push({ name: path, schema: part, isMust: (one.required || []).includes(name) }, ...fieldsOf(part, path, more));
  }
  found.push(...fieldsOf(one.items, `${prefix}[]`, more), ...fieldsOf(one.additionalProperties, `${prefix}.*`, more));
  return found;
}

/* Return an example of a value: what must be sent, or the first few fields where nothing must. */
function sample(schema, seen = []) {
  const one = resolve(schema);
  if (one.examples?.length) return one.examples[0];
  for (const key of ["example", "default", "const"]) if (key in one) return one[key];
  if (one.enum?.length) return one.enum[0];
  if (seen.length > DEPTH_MAX) return null;
  const more = [...seen, one], some = optionsOf(one);
  if (some) {
    const at = some.findIndex(part => !more.includes(resolve(part)));
    return at < 0 ? null : sample(some[at], more);
  }
  if (seen.includes(one)) return null;
  const type = typesOf(one)[0];
  if (type === "object") {
    const parts = one.properties || {}, must = one.required?.length ? one.required : Object.keys(parts).slice(0, 3);
    return Object.fromEntries(must.map(name => [name, sample(parts[name], more)]));
  }
  if (type === "array") return one.prefixItems ? one.prefixItems.map(part => sample(part, more)) : one.minItems ? [sample(one.items, more)] : [];
  return { integer: one.minimum ?? 0, number: one.minimum ?? 0, boolean: false, string: "" }[type] ?? null;
}

function isFile(schema) {
  const one = withoutNull(schema);
  return one.format === "binary" || Boolean(one.contentMediaType && !one.contentEncoding);
}
