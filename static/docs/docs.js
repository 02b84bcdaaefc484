/*
 * /docs and /redoc: the OpenAPI document as a page. Builds nodes and sets
 * textContent; never parses HTML, so nothing in a reply can become a page.
 * The token lives in sessionStorage: this tab, until it closes.
 */
'use strict';

const prefix = document.body.dataset.prefix;
const reading = document.body.dataset.view === 'redoc';
const verbs = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];
const main = document.getElementById('main');
const side = document.getElementById('side');
let spec = null;
let entries = [];

/* ---- nodes ---- */

function el(tag, attrs, ...children) {
	const node = document.createElement(tag);

	for (const [key, value] of Object.entries(attrs || {})) {
		if (key === 'class')
			node.className = value;
		else if (key.startsWith('on'))
			node.addEventListener(key.slice(2), value);
		else if (value === true)
			node.setAttribute(key, '');
		else if (value !== false && value != null)
			node.setAttribute(key, value);
	}
	for (const child of children.flat())
		if (child != null && child !== false)
			node.append(child);
	return node;
}

/* JSON with its parts coloured; other text as it is. */
function code(value) {
	const text = typeof value === 'string' ? value :
	    JSON.stringify(value, null, 2);
	const pre = el('pre');
	const part = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;
	let at = 0;

	if (typeof value === 'string' || text.length > 200000) {
		pre.textContent = text;
		return pre;
	}
	for (const m of text.matchAll(part)) {
		pre.append(text.slice(at, m.index));
		at = m.index + m[0].length;
		if (m[1]) {
			pre.append(el('span', { class: m[2] ? 'k' : 's' }, m[1]));
			pre.append(m[2] || '');
		} else
			pre.append(el('span', {
				class: /[\d-]/.test(m[0][0]) ? 'n' : 'w' }, m[0]));
	}
	pre.append(text.slice(at));
	return pre;
}

function pathNode(path) {
	const node = el('span', { class: 'path' });

	for (const part of path.split(/(\{[^}]*\})/))
		node.append(part.startsWith('{') ? el('i', null, part) : part);
	return node;
}

/* ---- schemas ---- */

function follow(schema) {
	for (let i = 0; schema && schema.$ref && i < 20; i++)
		schema = schema.$ref.slice(2).split('/').reduce(
		    (at, key) => at && at[key], spec);
	return schema || {};
}

function nonNull(schema) {
	schema = follow(schema);
	if (schema.anyOf)
		return follow(schema.anyOf.find(
		    s => follow(s).type !== 'null') || {});
	return schema;
}

function example(schema, depth = 0) {
	const full = follow(schema), s = nonNull(schema);

	for (const from of [full, s]) {
		if (from.examples && from.examples.length)
			return from.examples[0];
		if (from.default !== undefined && from.default !== null)
			return from.default;
	}
	if (s.enum)
		return s.enum[0];
	if (depth > 6)
		return null;
	if (s.type === 'array')
		return [example(s.items || {}, depth + 1)];
	if (s.properties) {
		const out = {};

		for (const [name, p] of Object.entries(s.properties))
			out[name] = example(p, depth + 1);
		return out;
	}
	return scalar(s);
}

/* What a caller must send, and what has an example; all if nothing must. */
function requestExample(schema) {
	const s = nonNull(schema), must = new Set(s.required || []);
	const all = example(schema);

	if (!must.size || !s.properties)
		return all;
	for (const [name, p] of Object.entries(s.properties))
		if (!must.has(name) && !follow(p).examples)
			delete all[name];
	return all;
}

function scalar(s) {
	switch (s.type) {
	case 'integer':
	case 'number':
		return s.minimum !== undefined ? s.minimum : 0;
	case 'boolean':
		return true;
	case 'object':
		return {};
	case 'string':
		return ({ email: 'you@example.org', uuid:
		    '01890000-0000-7000-8000-000000000000', date: '2026-01-31',
		    'date-time': '2026-01-31T12:00:00Z', password: 'secret',
		    uri: 'https://example.org/' })[s.format] || 'text';
	}
	return null;
}

function typeName(schema) {
	const s = nonNull(schema);
	const or = follow(schema).anyOf ? ' or null' : '';
	let name = s.type || 'any';

	if (s.type === 'array')
		name = 'list of ' + typeName(s.items || {});
	else if (s.properties)
		name = s.title || 'object';
	else if (s.format)
		name = s.format;
	return name + or;
}

