/* The page stays true: events come over WebSocket (with resume), and the parts
 * of the page that they concern are rendered again by the server and morphed
 * in. Without the gateway everything is asked for again every five seconds, and
 * the page says so. */
import { call, prefix, toLogin } from './api.js'
import { morph } from './morph.js'

const POLL_MS = 5000, TICK_MS = 15000, GAP_MS = 1200, RETRY_MAX_MS = 30000

const state = document.getElementById('live-state')
const show = (name, text) => {
	if (state === null || state.dataset.state === name)
		return
	state.dataset.state = name
	state.querySelector('.live-text').textContent = text
	state.title = text
	notice(name)
}

/* What a person should know while there is no push. */
const notice = (name) => {
	const at = document.getElementById('notices')
	document.getElementById('live-notice')?.remove()
	if (at === null || name === 'live' || name === 'wait')
		return
	const p = document.createElement('p')
	p.id = 'live-notice'
	p.className = 'banner'
	p.textContent = name === 'poll'
		? 'The live gateway cannot be reached. The numbers are asked for every 5 seconds until it is back.'
		: 'The server cannot be reached. What you see is as old as it says; it is tried again by itself.'
	at.append(p)
}

/* ---- rendering again ----------------------------------------------------- */

/* XMLHttpRequest parses a document without running or trusting it. */
const fetchPage = () => new Promise((resolve, reject) => {
	const x = new XMLHttpRequest()
	x.open('GET', location.href.replace(/#.*/, ''))
	x.responseType = 'document'
	x.setRequestHeader('Accept', 'text/html')
	x.timeout = 20000
	x.onload = () => resolve(x)
	x.onerror = x.ontimeout = () => reject(new Error('network'))
	x.send()
})

const match = (patterns, topic) => patterns.split(' ').some((p) => p === '*' || p === topic ||
	(p.endsWith('*') && topic.startsWith(p.slice(0, -1))))

let wanted = new Set(), timer, busy = false, last = 0

const render = async () => {
	busy = true
	const topics = wanted
	wanted = new Set()
	try {
		const x = await fetchPage()
		if (x.responseURL.includes('/ui/login')) {
			toLogin()
			return
		}
		if (x.status === 200 && x.response)
			for (const el of document.querySelectorAll('[data-live][id]')) {
				const fresh = x.response.getElementById(el.id)
				if (fresh && (topics.has('all') || [...topics].some((t) => match(el.dataset.live, t))))
					morph(el, fresh)
			}
		document.dispatchEvent(new CustomEvent('page-renewed'))
		if (state?.dataset.state === 'off')
			show('poll', 'polling')
	} catch {
		show('off', 'not connected')
	}
	last = Date.now()
	busy = false
	if (wanted.size > 0)
		schedule()
}

const schedule = () => {
	if (timer !== undefined || busy)
		return
	timer = setTimeout(() => {
		timer = undefined
		render()
	}, Math.max(150, GAP_MS - (Date.now() - last)))
}

/* Asks for what concerns this topic to be shown anew ("all": everything). */
export const renew = (topic) => {
	const any = topic === 'all' || [...document.querySelectorAll('[data-live]')].some((el) => match(el.dataset.live, topic))
	if (!any)
		return
	wanted.add(topic)
	schedule()
}

/* ---- the connection ----------------------------------------------------------- */

let seen, tries = 0, socket

const listen = (m) => {
	const e = JSON.parse(m.data)
	if (e.type === 'event') {
		renew(e.topic)
		document.dispatchEvent(new CustomEvent('live', { detail: e }))
	}
	if (e.type === 'subd') {
		tries = 0
		show('live', 'live')
		if (seen !== undefined && e.recovered === false)
			renew('all')
	}
	if (e.off !== undefined && e.stream === undefined)
		seen = { epoch: e.epoch ?? seen?.epoch, off: e.off }
}

const again = () => {
	const ms = Math.min(RETRY_MAX_MS, 1000 * 2 ** tries++) * (0.7 + 0.6 * Math.random())
	setTimeout(connect, ms)
}

const connect = async () => {
	let ticket
	try {
		({ ticket } = await call('POST', '/api/system/live/ticket'))
	} catch (e) {
		show(e.status === 0 ? 'off' : 'poll', e.status === 0 ? 'not connected' : 'polling')
		if (e.status === 401)	/* the page itself tells whether the session is over */
			renew('all')
		if (e.status !== 403)
			again()
		return
	}
	const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
	socket = new WebSocket(`${scheme}//${location.host}${prefix}/api/system/live?ticket=${encodeURIComponent(ticket)}`)
	socket.onopen = () => socket.send(JSON.stringify({ type: 'sub', topics: ['*'], ...(seen ? { since: seen } : {}) }))
	socket.onmessage = listen
	socket.onclose = () => {	/* a drain or an expired token: back at once */
		show(tries === 0 ? 'wait' : 'poll', tries === 0 ? 'connecting' : 'polling')
		again()
	}
}

export const start = () => {
	show('wait', 'connecting')
	connect()
	let ticked = Date.now()
	setInterval(() => {
		if (document.hidden)
			return
		if (state?.dataset.state !== 'live')
			renew('all')
		else if (Date.now() - ticked >= TICK_MS) {
			ticked = Date.now()
			renew('tick')
		}
	}, POLL_MS)
	document.addEventListener('visibilitychange', () => document.hidden || renew('all'))
}

/* ---- ages go on by themselves --------------------------------------------------- */

const units = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]
const age = (s) => {
	const n = Math.abs(s)
	const [size, unit] = units.find(([u]) => n >= u) ?? [1, 's']
	const text = `${Math.floor(n / size)}\u202f${unit}`
	return n < 1 ? 'now' : s < 0 ? `in ${text}` : `${text} ago`
}
export const ages = () => {
	for (const t of document.querySelectorAll('time[datetime]')) {
		const text = age(Math.trunc((Date.now() - Date.parse(t.dateTime)) / 1000))
		if (t.textContent !== text)
			t.textContent = text
	}
}
