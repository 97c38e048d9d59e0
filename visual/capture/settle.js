// One look at the page: waits for what is known to be under way, freezes what
// moves, and reports the size. It adds no style element, which a content
// security policy could refuse, and leaves the document as it is.
(async (selectors, patience) => {
	const late = new Promise((resolve) => setTimeout(() => resolve("late"), patience));
	const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve()));
	const inTime = async (promise) => (await Promise.race([promise, late])) !== "late";
	const waiting = [];

	if (!document.adoptedStyleSheets.some((sheet) => sheet.ofTocsin)) {
		const sheet = new CSSStyleSheet();
		sheet.replaceSync("*, *::before, *::after { caret-color: transparent !important; scroll-behavior: auto !important; }");
		sheet.ofTocsin = true;
		document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
	}
	if (!(await inTime(document.fonts.ready.then(() => "")))) waiting.push("fonts");
	const images = [...document.images].filter((image) => image.loading !== "lazy" || image.complete);
	const decoded = Promise.all(images.map((image) => image.decode().catch(() => "")));
	if (!(await inTime(decoded))) waiting.push("images");

	for (const animation of document.getAnimations()) {
		const end = animation.effect?.getComputedTiming().endTime;
		try {
			if (Number.isFinite(Number(end))) animation.finish();
			else animation.cancel();
		} catch {
			animation.cancel();
		}
	}
	await frame();
	await frame();

	const masks = selectors.map((selector) => [...document.querySelectorAll(selector)].map((element) => {
		const box = element.getBoundingClientRect();
		return [box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY];
	}));
	return { height: document.documentElement.scrollHeight, waiting, masks };
})
