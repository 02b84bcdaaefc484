/* Requests to our own API with the cookie. A write carries the session's token;
 * an act that wants a fresh password asks for it and is repeated. */
export const prefix = document.documentElement.dataset.prefix ?? ''

const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? ''

/* Only paths of ours, so that no attribute can send a request elsewhere. */
const ours = (path) => {
	if (!/^\/(api|ui|jobs)(\/|$|\?)/.test(path) || path.includes('\\'))
		throw new Error(`not a path of this site: ${path}`)
	return prefix + path
}

export class Refusal extends Error {
	constructor(status, code, message) {
		super(message)
		this.status = status
		this.code = code
	}
}

const sentence = (body, status) => {
	const d = body?.detail
	if (typeof d === 'string')
		return d
	if (Array.isArray(d))
		return d.map((e) => `${e.loc.slice(1).join('.') || 'input'}: ${e.msg}`).join('; ')
	return status === 503 ? 'The service is not available just now; try again in a moment.'
		: `The server answered ${status}.`
}

const once = async (method, path, data) => {
	const headers = { Accept: 'application/json' }
	const init = { method, headers, credentials: 'same-origin', cache: 'no-store' }
	if (method !== 'GET')
		headers['X-CSRF-Token'] = csrf()
	if (data !== undefined) {
		headers['Content-Type'] = 'application/json'
		init.body = JSON.stringify(data)
	}
	let reply
	try {
		reply = await fetch(ours(path), init)
	} catch {
		throw new Refusal(0, 'network', 'The server cannot be reached. Is it running, and the network up?')
	}
	const text = await reply.text()
	let body
	try {
		body = text === '' ? undefined : JSON.parse(text)
	} catch {
		body = undefined
	}
	if (reply.ok)
		return body
	throw new Refusal(reply.status, reply.headers.get('X-Error-Code'), sentence(body, reply.status))
}

export const toLogin = () => {
	const next = location.pathname.slice(prefix.length) + location.search
	location.assign(`${prefix}/ui/login?next=${encodeURIComponent(next)}`)
}

/* Resolves once the password was proved, rejects when the dialog is left. */
const prove = () => new Promise((resolve, reject) => {
	const dialog = document.getElementById('password-dialog')
	const form = document.getElementById('password-form')
	const fault = form.querySelector('.fault')
	form.reset()
	fault.hidden = true
	const left = () => reject(new Refusal(403, 'step_up_required', 'Nothing was done: the password was not proved.'))
	dialog.addEventListener('close', left, { once: true })
	form.onsubmit = async (ev) => {
		ev.preventDefault()
		try {
			await once('POST', '/api/auth/cookie/step-up', { password: form.elements.password.value })
			dialog.removeEventListener('close', left)
			dialog.close()
			resolve()
		} catch (e) {
			fault.textContent = e.message
			fault.hidden = false
		}
	}
	dialog.showModal()
})

export const call = async (method, path, data) => {
	try {
		return await once(method, path, data)
	} catch (e) {
		if (e.code === 'step_up_required') {
			await prove()
			return once(method, path, data)
		}
		if (e.status === 401 && path !== '/api/system/live/ticket')
			toLogin()
		throw e
	}
}
