// One look at the page: waits for what is known to be under way, freezes what
// moves, and reports sizes. It adds no style element, which a content security
// policy could refuse, and leaves the document as it is.
(async (selectors, element, patience) => {
	const late = new Promise((resolve) => setTimeout(() => resolve("late"), patience));
	const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve()));
	const inTime = async (promise) => (await Promise.race([promise, late])) !== "late";
	const waiting = [];

	const roots = [document];
	for (let at = 0; at < roots.length && roots.length < 500; at++) {
		for (const host of roots[at].querySelectorAll("*")) if (host.shadowRoot) roots.push(host.shadowRoot);
	}
	const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
	for (const root of roots) {
		if (root.adoptedStyleSheets.some((sheet) => sheet.ofTocsin)) continue;
		const sheet = new CSSStyleSheet();
		sheet.replaceSync("*, *::before, *::after { caret-color: transparent !important; scroll-behavior: auto !important; }");
		sheet.ofTocsin = true;
		root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
	}
	scrollTo(0, 0);
	if (!(await inTime(document.fonts.ready.then(() => "")))) waiting.push("fonts");
	const images = all("img");
	for (const image of images) if (image.loading === "lazy") image.loading = "eager";
	const decoded = Promise.all(images.map((image) => image.decode().catch(() => "")));
	if (!(await inTime(decoded))) waiting.push("images");

	for (const animation of roots.flatMap((root) => root.getAnimations())) {
		const end = animation.effect?.getComputedTiming().endTime;
		try {
			if (Number.isFinite(Number(end))) {
				animation.finish();
			} else {
				// From the start: where it is by now depends on the machine. What
				// is paused may still be drawn as it was a moment ago, so the look
				// of the start becomes the element's own.
				animation.pause();
				animation.currentTime = 0;
				animation.commitStyles();
				animation.cancel();
			}
		} catch {
			animation.cancel();
		}
	}
	for (const video of all("video")) {
		if (!video.paused) video.pause();
		if (video.currentTime !== 0) video.currentTime = 0;
	}
	for (const drawing of all("svg")) {
		if (drawing.ownerSVGElement || !drawing.pauseAnimations) continue;
		drawing.pauseAnimations();
		drawing.setCurrentTime(0);
	}
	await frame();
	await frame();

	// A telephone shows a page that asks for no viewport in small.
	const zoom = Math.min(1, visualViewport?.scale || 1);
	const boxOf = (found) => {
		const box = found.getBoundingClientRect();
		return [box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY].map((at) => at * zoom);
	};
	const chosen = element ? all(element) : [];
	return {
		height: document.documentElement.scrollHeight * zoom, waiting, masks: selectors.map((selector) => all(selector).map(boxOf)),
		element: chosen.length ? boxOf(chosen[0]) : [], elements: document.getElementsByTagName("*").length,
	};
})