function limits(schema) {
	const s = nonNull(schema), out = [];

	if (s.enum)
		out.push(s.enum.map(v => JSON.stringify(v)).join(' | '));
	if (s.minimum !== undefined)
		out.push('≥ ' + s.minimum);
	if (s.exclusiveMinimum !== undefined)
		out.push('> ' + s.exclusiveMinimum);
	if (s.maximum !== undefined)
		out.push('≤ ' + s.maximum);
	if (s.exclusiveMaximum !== undefined)
		out.push('< ' + s.exclusiveMaximum);
	if (s.minLength || s.maxLength)
		out.push(`${s.minLength || 0}–${s.maxLength || '∞'} characters`);
	if (s.minItems || s.maxItems)
		out.push(`${s.minItems || 0}–${s.maxItems || '∞'} items`);
	if (s.pattern)
		out.push(s.pattern);
	if (follow(schema).default !== undefined)
		out.push('default ' + JSON.stringify(follow(schema).default));
	return out.join(', ');
}

function itemSchema(schema) {
	let s = nonNull(schema);

	for (let i = 0; s.type === 'array' && i < 4; i++)
		s = nonNull(s.items || {});
	return s;
}

function fieldRow(name, schema, required, text) {
	const inner = itemSchema(schema), lim = limits(schema);
	const cell = el('td', null, el('div', null,
	    text || follow(schema).description || ''),
	    lim && el('div', { class: 'type' }, lim));

	if (inner.properties) {
		const more = el('details', null,
		    el('summary', null, 'members of ' + (inner.title || name)));

		more.addEventListener('toggle', () => {
			if (more.children.length === 1)
				more.append(memberTable(inner));
		});
		cell.append(more);
	}
	return el('tr', null, el('td', null, el('code', null, name),
	    required && el('span', { class: 'must' }, 'required'),
	    el('div', { class: 'type' }, typeName(schema))), cell);
}

function memberTable(schema) {
	const s = nonNull(schema), must = new Set(s.required || []);

	return el('table', null, el('tbody', null,
	    Object.entries(s.properties || {}).map(
	    ([name, p]) => fieldRow(name, p, must.has(name)))));
}

/* ---- one operation ---- */

function bodyOf(op) {
	const content = op.requestBody && op.requestBody.content;

	return content ? Object.entries(content) : [];
}

function okOf(op) {
	const found = Object.entries(op.responses || {}).find(
	    ([status]) => status.startsWith('2'));
	const content = found && found[1].content &&
	    Object.entries(found[1].content)[0];

	return { status: found && found[0], media: content && content[0],
	    schema: content && content[1].schema };
}

function facts(e) {
	const op = e.op, out = [];

	if (op['x-permission'])
		out.push('needs ' + op['x-permission']);
	else if (op.security)
		out.push(op.security.some(s => !Object.keys(s).length) ?
		    'token optional' : 'needs a token');
	if (op['x-alias-of'])
		out.push('same as ' + op['x-alias-of']);
	if (op.deprecated)
		out.push('deprecated');
	out.push(op.operationId);
	return el('p', null, out.map(t => el('span', { class: 'chip' }, t)));
}

function parameterTable(op) {
	const list = op.parameters || [];

	if (!list.length)
		return null;
	return [el('h4', null, 'Parameters'), el('table', null, el('tbody',
	    null, list.map(p => fieldRow(p.name, p.schema, p.required,
	    `${p.description || ''}${p.in === 'query' ? '' :
	    ' (' + p.in + ')'}`))))];
}

function requestTable(op) {
	return bodyOf(op).slice(0, 1).map(([media, b]) => {
		const s = nonNull(b.schema);

		return [el('h4', null, 'Body'), el('p', { class: 'type' },
		    bodyOf(op).map(x => x[0]).join(', ')),
		    s.properties ? memberTable(s) : null];
	}).flat();
}

function responseTable(op) {
	const ok = okOf(op);
	const rows = Object.entries(op.responses || {}).map(([status, r]) =>
	    el('div', { class: 'code-row' }, el('b', { class:
	    status < '3' ? 'good' : 'bad' }, status), el('span', null,
	    r.description, ' ', el('span', { class: 'type' },
	    Object.keys(r.content || {}).join(', ')))));
	const s = ok.schema && itemSchema(ok.schema);

	return [el('h4', null, 'Answers'), rows, s && s.properties &&
	    [el('h4', null, 'Members of the answer'), memberTable(ok.schema)]];
}

