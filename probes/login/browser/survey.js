// What a person sees of the page that can be read, typed into or pressed. The
// elements are remembered in this world, which the page's own scripts do not
// share, under the numbers that are reported.
(selectors) => {
	const known = (globalThis.tocsin = { elements: [] });
	const remember = (element) => String(known.elements.push(element) - 1);
	const line = (text) => (text || "").replace(/\s+/g, " ").trim().slice(0, 300);
	const roots = [document];
	for (let at = 0; at < roots.length && roots.length < 200; at++) {
		for (const element of roots[at].querySelectorAll("*")) if (element.shadowRoot) roots.push(element.shadowRoot);
	}
	const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
	const seen = (element) => {
		if (!element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })) return false;
		const box = element.getBoundingClientRect();
		return box.width > 1 && box.height > 1 && !element.closest("[aria-hidden=true], [inert]");
	};
	const chosen = {};
	for (const [what, selector] of Object.entries(selectors)) {
		try {
			chosen[what] = selector ? all(selector).find(seen) : undefined;
		} catch {
			chosen.wrong = chosen.wrong || selector;
		}
	}

	const label = (element) => line([
		...[...(element.labels || [])].map((l) => l.innerText),
		element.getAttribute("aria-label"), element.getAttribute("placeholder"), element.getAttribute("title"),
		...(element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean).map((id) => element.getRootNode().getElementById?.(id)?.innerText),
	].filter(Boolean).join(" "));
	const describe = (element) => ({
		ref: remember(element), name: element.getAttribute("name") || "", id: element.id,
		type: (element.localName === "input" ? element.type : element.localName === "button" || element.getAttribute("role") === "button" ? "submit" : element.localName),
		value: ["checkbox", "radio", "submit", "button"].includes(element.type) ? element.value || "" : "",
		text: line(element.innerText || (element.localName === "input" ? element.value && element.type !== "password" && ["submit", "button", "image"].includes(element.type) ? element.value : element.alt : "")),
		checked: !!element.checked, label: label(element),
		autocomplete: (element.getAttribute("autocomplete") || "").toLowerCase(), mode: (element.getAttribute("inputmode") || "").toLowerCase(),
		maxLength: element.maxLength > 0 && element.maxLength < 1e6 ? element.maxLength : 0, readOnly: !!element.readOnly,
		chosen: Object.keys(chosen).find((what) => chosen[what] === element) || "",
	});
	const usable = (element) => !element.matches(":disabled, [aria-disabled=true]") && seen(element);
	const tick = (element) => element.matches("input[type=checkbox], input[type=radio]") && !element.matches(":disabled");
	const inputs = all("input, textarea, select").filter((e) => !/^(hidden|submit|button|image|reset|file)$/.test(e.type) && (usable(e) || tick(e)));
	const presses = all("button, input[type=submit], input[type=button], input[type=image], [role=button]").filter((e) => e.type !== "reset" && usable(e));

	const forms = new Map();
	const formOf = (element) => {
		const owner = element.form || element.closest("form") || null;
		if (!forms.has(owner)) forms.set(owner, {
			ref: owner ? remember(owner) : "", method: owner && owner.getAttribute("method") ? owner.method : "post",
			action: owner && owner.getAttribute("action") ? owner.action : location.href,
			words: owner ? `${owner.id} ${owner.getAttribute("name") || ""} ${owner.className}`.toLowerCase() : "",
			search: owner ? owner.getAttribute("role") === "search" : false, inputs: [], submits: [], last: null,
		});
		return forms.get(owner);
	};
	for (const element of inputs.slice(0, 500)) {
		const owner = formOf(element);
		owner.inputs.push(describe(element));
		if (!tick(element)) owner.last = element;
	}
	const sends = (element) => element.form && (element.type === "submit" || element.type === "image");
	for (const element of presses.slice(0, 500)) {
		const owner = formOf(element);
		const away = element.closest("nav, header, footer, [role=navigation], [role=banner], [role=contentinfo]") && !element.form;
		const after = owner.last && owner.last.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
		owner.submits.push({ ...describe(element), rank: element === chosen.submit ? 0 : sends(element) ? 1 : away ? 4 : after ? 2 : 3 });
	}
	for (const owner of forms.values()) {
		const best = Math.min(...owner.submits.map((s) => s.rank));
		// A form that says which button sends it has its other ones for other things.
		owner.submits = best <= 1 ? owner.submits.filter((s) => s.rank === best) : owner.submits.filter((s) => s.rank < 4).sort((a, b) => a.rank - b.rank);
		if (chosen.submit && best > 0) owner.submits = [{ ...describe(chosen.submit), rank: 0 }];
		delete owner.last;
	}
	const links = all("a[href]").filter((a) => seen(a) && /^https?:$/.test(a.protocol) && !a.getAttribute("href").startsWith("#")).slice(0, 500)
		.map((a) => ({ ref: remember(a), text: line(a.innerText || a.getAttribute("aria-label")), address: a.href, current: !!a.getAttribute("aria-current") && a.getAttribute("aria-current") !== "false" }));
	const says = (e) => line(e.innerText) && seen(e);
	const harmless = (e) => /success|info/i.test(`${e.className} ${e.id}`);
	const alert = all("[role=alert], [aria-live=assertive]").find(says) ||
		all("[class*=error i], [id*=error i], [class*=alert i], .invalid-feedback").find((e) => says(e) && !harmless(e) && !e.matches("html, body, form, main, input"));
	return {
		url: location.href, title: line(document.title), ready: document.readyState, alert: alert ? line(alert.innerText) : "",
		wrong: chosen.wrong || "", text: (document.body?.innerText || "").length, forms: [...forms.values()], links,
	};
}
