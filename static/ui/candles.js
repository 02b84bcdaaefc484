/* The chart of an instrument: candles and volume by uPlot's canvas, with an
 * indicator over them (?overlay=sma), hits of candlestick patterns, signals and
 * the person's own trades as marks. Bars stand side by side without the nights
 * and weekends between. Under the pointer a line says what the marks mean. */
import { call } from './api.js'
import { css, load, number } from './chart.js'

const FRESH_MS = 2000, SLOW_MS = 20000
const overlays = ['', 'sma', 'ema', 'bbands', 'vwap', 'supertrend', 'donchian']

const query = (el, more) => new URLSearchParams(Object.entries({
	symbol: el.dataset.symbol, exchange: el.dataset.exchange, timeframe: el.dataset.timeframe, ...more,
}).filter(([, v]) => v)).toString()

/* A part that cannot be had is not shown; the bars must come. */
const maybe = async (path, otherwise) => {
	try {
		return await call('GET', path)
	} catch {
		return otherwise
	}
}

const wanted = () => {
	const name = new URL(location.href).searchParams.get('overlay') ?? ''
	return overlays.includes(name) ? name : ''
}

/* What stands beside the bars costs the server more: it is kept for a while. */
let kept
const beside = async (el, from) => {
	const over = wanted(), key = query(el, { over })
	if (kept?.key !== key || Date.now() - kept.at > SLOW_MS)
		kept = { key, at: Date.now(), parts: await Promise.all([
			maybe(`/api/trade/patterns?${query(el, { from })}`, { hits: [] }),
			maybe(`/api/trade/signals?${query(el, { since: from, limit: 200 })}`, { items: [] }),
			over ? maybe(`/api/trade/indicators/${over}?${query(el, { from })}`, { outputs: [], values: [] }) : { outputs: [], values: [] },
		]) }
	return kept.parts
}

const read = async (el) => {
	const { items } = await call('GET', `/api/trade/bars?${query(el, { limit: el.dataset.bars ?? '180' })}`)
	const bars = items.reverse().map((b) => ({ ...b, t: Date.parse(b.at) }))
	if (bars.length === 0)
		return { bars }
	const [patterns, signals, values] = await beside(el, bars[0].at)
	const fills = await maybe(`/api/trade/fills?symbol=${encodeURIComponent(el.dataset.symbol)}&limit=200`, { items: [] })
	const at = new Map(bars.map((b, i) => [b.t, i]))
	/* a trade belongs to the last bar that began before it */
	const bar = (time) => bars.findLastIndex((b) => b.t <= Date.parse(time))
	const marks = bars.map(() => ({ up: [], down: [], buy: [], sell: [], signal: [] }))
	for (const h of patterns.hits)
		marks[at.get(Date.parse(h.at))]?.[h.value > 0 ? 'up' : 'down'].push(h.name.replaceAll('_', ' '))
	for (const s of signals.items)
		marks[bar(s.bar_at ?? s.time ?? s.at)]?.signal.push(`${s.name ?? s.pattern} ${number(s.value ?? s.score)}`)
	for (const f of fills.items)
		marks[bar(f.market_at ?? f.at)]?.[f.side].push(`${f.side} ${f.quantity} at ${f.price}`)
	const lines = values.outputs.map((name, k) => {
		const v = new Map(values.values.map((row) => [row[0], row[k + 1]]))
		return { name, points: bars.map((b) => v.get(b.t) ?? null) }
	})
	return { bars, marks, lines }
}

/* ---- drawing ---------------------------------------------------------------- */

const triangle = (g, x, y, r, up) => {
	g.beginPath()
	g.moveTo(x, up ? y - r : y + r)
	g.lineTo(x - r, up ? y + r : y - r)
	g.lineTo(x + r, up ? y + r : y - r)
	g.closePath()
	g.fill()
}
const dot = (g, x, y, r) => {
	g.beginPath()
	g.arc(x, y, r, 0, 7)
	g.fill()
}

const candles = ({ bars, marks }) => (u) => {
	const g = u.ctx, px = devicePixelRatio
	const slot = u.bbox.width / bars.length, wide = Math.max(1, Math.floor(slot * 0.65))
	const colour = { up: css('--good'), down: css('--bad'), signal: css('--info'), buy: css('--accent'), sell: css('--warn') }
	const top = Math.max(...bars.map((b) => Number(b.volume))) || 1
	g.save()
	bars.forEach((b, i) => {
		const x = Math.round(u.valToPos(i, 'x', true))
		const [o, h, l, c] = [b.open, b.high, b.low, b.close].map((v) => u.valToPos(Number(v), 'y', true))
		const rise = Number(b.close) >= Number(b.open)
		g.fillStyle = `${css('--soft')}33`
		const tall = u.bbox.height * 0.16 * Number(b.volume) / top
		g.fillRect(x - wide / 2, u.bbox.top + u.bbox.height - tall, wide, tall)
		g.fillStyle = rise ? colour.up : colour.down
		g.fillRect(x - px / 2, h, px, Math.max(px, l - h))
		g.fillRect(x - wide / 2, Math.min(o, c), wide, Math.max(px, Math.abs(o - c)))
		const m = marks[i], r = Math.min(4 * px, Math.max(2 * px, slot / 3))
		if (m.up.length > 0)
			triangle(g, x, l + 3 * r, r, true)
		g.fillStyle = colour.down
		if (m.down.length > 0)
			triangle(g, x, h - 3 * r, r, false)
		g.fillStyle = colour.signal
		if (m.signal.length > 0)
			g.fillRect(x - r, h - 7 * r, 2 * r, 2 * r)
		for (const side of ['buy', 'sell'])
			if (m[side].length > 0) {
				g.fillStyle = colour[side]
				dot(g, x, side === 'buy' ? l + 6 * r : h - 10 * r, 1.2 * r)
			}
	})
	g.restore()
}

