/* Makes an element look like another one while it keeps what the person has:
 * focus, typed text, open details, scroll, and whatever is marked data-keep. */
const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? '') === (b.id ?? '')

const attributes = (from, to) => {
	for (const { name } of [...from.attributes])
		if (!to.hasAttribute(name) && !(name === 'open' && from.nodeName === 'DETAILS'))
			from.removeAttribute(name)
	for (const { name, value } of to.attributes)
		if (from.getAttribute(name) !== value && !(name === 'open' && from.nodeName === 'DETAILS') && name !== 'hidden')
			from.setAttribute(name, value)
}

export const morph = (from, to) => {
	if (from.nodeType !== Node.ELEMENT_NODE) {
		if (from.nodeValue !== to.nodeValue)
			from.nodeValue = to.nodeValue
		return
	}
	if (from.dataset.keep || from.contains(document.activeElement) && from.matches('form, input, select, textarea'))
		return
	if (from.isEqualNode(to))
		return
	attributes(from, to)
	children(from, to)
}

const children = (from, to) => {
	const byId = new Map()
	for (const child of from.children)
		if (child.id)
			byId.set(child.id, child)
	let at = from.firstChild
	for (const want of [...to.childNodes]) {
		const known = want.id ? byId.get(want.id) : undefined
		if (known) {
			if (known !== at)
				from.insertBefore(known, at)
			else
				at = at.nextSibling
			morph(known, want)
		} else if (at && same(at, want) && !at.id) {
			const next = at.nextSibling
			morph(at, want)
			at = next
		} else {
			const made = document.importNode(want, true)
			from.insertBefore(made, at)
			if (made.nodeName === 'TR' || made.nodeName === 'LI')
				made.classList.add('fresh')
		}
	}
	while (at) {
		const next = at.nextSibling
		at.remove()
		at = next
	}
}
