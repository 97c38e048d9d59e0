// What a hand needs to know before it acts on an element: where it is, and
// whether anything lies over it. With focus, it is ready to be typed into.
(ref, focus) => {
	const element = globalThis.tocsin.elements[ref];
	if (!element || !element.isConnected) return { gone: true };
	element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
	if (focus) {
		element.focus();
		if (element.select) element.select();
	}
	const box = element.getBoundingClientRect();
	const x = box.left + box.width / 2, y = box.top + box.height / 2;
	let hit = element.getRootNode().elementFromPoint(x, y);
	const covered = !hit || !(element === hit || element.contains(hit) || [...(element.labels || [])].some((l) => l.contains(hit)));
	return { x, y, covered, checked: !!element.checked };
}