const when = (bars) => {
	const span = bars.at(-1).t - bars[0].t
	const form = span > 2 * 86400e3 ? { year: '2-digit', month: 'short', day: 'numeric' } : { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
	return (i) => bars[i] ? new Date(bars[i].t).toLocaleString([], form) : ''
}

/* Many on one bar (a replayed day): the last three and how many more. */
const few = (all) => all.length > 4 ? `${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : all.join(', ')

const sentence = ({ bars, marks, lines }, i) => {
	const b = bars[i], m = marks[i]
	const parts = [`${new Date(b.t).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
		`open ${b.open}, high ${b.high}, low ${b.low}, close ${b.close}, volume ${b.volume}`,
		...lines.map((l) => `${l.name} ${number(l.points[i])}`)]
	for (const [name, text] of [['up', 'rising patterns'], ['down', 'falling patterns'], ['signal', 'signals'], ['buy', 'bought'], ['sell', 'sold']])
		if (m[name].length > 0)
			parts.push(`${text}: ${few(m[name])}`)
	return parts.join(' · ')
}

const draw = async (el) => {
	const data = await read(el)
	const words = el.querySelector('.candle-words') ?? document.createElement('p')
	words.className = 'candle-words muted'
	if (data.bars.length < 2) {
		words.textContent = 'Too few bars to draw.'
		el.replaceChildren(words)
		return
	}
	const U = await load()
	words.textContent = sentence(data, data.bars.length - 1)
	if (!U) {
		el.replaceChildren(words)
		return
	}
	const { bars, lines } = data, colours = ['--accent', '--info', '--warn']
	const lows = bars.map((b) => Number(b.low)), highs = bars.map((b) => Number(b.high))
	const low = Math.min(...lows), high = Math.max(...highs), room = (high - low) * 0.12 || 1
	const plot = document.createElement('div')
	plot.setAttribute('aria-hidden', 'true')
	el.replaceChildren(words, plot)
	new U({
		width: Math.max(260, el.clientWidth), height: 380,
		legend: { show: false }, cursor: { points: { show: false }, drag: { x: false, y: false } },
		scales: { x: { time: false, range: [-1, bars.length] }, y: { range: [low - room * 1.6, high + room] } },
		axes: [
			{ stroke: css('--soft'), grid: { show: false }, ticks: { stroke: css('--line') }, font: '11px system-ui',
				values: (u, vs) => vs.map((v) => Number.isInteger(v) ? when(bars)(v) : ''), space: 90 },
			{ stroke: css('--soft'), grid: { stroke: css('--line'), width: 1 }, ticks: { show: false }, size: 60, font: '11px system-ui' },
		],
		series: [{}, { show: true, stroke: 'transparent', points: { show: false } },
			...lines.map((l, k) => ({ label: l.name, stroke: css(colours[k % 3]), width: 1.4, points: { show: false } }))],
		hooks: { drawAxes: [candles(data)],
			setCursor: [(u) => { words.textContent = sentence(data, u.cursor.idx ?? bars.length - 1) }] },
	}, [bars.map((b, i) => i), bars.map((b) => Number(b.close)), ...lines.map((l) => l.points)], plot)
}

/* One drawing at a time: a slow answer must not meet the next one. */
let busy = false
const each = async (el) => {
	if (busy)
		return
	busy = true
	try {
		await draw(el)
	} catch (e) {
		const p = document.createElement('p')
		p.className = 'empty'
		p.textContent = e.message
		el.replaceChildren(p)
	}
	busy = false
}

export const start = () => {
	const all = () => document.querySelectorAll('[data-candles]').forEach(each)
	const select = document.querySelector('select[name=overlay]')
	if (select)
		select.value = wanted()
	all()
	let last = 0, timer
	document.addEventListener('live', (ev) => {
		const figure = document.querySelector('[data-candles]')
		if (!figure || !/^trade\.(market_data|bar|signal|order)/.test(ev.detail.topic) || timer !== undefined)
			return
		if (ev.detail.data?.symbol && ev.detail.data.symbol !== figure.dataset.symbol)
			return
		timer = setTimeout(() => {
			timer = undefined
			last = Date.now()
			all()
		}, Math.max(0, FRESH_MS - (Date.now() - last)))
	})
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
