/* Before the first paint: the colours that were chosen. A classic script on
 * purpose, because modules run after the page was painted. */
(() => {
	try {
		const t = localStorage.getItem('theme')
		if (t === 'dark' || t === 'light')
			document.documentElement.dataset.theme = t
	} catch { /* storage may be forbidden */ }
})()
