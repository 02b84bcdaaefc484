/* What the simulator answers: a table of the ways of buying, a line of time for
 * each (where the work ran), and the money over time. */
const svg = (name, attributes) => {
	const el = document.createElementNS('http://www.w3.org/2000/svg', name)
	for (const [k, v] of Object.entries(attributes))
		el.setAttribute(k, v)
	return el
}
const el = (name, text, className) => {
	const e = document.createElement(name)
	if (text !== undefined)
		e.textContent = text
	if (className)
		e.className = className
	return e
}
const places = { spot: 's0', on_demand: 's2', idle: 'idle' }

/* One bar of 0 to the end, in the colours of the places. */
const bar = (segments, end, label) => {
	const s = svg('svg', { viewBox: '0 0 1000 16', preserveAspectRatio: 'none', class: 'timeline', role: 'img', 'aria-label': label })
	for (const g of segments)
		if (g.place !== 'idle')
			s.append(svg('rect', { x: 1000 * g.from_h / end, y: 1, height: 14, fill: 'currentColor',
				width: Math.max(1, 1000 * (g.to_h - g.from_h) / end), class: places[g.place] ?? 's3' }))
	return s
}

const legend = () => {
	const div = el('div', undefined, 'chart-legend')
	for (const [name, cls] of [['on spot', 's0'], ['on demand', 's2']]) {
		const key = el('span', undefined, 'key')
		key.append(el('span', '', `swatch ${cls}`), name)
		div.append(key)
	}
	return div
}

const table = (r, end) => {
	const t = el('table'), head = el('tr'), body = el('tbody'), thead = el('thead')
	for (const h of ['Way of buying', 'Cost $', 'Saves', 'Done after', 'When it ran'])
		head.append(el('th', h, h === 'Cost $' || h === 'Saves' || h === 'Done after' ? 'num' : ''))
	thead.append(head)
	for (const x of r.results) {
		const tr = el('tr'), name = el('td', x.policy.replaceAll('_', ' ')), ran = el('td')
		if (x.policy === r.policy)
			name.append(' ', el('span', 'cheapest in time', 'state state-ok'))
		if (x.late)
			name.append(' ', el('span', 'late', 'state state-failed'))
		ran.append(bar(x.segments, end, `${x.policy}: ${x.spot_h.toFixed(1)} hours on spot, ${x.od_h.toFixed(1)} on demand`))
		tr.append(name, el('td', x.cost.toFixed(2), 'num money'), el('td', `${x.saving_percent.toFixed(1)}\u202f%`, 'num'),
			el('td', `${x.finished_h.toFixed(1)}\u202fh`, 'num'), ran)
		body.append(tr)
	}
	t.append(thead, body)
	return t
}

export const show = (at, r) => {
	const end = Math.max(r.deadline_h, ...r.results.map((x) => x.finished_h))
	const scroll = el('div', undefined, 'scroll')
	scroll.tabIndex = 0
	scroll.setAttribute('role', 'region')
	scroll.setAttribute('aria-label', 'Result of the simulation')
	scroll.append(table(r, end))
	const offered = el('p', `Spot could be had in ${(100 * r.offered).toFixed(0)}\u202f% of ${r.ticks} ticks; the deadline is after ${r.deadline_h.toFixed(1)} hours.`, 'muted')
	const lines = document.createElement('figure')
	lines.className = 'chart'
	at.replaceChildren(legend(), scroll, offered, lines)
	return { lines, series: r.results.map((x) => ({ label: x.policy.replaceAll('_', ' '), points: x.points.map((p) => [p.t_h, p.cost]) })) }
}
