// Shows /openapi.json. Whatever the document says becomes text, never markup. The page itself is for everybody; the
// document is read with the token that the dashboard keeps, where the server asks for one.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const byId = (id) => document.getElementById(id);

// An element with attributes and children; a child that is no element is text.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

// Text with its `code` as code and its paragraphs as paragraphs.
function prose(text) {
  return (text ?? "").split(/\n\n+/).filter(Boolean).map((paragraph) => {
    const pieces = paragraph.split("`");
    return element("p", {}, pieces.map((piece, index) => (index % 2 ? element("code", {}, piece) : piece)));
  });
}

const nameOf = (reference) => reference.split("/").pop();

function link(reference) {
  return element("a", { href: `#schema-${nameOf(reference)}` }, nameOf(reference));
}

// What a schema allows, as short as can be.
function type(schema) {
  if (!schema || schema === true) return ["anything"];
  if (schema.$ref) return [link(schema.$ref)];
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choices) return choices.flatMap((choice, index) => (index ? [" | ", ...type(choice)] : type(choice)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  const names = [schema.type ?? "object"].flat();
  return names.flatMap((name, index) => {
    const piece = name === "array" ? ["list of ", ...type(schema.items)] : [schema.format ? `${name} (${schema.format})` : name];
    return index ? [" | ", ...piece] : piece;
  });
}

function table(headings, rows) {
  if (rows.length === 0) return null;
  const head = element("tr", {}, headings.map((heading) => element("th", { scope: "col" }, heading)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, rows));
}

const cells = (...contents) => element("tr", {}, contents.map((content) => element("td", {}, content)));
const shape = (schema) => element("span", { class: "type" }, type(schema));

function properties(schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) =>
    cells(element("code", {}, name), [shape(property)], required.has(name) ? "yes" : "", prose(property.description)));
  return table(["Field", "Type", "Required", "Meaning"], rows);
}

function parameters(operation) {
  const rows = (operation.parameters ?? []).map((parameter) =>
    cells(element("code", {}, parameter.name), parameter.in, [shape(parameter.schema)], prose(parameter.description)));
  return rows.length ? [element("h3", {}, "Parameters"), table(["Name", "In", "Type", "Meaning"], rows)] : [];
}

function contents(content) {
  return Object.entries(content ?? {}).flatMap(([kind, { schema }]) => [element("div", {}, `${kind}: `, shape(schema))]);
}

function answers(operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, response]) =>
    cells(element("code", {}, status), prose(response.description), contents(response.content)));
  return [element("h3", {}, "Answers"), table(["Status", "Meaning", "Body"], rows)];
}

function body(operation) {
  const request = operation.requestBody;
  return request ? [element("h3", {}, "Body"), ...prose(request.description), ...contents(request.content)] : [];
}

function entry(id, words, title, ...children) {
  return element("details", { id, "data-words": words.toLowerCase() }, element("summary", {}, title), children);
}

function operationEntry(path, method, operation) {
  const title = [
    element("span", { class: `method ${method}` }, method.toUpperCase()),
    element("span", { class: "path" }, path),
    element("span", { class: "summary" }, operation.summary ?? ""),
  ];
  const words = `${method} ${path} ${operation.summary ?? ""} ${operation.operationId ?? ""}`;
  return entry(`operation-${operation.operationId}`, words, title,
    prose(operation.description), parameters(operation), body(operation), answers(operation));
}

function schemaEntry(name, schema) {
  const rest = schema.properties ? [properties(schema)] : [element("p", {}, shape(schema))];
  return entry(`schema-${name}`, name, element("code", {}, name), prose(schema.description), rest);
}

function operations(description) {
  return Object.entries(description.paths ?? {}).flatMap(([path, operations]) =>
    METHODS.filter((method) => operations[method]).map((method) => ({ path, method, operation: operations[method] })));
}

function show(description) {
  const all = operations(description);
  const tags = [...new Set(all.map(({ operation }) => operation.tags?.[0] ?? "other"))];
  const groups = tags.flatMap((tag) => [
    element("h2", {}, tag),
    ...all.filter(({ operation }) => (operation.tags?.[0] ?? "other") === tag)
      .map(({ path, method, operation }) => operationEntry(path, method, operation)),
  ]);
  const schemas = Object.entries(description.components?.schemas ?? {}).map(([name, schema]) => schemaEntry(name, schema));
  byId("title").textContent = `${description.info.title} ${description.info.version}`;
  byId("about").replaceChildren(...prose(description.info.description));
  byId("main").replaceChildren(...groups, element("h2", {}, "Schemas"), ...schemas);
}

// What the address points at; nothing where somebody has cut a link short.
function pointedAt() {
  try {
    return byId(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null;
  }
}

// A link to an entry opens it.
function openTarget() {
  const target = pointedAt();
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function filter() {
  const wanted = byId("find").value.trim().toLowerCase();
  for (const found of document.querySelectorAll("details")) found.hidden = !found.dataset.words.includes(wanted);
}

// The dashboard keeps it in its tab, or in the browser if asked to (dashboard/src/api/token.ts).
function token() {
  const name = "store-platform-token";
  try {
    return sessionStorage.getItem(name) ?? localStorage.getItem(name);
  } catch {
    return null;
  }
}

function say(...words) {
  byId("main").replaceChildren(element("p", { role: "alert" }, words));
}

async function read(known) {
  const headers = { accept: "application/json", ...(known ? { authorization: `Bearer ${known}` } : {}) };
  const response = await fetch("/openapi.json", { headers, credentials: "omit" });
  if (response.status === 401) {
    say("This platform asks for a token: ", element("a", { href: "/ui/" }, "log in to the dashboard"), ", then come back.");
    return;
  }
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const text = await response.text();
  show(JSON.parse(text));
  openTarget();
  if (known) offer(text);
}

// A browser sends no token when it follows a link.
function offer(text) {
  const link = byId("document");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "openapi.json";
}

async function begin() {
  try {
    await read(token());
  } catch (error) {
    say(`The description of the API cannot be read: ${error.message}`);
  }
  byId("main").setAttribute("aria-busy", "false");
}

async function sayIfSimulated() {
  const health = await fetch("/api/v1/health", { credentials: "omit" });
  byId("simulated").hidden = !(health.ok && (await health.json()).simulated);
}

addEventListener("hashchange", openTarget);
byId("find").addEventListener("input", filter);
begin();
// Whoever cannot be asked says nothing of the kind.
sayIfSimulated().catch(() => {});
