// Takes what is secret out of the page before it is looked at by others: what
// was typed, what is known to be secret, and what looks like a token. Frames
// are hidden, because they cannot be looked into.
(secrets, shown) => {
	const opaque = (word) => {
		const count = (of) => (word.match(of) || []).length;
		const upper = count(/[A-Z]/g), lower = count(/[a-z]/g), digits = count(/[0-9]/g);
		return (digits >= 2 && upper >= 2 && lower >= 2) || (digits >= 2 && upper >= 12 && !lower) || (digits >= 6 && lower + digits >= 32 && !upper) || (word.length >= 40 && upper >= 4 && lower >= 4);
	};
	const clean = (text) => {
		for (const secret of secrets) if (secret) text = text.replaceAll(secret, "[redacted]");
		return text.replace(/[A-Za-z0-9_+=.~-]{20,}/g, (word) => (opaque(word) ? "[redacted]" : word));
	};
	const roots = [document];
	for (let at = 0; at < roots.length && roots.length < 200; at++) {
		for (const element of roots[at].querySelectorAll("*")) if (element.shadowRoot) roots.push(element.shadowRoot);
	}
	for (const root of roots) {
		for (const frame of root.querySelectorAll("iframe, frame, object, embed, canvas, video")) frame.style.setProperty("visibility", "hidden", "important");
		for (const input of root.querySelectorAll("input, textarea")) {
			if (/^(submit|button|reset|image|checkbox|radio|file)$/.test(input.type)) continue;
			const plain = input.type !== "password" && shown.includes(input.value);
			input.defaultValue = plain ? input.value : "";
			if (!plain && input.value) {
				if (input.type !== "hidden") input.type = "text";
				input.value = "[redacted]";
			}
		}
		const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT);
		for (let node = walker.nextNode(); node; node = walker.nextNode()) {
			if (node.parentElement?.closest("script")) node.data = "";
			else {
				const cleaned = clean(node.data);
				if (cleaned !== node.data) node.data = cleaned;
			}
		}
	}
	const title = clean(document.title);
	if (title !== document.title) document.title = title;
	return clean(document.documentElement.outerHTML.slice(0, 1 << 20));
}
