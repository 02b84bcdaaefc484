/* Entry: what needs JavaScript appears, and the page comes alive. */
import * as act from './act.js'
import * as live from './live.js'
import { arrangeAll } from './table.js'

const js = () => document.querySelectorAll('[data-js]').forEach((el) => { el.hidden = false })

const theme = () => {
	const box = document.querySelector('.theme'), select = document.getElementById('theme')
	if (!select)
		return
	box.hidden = false
	select.value = document.documentElement.dataset.theme ?? ''
	select.onchange = () => {
		if (select.value === '') {
			delete document.documentElement.dataset.theme
			localStorage.removeItem('theme')
		} else {
			document.documentElement.dataset.theme = select.value
			localStorage.setItem('theme', select.value)
		}
		document.dispatchEvent(new CustomEvent('theme'))
	}
}

/* On a narrow screen the menu is closed until it is asked for. */
const menu = () => {
	const box = document.querySelector('.nav-box')
	const narrow = matchMedia('(max-width: 900px)')
	const set = () => { if (box) box.open = !narrow.matches }
	narrow.addEventListener('change', set)
	set()
	document.addEventListener('click', (ev) => {
		for (const d of document.querySelectorAll('.menu[open]'))
			if (!d.contains(ev.target))
				d.open = false
	})
	document.addEventListener('keydown', (ev) => {
		if (ev.key === 'Escape')
			document.querySelectorAll('.menu[open]').forEach((d) => { d.open = false })
	})
}

js()
theme()
menu()
act.start()
live.start()
live.ages()
setInterval(live.ages, 1000)
/* The charts come when the first of them does. */
let charts, candles
const chart = () => {
	if (document.querySelector('[data-chart], [data-points]'))
		charts ??= import('./chart.js').then((m) => m.start())
	if (document.querySelector('[data-candles]'))
		candles ??= import('./candles.js').then((m) => m.start())
}
chart()
arrangeAll()
document.addEventListener('page-renewed', () => { js(); live.ages(); chart(); arrangeAll() })
document.addEventListener('simulated', async (ev) => {
	const [{ show }, { lines }] = await Promise.all([import('./simulator.js'), import('./chart.js')])
	const made = show(document.getElementById('simulation'), ev.detail)
	lines(made.lines, made.series)
})