function samples(op) {
	const body = bodyOf(op)[0], ok = okOf(op);

	return [body && [el('h4', null, 'Request'),
	    code(requestExample(body[1].schema))], ok.schema &&
	    ok.media === 'application/json' && [el('h4', null, 'Answer'),
	    code(example(ok.schema))]];
}

/* ---- trying it ---- */

function token() {
	return sessionStorage.getItem('quincunx.token') || '';
}

function inputFor(p) {
	const s = nonNull(p.schema);
	const choices = s.enum || (s.type === 'boolean' && [true, false]);

	if (choices)
		return el('select', null, p.required ? [] : el('option',
		    { value: '' }, ''), choices.map(v => el('option',
		    { value: v }, String(v))));
	return el('input', { placeholder: s.default !== undefined ?
	    String(s.default) : typeName(p.schema), spellcheck: 'false',
	    autocomplete: 'off', required: p.required });
}

function quote(text) {
	return "'" + text.replaceAll("'", "'\\''") + "'";
}

function curlLine(req) {
	const parts = ['curl -i'];

	if (req.method !== 'GET')
		parts.push('-X ' + req.method);
	for (const [k, v] of Object.entries(req.headers))
		parts.push('-H ' + quote(`${k}: ` + (/^(authorization|x-api-key)$/i
		    .test(k) ? v.replace(/\S+$/, '$TOKEN') : v)));
	if (req.body !== undefined)
		parts.push('-d ' + quote(req.body));
	parts.push(quote(new URL(req.url, location.href).href));
	return parts.join(' \\\n  ').replaceAll("$TOKEN'", "'\"$TOKEN\"");
}

function buildRequest(e, inputs, bodyBox, mediaBox) {
	const req = { method: e.verb.toUpperCase(), headers: {} };
	const query = new URLSearchParams();
	let path = e.path;

	for (const [p, input] of inputs) {
		if (input.value === '' && p.in !== 'path')
			continue;
		if (p.in === 'path')
			path = path.replace(`{${p.name}}`, p.name === 'file' ?
			    input.value.split('/').map(encodeURIComponent)
			    .join('/') : encodeURIComponent(input.value));
		else if (p.in === 'query')
			query.append(p.name, input.value);
		else
			req.headers[p.name] = input.value;
	}
	req.url = prefix + path + (String(query) ? '?' + query : '');
	if (token() && e.op.security)
		req.headers.Authorization = 'Bearer ' + token();
	if (bodyBox && bodyBox.value.trim() !== '') {
		req.headers['Content-Type'] = mediaBox.value;
		req.body = mediaBox.value.endsWith('form-urlencoded') ?
		    new URLSearchParams(JSON.parse(bodyBox.value)).toString() :
		    bodyBox.value;
	}
	return req;
}

function pretty(text, type) {
	if (/json/.test(type || '') && text.length < 2000000) {
		try {
			return code(JSON.parse(text));
		} catch (_) { /* shown as it came */ }
	}
	return el('pre', null, text.length > 200000 ?
	    text.slice(0, 200000) + '\n…' : text);
}

async function send(req, out) {
	const start = performance.now();

	out.replaceChildren(el('p', { class: 'dim' }, 'Sending …'));
	try {
		const r = await fetch(req.url, { method: req.method,
		    headers: req.headers, body: req.body, cache: 'no-store',
		    credentials: 'omit', redirect: 'manual' });
		const text = await r.text();
		const took = Math.round(performance.now() - start);
		const heads = [...r.headers].map(([k, v]) => `${k}: ${v}`);

		out.replaceChildren(
		    el('div', { class: 'row' }, el('span', { class: 'status ' +
		    (r.ok ? 'good' : 'bad') }, `${r.status} ${r.statusText}`),
		    el('span', { class: 'dim' }, `${took} ms, ` +
		    `${text.length} characters`)),
		    el('details', null, el('summary', null, 'Headers'),
		    el('pre', null, heads.join('\n'))),
		    text === '' ? '' : pretty(text,
		    r.headers.get('content-type')));
	} catch (err) {
		out.replaceChildren(el('p', { class: 'bad', role: 'alert' },
		    'No answer: ' + err.message));
	}
}

