/* Charts over time with uPlot. data-chart names metrics, data-kind="rate"
 * is per second (data-per="60": per minute); data-points is the address
 * of a reply whose items are [milliseconds, value, …]. Without the library the last values
 * stand there as a list, so that nothing depends on it. */
import { call, prefix } from './api.js'

const EVERY_MS = 30000
const colours = ['--accent', '--info', '--warn', '--bad']
export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/* Installed by packaging/vendor.sh; an installation without it goes on. */
let library
export const load = () => library ??= import('../vendor/uplot.js').then((m) => {
	const link = document.createElement('link')
	link.rel = 'stylesheet'
	link.href = `${prefix}/static/vendor/uplot.css`
	document.head.append(link)
	return m.default
}, () => undefined)

/* One row of numbers over all hosts and labels, aligned by time. */
const sum = (history, kind) => {
	const at = new Map()
	for (const s of history.series)
		for (const p of s.points) {
			const t = Date.parse(p.at) / 1000
			const v = kind === 'p95' ? p.p95 : p.value
			if (v !== null && v !== undefined)
				at.set(t, kind === 'p95' || kind === 'max' ? Math.max(at.get(t) ?? 0, v) : (at.get(t) ?? 0) + v)
		}
	return at
}

const points = async (el) => {
	let { items } = await call('GET', el.dataset.points)
	if (el.dataset.derive === 'drawdown') {
		let peak = -Infinity
		items = items.map(([t, v]) => [t, 100 * (v / (peak = Math.max(peak, v)) - 1)])
	}
	return [items.map((p) => p[0] / 1000), ...labels(el).map((n, i) => items.map((p) => p[i + 1] ?? null))]
}

const read = async (el) => {
	if (el.dataset.points)
		return points(el)
	const names = el.dataset.chart.split(' '), kind = el.dataset.kind ?? 'value'
	const rows = await Promise.all(names.map(async (n) => {
		const h = await call('GET', `/api/system/metrics/history?metric=${encodeURIComponent(n)}${el.dataset.query ? `&${el.dataset.query}` : ''}`)
		const at = sum(h, kind)
		if (kind === 'rate')
			at.forEach((v, t) => at.set(t, v * Number(el.dataset.per ?? 1)))
		return at
	}))
	const times = [...new Set(rows.flatMap((r) => [...r.keys()]))].sort((a, b) => a - b)
	return [times, ...rows.map((r) => times.map((t) => r.get(t) ?? null))]
}

const labels = (el) => (el.dataset.labels ?? el.dataset.chart).split(el.dataset.labels ? ',' : ' ')
export const number = (v) => v === null || v === undefined ? '–' : Math.abs(v) >= 100 ? Math.round(v).toString() : Number(v.toPrecision(3)).toString()

/* Times as the clock of the person shows them, 24 hours; days or months where the
 * chart is long. */
const day = (s) => new Date(s * 1000).toLocaleDateString([], { month: 'short', day: 'numeric' })
const month = (s) => new Date(s * 1000).toLocaleDateString([], { year: 'numeric', month: 'short' })
const clock = (s) => new Date(s * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const when = (span) => span > 300 * 86400 ? month : span > 3 * 86400 ? day : clock

const legend = (el, data) => {
	const div = document.createElement('div')
	div.className = 'chart-legend'
	labels(el).forEach((name, i) => {
		const key = document.createElement('span'), swatch = document.createElement('span')
		key.className = 'key'
		swatch.className = `swatch s${i % 4}`
		const last = data[i + 1].findLast((v) => v !== null)
		key.append(swatch, `${name} ${number(last)}${el.dataset.unit ? `\u202f${el.dataset.unit}` : ''}`)
		div.append(key)
	})
	return div
}

const options = (el, times) => ({
	width: Math.max(240, el.clientWidth), height: 170,
	cursor: { y: false }, legend: { show: false },
	scales: { y: { range: (u, min, max) => el.dataset.points ? [min - (max - min) * 0.05, max + (max - min) * 0.05 || 1] : [Math.min(0, min), max > 0 ? max * 1.1 : 1] } },
	axes: [
		{ stroke: css('--soft'), grid: { show: false }, ticks: { stroke: css('--line') }, font: '11px system-ui',
			values: (u, vs) => vs.map(when(times.at(-1) - times[0])) },
		{ stroke: css('--soft'), grid: { stroke: css('--line'), width: 1 }, ticks: { show: false }, size: 52, font: '11px system-ui',
			values: (u, vs) => vs.map(number) },
	],
	series: [{}, ...labels(el).map((label, i) => ({
		label, stroke: css(colours[i % 4]), width: 1.8, points: { show: false }, spanGaps: true,
		...(i === 0 ? { fill: `${css(colours[0])}22` } : {}),
	}))],
})

const text = (el, what) => {
	const p = document.createElement('p')
	p.className = 'empty'
	p.textContent = what
	el.replaceChildren(p)
}

const draw = async (el) => {
	let data
	try {
		data = await read(el)
	} catch (e) {
		text(el, e.message)
		return
	}
	if (data[0].length < 2) {
		text(el, 'Too few samples yet: one is taken each minute while a worker runs.')
		return
	}
	const U = await load()
	const words = document.createElement('p')
	words.className = 'sr'
	words.textContent = labels(el).map((n, i) => `${n}: last ${number(data[i + 1].findLast((v) => v !== null))}`).join(', ')
	if (!U) {
		text(el, 'The chart library is not installed (make vendor). The last values:')
		el.append(legend(el, data))
		return
	}
	const plot = document.createElement('div')
	plot.setAttribute('aria-hidden', 'true')
	el.replaceChildren(words, legend(el, data), plot)
	new U(options(el, data[0]), data, plot)
}

/* Lines of their own points [[x, y], …], for what is no metric. */
export const lines = async (el, series) => {
	const xs = [...new Set(series.flatMap((s) => s.points.map((p) => p[0])))].sort((a, b) => a - b)
	const data = [xs, ...series.map((s) => {
		const at = new Map(s.points)
		return xs.map((x) => at.get(x) ?? null)
	})]
	el.dataset.labels = series.map((s) => s.label).join(',')
	const U = await load()
	const o = options(el)
	o.scales.x = { time: false }
	o.axes[0].values = (u, vs) => vs.map((v) => `${v}\u202fh`)
	delete o.series[1]?.fill
	el.replaceChildren(legend(el, data))
	if (U) {
		const plot = document.createElement('div')
		plot.setAttribute('aria-hidden', 'true')
		el.append(plot)
		new U(o, data, plot)
	}
}

export const start = () => {
	const all = () => document.querySelectorAll('[data-chart], [data-points]').forEach(draw)
	all()
	setInterval(() => document.hidden || all(), EVERY_MS)
	let width = innerWidth
	addEventListener('resize', () => {
		if (innerWidth !== width) {
			width = innerWidth
			all()
		}
	})
	document.addEventListener('theme', all)
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', all)
}
