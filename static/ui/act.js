/* What buttons and forms do: data-api="POST /api/…". The server's refusal is
 * shown where the person looks, in its own words. */
import { call } from './api.js'
import { renew } from './live.js'

export const tell = (text, kind = 'good') => {
	const at = document.getElementById('notices')
	const p = document.createElement('p')
	p.className = `banner ${kind}`
	p.append(text)
	const close = document.createElement('button')
	close.type = 'button'
	close.textContent = 'Dismiss'
	close.onclick = () => p.remove()
	p.append(close)
	at.append(p)
	if (kind === 'good')
		setTimeout(() => p.remove(), 8000)
	p.scrollIntoView({ block: 'nearest' })
}

const ask = (text) => new Promise((resolve) => {
	const dialog = document.getElementById('ask-dialog')
	document.getElementById('ask-text').textContent = text
	dialog.returnValue = 'no'
	dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true })
	dialog.showModal()
})

const typed = (el) => {
	switch (el.dataset.type) {
	case 'num':
	case 'int': return el.value === '' ? undefined : Number(el.value)
	case 'bool': return el.type === 'checkbox' ? el.checked : el.value === 'true'
	case 'list': return el.value.trim() === '' ? undefined : el.value.trim().split(/[\s,]+/)
	case 'json': return el.value.trim() === '' || el.value === 'null' ? undefined : JSON.parse(el.value)
	case 'time': return el.value === '' ? undefined : new Date(el.value).toISOString()
	default: return el.value === '' && (el.dataset.optional || !el.required && el.nodeName !== 'SELECT' && el.type !== 'hidden') ? undefined : el.value
	}
}

/* Fields by name; "filter.type" goes into an object; what is hidden by
 * data-when is left out. */
const body = (form) => {
	const out = {}
	for (const el of form.elements) {
		if (!el.name || el.disabled || el.closest('[data-when][hidden]'))
			continue
		const parts = el.name.split('.')
		let at = out
		for (const p of parts.slice(0, -1))
			at = at[p] ??= {}
		const v = typed(el)
		if (v !== undefined)
			at[parts.at(-1)] = v
	}
	return out
}

const result = (r) => {
	if (r?.matched !== undefined)
		return r.dry_run ? `${r.matched} would be touched${r.more ? ' at least' : ''}.` : `${r.done} done, ${r.skipped} left as they were.`
	return ''
}

/* "secret" members of a reply are shown once and for all. */
const secrets = (r) => ['key', 'token', 'secret', 'reset_token', 'external_id'].filter((k) => typeof r?.[k] === 'string' && r[k] !== '')
	.map((k) => `${k.replace('_', ' ')}: ${r[k]}`).join(', ')

const run = async (el, data) => {
	const [method, path] = el.dataset.api.split(' ')
	if (el.dataset.confirm && !await ask(el.dataset.confirm))
		return
	const buttons = el.matches('form') ? [...el.querySelectorAll('button')] : [el]
	buttons.forEach((b) => { b.disabled = true })
	try {
		const r = await call(method, path, data)
		const more = [el.dataset.result ? result(r) : '', el.dataset.secret ? secrets(r) : ''].filter((s) => s).join(' ')
		el.closest('dialog')?.close()
		if (el.dataset.event)
			document.dispatchEvent(new CustomEvent(el.dataset.event, { detail: r }))
		if (el.dataset.show) {	/* the reply itself, as text */
			const at = document.getElementById(el.dataset.show)
			at.textContent = JSON.stringify(r, null, 2)
			at.hidden = false
			return
		}
		if (el.dataset.go) {
			location.assign(el.dataset.go)
			return
		}
		tell([el.dataset.done ?? 'Done', more].filter((s) => s).join('. '), el.dataset.secret && more ? 'kept' : 'good')
		if (el.dataset.reset)
			el.reset()
		renew('all')
	} catch (e) {
		el.closest('dialog')?.close()
		tell(e instanceof SyntaxError ? `That is no JSON: ${e.message}` : e.message, 'bad')
	} finally {
		buttons.forEach((b) => { b.disabled = false })
	}
}

/* A field that belongs to a choice: data-when="scope=module". */
const conditions = (form) => {
	for (const el of form.querySelectorAll('[data-when]')) {
		const [name, value] = el.dataset.when.split('=')
		el.hidden = !value.split('|').includes(form.elements[name]?.value)
	}
}

export const start = () => {
	const all = () => document.querySelectorAll('form').forEach(conditions)
	all()
	document.addEventListener('page-renewed', all)
	document.addEventListener('click', (ev) => {
		const el = ev.target.closest('button')
		if (!el)
			return
		if (el.dataset.dialog) {
			const d = document.getElementById(el.dataset.dialog)
			d.querySelectorAll('form').forEach(conditions)
			d.showModal()
		} else if (el.dataset.close)
			el.closest('dialog').close()
		else if (el.dataset.api)
			run(el, el.dataset.body ? JSON.parse(el.dataset.body) : undefined)
	})
	document.addEventListener('submit', (ev) => {
		const form = ev.target
		if (!form.dataset.api)
			return
		ev.preventDefault()
		try {
			run(form, body(form))
		} catch (e) {
			tell(`That is no JSON: ${e.message}`, 'bad')
		}
	})
	document.addEventListener('change', (ev) => {
		const form = ev.target.form
		if (form?.dataset.auto)
			form.requestSubmit()
		else if (form)
			conditions(form)
	})
}