function tryForm(e) {
	const inputs = (e.op.parameters || []).map(p => [p, inputFor(p)]);
	const media = bodyOf(e.op);
	const body = media.length ? el('textarea', { spellcheck: 'false',
	    'aria-label': 'Body' }) : null;
	const kind = el('select', { 'aria-label': 'Content type' },
	    media.map(([m]) => el('option', { value: m }, m)));
	const out = el('div', { class: 'answer', 'aria-live': 'polite' });
	const button = el('button', { type: 'submit' }, 'Send');
	const form = el('form', { class: 'try' },
	    inputs.map(([p, input]) => el('label', null, el('span', null,
	    p.name, p.required ? el('span', { class: 'must' }, 'required') :
	    ''), input)),
	    body && el('label', { class: 'wide' }, media.length > 1 ? kind :
	    el('span', null, 'Body'), body));

	if (body)
		body.value = /json|form/.test(media[0][0]) ?
		    JSON.stringify(requestExample(media[0][1].schema), null, 2) : '';
	const guarded = work => async event => {
		event.preventDefault();
		try {
			await work(buildRequest(e, inputs, body, kind));
		} catch (err) {
			out.replaceChildren(el('p', { class: 'bad' },
			    'The body is not JSON: ' + err.message));
		}
	};
	form.append(el('div', { class: 'row' }, button, el('button', {
		type: 'button', class: 'quiet', onclick: guarded(req =>
		    out.replaceChildren(el('pre', null, curlLine(req)))) },
	    'curl'), e.op.security && el('span', { class: 'dim' },
	    'sent with your token, if you have one')), out);
	form.addEventListener('submit', guarded(async req => {
		button.disabled = true;
		await send(req, out);
		button.disabled = false;
	}));
	return form;
}

/* ---- lists ---- */

function heading(e) {
	return [el('span', { class: 'verb ' + e.verb }, e.verb.toUpperCase()),
	    pathNode(e.path)];
}

function inside(e) {
	return el('div', { class: 'inside' },
	    e.op.description && el('p', null, e.op.description), facts(e),
	    parameterTable(e.op), requestTable(e.op), responseTable(e.op));
}

function opCard(e) {
	const card = el('details', { class: 'op' + (e.op.deprecated ? ' old' :
	    ''), id: e.id }, el('summary', null, heading(e), el('span', {
		class: 'what' }, e.op.summary), el('span', { class: 'lock',
		title: e.op['x-permission'] || '' },
	    e.op.security && !e.op.security.some(s => !Object.keys(s).length) ?
	    'key' : '')));

	card.addEventListener('toggle', () => {
		if (card.open && card.children.length === 1) {
			const body = inside(e);

			body.append(tryForm(e), ...samples(e.op).flat()
			    .filter(Boolean));
			card.append(body);
		}
		if (card.open)
			history.replaceState(null, '', '#' + e.id);
	});
	return card;
}

function opEntry(e) {
	return el('article', { class: 'entry', id: e.id }, el('div', null,
	    el('h3', null, e.op.summary), el('div', { class: 'where' },
	    heading(e)), inside(e)), el('div', { class: 'samples' },
	    samples(e.op)));
}

function collect() {
	const seen = new Set();

	entries = [];
	for (const [path, item] of Object.entries(spec.paths))
		for (const verb of verbs) {
			const op = item[verb];

			if (!op)
				continue;
			let id = op.operationId;

			while (seen.has(id))
				id += '_';
			seen.add(id);
			entries.push({ path, verb, op, id,
			    tag: (op.tags || ['other'])[0],
			    text: [path, verb, op.summary, op.description,
				op.operationId, op['x-permission']].join(' ')
				.toLowerCase() });
		}
}

