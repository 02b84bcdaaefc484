/* Tables a person can arrange: a press on a heading sorts the rows that are
 * shown, "Columns" hides some. Both live in the address, as sort=table.column
 * (-column: downwards) and hide=table.column,…, so that a link, a reload and
 * the next page of the list show the same. The server does not look at them. */
const SORT = 'sort', HIDE = 'hide'

const slug = (text) => text.trim().toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
const params = () => new URL(location.href).searchParams
const listed = () => (params().get(HIDE) ?? '').split(',').filter((x) => x !== '')

/* Its name in the address: the id of what holds it. */
const named = (table) => table.closest('section[id], div[id]')?.id ?? ''
const heads = (table) => [...table.tHead?.rows[0]?.cells ?? []]
const key = (table, th) => `${named(table)}.${th.dataset.column ??= slug(th.textContent)}`

/* What is compared: an instant, a number, or the text as people order it. */
const value = (cell) => {
	const time = cell?.querySelector('time[datetime]')
	if (time)
		return Date.parse(time.dateTime)
	const text = cell?.textContent.trim() ?? ''
	if (!cell?.classList.contains('num'))
		return text
	const n = parseFloat(text.replace(/[\s,$\u202f\u2009]/g, '').replace('\u2212', '-'))
	return Number.isNaN(n) ? '' : n
}
const compare = (a, b) => {
	if (a === '' || b === '')	/* what is not known comes last */
		return a === b ? 0 : a === '' ? 2 : -2
	return typeof a === 'number' && typeof b === 'number' ? a - b
		: String(a).localeCompare(String(b), undefined, { numeric: true })
}

/* Every place that leads on with the same list: filters and "More". */
const carry = (name, text) => {
	for (const form of document.querySelectorAll('form.filters')) {
		let field = form.querySelector(`input[type=hidden][name=${name}]`)
		if (!text) {
			field?.remove()
			continue
		}
		if (!field) {
			field = document.createElement('input')
			field.type = 'hidden'
			field.name = name
			form.append(field)
		}
		field.value = text
	}
	for (const a of document.querySelectorAll('p.more a')) {
		const url = new URL(a.href)
		text ? url.searchParams.set(name, text) : url.searchParams.delete(name)
		a.href = url.href
	}
}

const address = (name, text) => {
	const url = new URL(location.href)
	text ? url.searchParams.set(name, text) : url.searchParams.delete(name)
	history.replaceState(null, '', url.href)
	carry(name, text)
}

const order = (table) => {
	const wanted = params().get(SORT) ?? ''
	const down = /\.-/.test(wanted), plain = wanted.replace('.-', '.')
	let at = -1
	heads(table).forEach((th, i) => {
		const mine = key(table, th) === plain
		if (mine)
			at = i
		if (mine)
			th.setAttribute('aria-sort', down ? 'descending' : 'ascending')
		else
			th.removeAttribute('aria-sort')
	})
	if (at === -1)
		return
	const body = table.tBodies[0]
	const rows = [...body.rows].map((tr) => [value(tr.cells[at]), tr])
	rows.sort(([a], [b]) => {
		const c = compare(a, b)
		return Math.abs(c) === 2 ? c : down ? -c : c
	})
	if (rows.some(([, tr], i) => body.rows[i] !== tr))
		body.append(...rows.map(([, tr]) => tr))
}

/* A list that goes on: what is sorted is not all of it, and that is said. */
const tell = (table) => {
	const more = table.closest('section')?.querySelector('p.more')
	const sorted = table.querySelector('[aria-sort]') !== null
	const said = more?.querySelector('.muted')
	if (!more || sorted === Boolean(said))
		return
	if (said)
		return said.remove()
	const el = document.createElement('span')
	el.className = 'muted'
	el.textContent = ' · sorted are the rows shown'
	more.append(el)
}

const hide = (table) => {
	const gone = listed()
	heads(table).forEach((th, i) => {
		const is = gone.includes(key(table, th))
		for (const tr of table.rows)
			if (tr.cells.length === table.tHead.rows[0].cells.length && tr.cells[i])
				tr.cells[i].hidden = is
	})
}

const arrange = (table) => {
	order(table)
	tell(table)
	hide(table)
}

/* A heading becomes a button; the third press gives the server's order back. */
const press = (table, th) => {
	const mine = key(table, th), was = params().get(SORT) ?? ''
	const down = mine.replace('.', '.-')
	const next = was === mine ? down : was === down ? '' : mine
	address(SORT, next)
	if (next === '')
		location.reload()
	document.querySelectorAll('table').forEach(arrange)
}

const button = (table, th) => {
	if (th.querySelector('.sort, .sr') || th.textContent.trim() === '')
		return
	th.dataset.column ??= slug(th.textContent)
	const b = document.createElement('button')
	b.type = 'button'
	b.className = 'sort'
	b.title = 'Sort the rows shown'
	b.append(...th.childNodes)
	b.addEventListener('click', () => press(table, th))
	th.append(b)
}

const choose = (table, box, th, checked) => {
	const gone = new Set(listed()), mine = key(table, th)
	checked ? gone.delete(mine) : gone.add(mine)
	if (heads(table).every((h) => gone.has(key(table, h)))) {
		box.checked = true	/* one stays */
		return
	}
	address(HIDE, [...gone].join(','))
	hide(table)
}

const chooser = (table) => {
	const region = table.closest('.scroll')
	if (!region || region.previousElementSibling?.classList.contains('columns-menu') || heads(table).length < 4)
		return
	const menu = document.createElement('details'), summary = document.createElement('summary')
	menu.className = 'menu columns-menu'
	summary.textContent = 'Columns'
	const body = document.createElement('div')
	body.className = 'menu-body'
	for (const th of heads(table).filter((h) => h.dataset.column)) {
		const label = document.createElement('label'), box = document.createElement('input')
		label.className = 'check'
		box.type = 'checkbox'
		box.checked = !listed().includes(key(table, th))
		box.addEventListener('change', () => choose(table, box, th, box.checked))
		label.append(box, ` ${th.textContent}`)
		body.append(label)
	}
	menu.append(summary, body)
	region.before(menu)
}

/* Also after the server has rendered a part anew. */
export const arrangeAll = () => {
	for (const table of document.querySelectorAll('main table')) {
		if (!table.tBodies[0] || named(table) === '')
			continue
		heads(table).forEach((th) => button(table, th))
		chooser(table)
		arrange(table)
	}
	for (const name of [SORT, HIDE])
		carry(name, params().get(name))
}