function build() {
	const tags = (spec.tags || []).filter(
	    t => entries.some(e => e.tag === t.name));

	main.replaceChildren();
	side.replaceChildren();
	for (const tag of tags) {
		const list = entries.filter(e => e.tag === tag.name);
		const title = el('h2', null, tag.name);
		const box = el('section', { class: 'tag' }, el('h2', null,
		    tag.name), el('p', null, tag.description || ''));

		side.append(title);
		for (const e of list) {
			e.node = reading ? opEntry(e) : opCard(e);
			e.link = el('a', { href: '#' + e.id, title: e.path,
			    onclick: () => reveal(e) }, el('span', {
				class: 'verb ' + e.verb },
			    e.verb.toUpperCase().slice(0, 6)), el('span', {
				class: e.op.deprecated ? 'old' : '' },
			    reading ? e.op.summary : e.path));
			box.append(e.node);
			side.append(e.link);
			e.box = box;
			e.title = title;
		}
		main.append(box);
	}
	main.append(el('p', { class: 'dim', id: 'nothing', hidden: true },
	    'Nothing matches.'));
}

function reveal(e) {
	if (!reading)
		e.node.open = true;
	for (const other of entries)
		other.link.classList.toggle('here', other === e);
}

function filter(text) {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const shown = new Set();

	for (const e of entries) {
		const hit = words.every(w => e.text.includes(w));

		e.node.hidden = !hit;
		e.link.hidden = !hit;
		if (hit)
			shown.add(e.box);
	}
	for (const e of entries) {
		e.box.hidden = !shown.has(e.box);
		e.title.hidden = !shown.has(e.box);
	}
	document.getElementById('nothing').hidden = shown.size > 0;
}

/* ---- token ---- */

function showAccount() {
	const button = document.getElementById('account');

	if (!button)
		return;
	button.textContent = token() ? 'Authorized' : 'Log in';
	button.classList.toggle('in', token() !== '');
}

async function login(name, password) {
	const flow = spec.components.securitySchemes.OAuth2PasswordBearer;
	const r = await fetch(flow.flows.password.tokenUrl, { method: 'POST',
	    body: new URLSearchParams({ grant_type: 'password',
		username: name, password }), credentials: 'omit' });
	const reply = await r.json().catch(() => ({}));

	if (!r.ok)
		throw new Error(typeof reply.detail === 'string' ?
		    reply.detail : `${r.status} ${r.statusText}`);
	return reply.access_token;
}

function loginDialog() {
	const byId = id => document.getElementById(id);
	const dialog = byId('login'), error = byId('login-error');
	const finish = value => {
		if (value)
			sessionStorage.setItem('quincunx.token', value);
		else
			sessionStorage.removeItem('quincunx.token');
		for (const id of ['login-password', 'login-token'])
			byId(id).value = '';
		showAccount();
		dialog.close();
	};

	byId('account').addEventListener('click', () => {
		error.textContent = '';
		dialog.showModal();
	});
	byId('login-cancel').addEventListener('click', () => dialog.close());
	byId('login-out').addEventListener('click', () => finish(''));
	byId('login-form').addEventListener('submit', async event => {
		event.preventDefault();
		error.textContent = '';
		byId('login-ok').disabled = true;
		try {
			finish(byId('login-token').value.trim() ||
			    await login(byId('login-name').value.trim(),
			    byId('login-password').value));
		} catch (err) {
			error.textContent = err.message;
		}
		byId('login-ok').disabled = false;
	});
	showAccount();
}

/* ---- start ---- */

function keys(search) {
	document.addEventListener('keydown', event => {
		if (event.key === '/' && !/^(INPUT|TEXTAREA|SELECT)$/.test(
		    document.activeElement.tagName)) {
			event.preventDefault();
			search.focus();
		}
	});
}

async function start() {
	const seed = new URLSearchParams(location.search).get('seed');
	const tail = seed ? '?seed=' + encodeURIComponent(seed) : '';
	const search = document.getElementById('search');
	const r = await fetch(prefix + '/openapi.json' + tail);

	if (!r.ok)
		throw new Error(`openapi.json: ${r.status} ${r.statusText}`);
	spec = await r.json();
	document.getElementById('version').textContent = spec.info.version +
	    (seed ? ` · document ${seed}` : '');
	for (const id of ['other', 'raw'])
		document.getElementById(id).href += tail;
	collect();
	build();
	search.addEventListener('input', () => filter(search.value));
	keys(search);
	if (!reading)
		loginDialog();
	const here = entries.find(e => '#' + e.id === location.hash);
	if (here) {
		reveal(here);
		here.node.scrollIntoView();
	}
}

start().catch(err => main.replaceChildren(el('p', { class: 'bad',
    role: 'alert' }, 'The document could not be loaded: ' + err.message)));
