// Lets axe-core look at the page and reports what it found. It runs in a world
// of its own: the page sees neither this nor axe-core, and cannot change what
// they are built on.
(async (tags, most) => {
	// A form answers with its inputs where their names are those of its own
	// properties: <input name="id"> is form.id. So elements are asked through
	// their prototypes.
	const asks = (prototype, property) => {
		const { get } = Object.getOwnPropertyDescriptor(prototype, property);
		return (node) => get.call(node);
	};
	const rootOf = (node) => Node.prototype.getRootNode.call(node);
	const rootElement = asks(Document.prototype, "documentElement");
	const hostOf = asks(ShadowRoot.prototype, "host");
	const nameOf = asks(Node.prototype, "nodeName");
	const childrenOf = asks(Node.prototype, "childNodes");
	const shadowOf = asks(Element.prototype, "shadowRoot");
	const attribute = (element, name) => Element.prototype.getAttribute.call(element, name) || "";
	const tagOf = (element) => nameOf(element).toLowerCase();

	// Paths are those of visual/capture: by id or another name that is unique in
	// the tree, else by the place below the nearest element that has one.
	const escape = (id) =>
		[...id].map((c, at) => (at === 0 && /\d/.test(c) ? `\\${c.charCodeAt(0).toString(16)} ` : /[-_\p{L}\p{Nd}]|[^\0-\x7f]/u.test(c) ? c : `\\${c}`)).join("");
	const namesOf = (element) => {
		const id = attribute(element, "id");
		const names = id ? [`#${escape(id)}`] : [];
		for (const name of ["data-testid", "data-test", "name"]) {
			const value = attribute(element, name);
			if (value && !/["\\\n]/.test(value)) names.push(`${tagOf(element)}[${name}="${value}"]`);
		}
		return names;
	};
	const count = (counts, key) => counts.set(key, (counts.get(key) || 0) + 1).get(key);
	const within = (maps, key) => maps.get(key) || maps.set(key, new Map()).get(key);
	const known = new Map(); // element to its parent, tree and place among those of its tag
	const named = new Map(); // tree to how often a name occurs in it
	const children = new Map(); // parent to how many of its children have a tag
	// The tree of an element is named by the outermost host around it, the
	// document's is null.
	const treeOf = (element) => {
		let tree = null;
		for (let root = rootOf(element); root instanceof ShadowRoot; root = rootOf(tree)) tree = hostOf(root);
		return tree;
	};
	// Children are those that are rendered in an element: what is slotted stands
	// in its slot.
	const renderedIn = (element) => {
		const shadow = shadowOf(element);
		const slotted = element instanceof HTMLSlotElement ? HTMLSlotElement.prototype.assignedNodes.call(element) : [];
		const nodes = shadow ? childrenOf(shadow) : slotted.length ? slotted : childrenOf(element);
		const found = [...nodes].filter((node) => node instanceof Element);
		return found.map((child) => ({ element: child, parent: element, moved: Boolean(shadow || slotted.length) }));
	};
	const left = [{ element: rootElement(document), parent: null, moved: true }];
	while (left.length) {
		const { element, parent, moved } = left.pop();
		const tree = moved ? treeOf(element) : known.get(parent).tree;
		known.set(element, { parent, tree, place: count(within(children, parent), tagOf(element)) });
		for (const name of namesOf(element)) count(within(named, tree), name);
		left.push(...renderedIn(element).reverse());
	}
	const pathOf = (element) => {
		const { parent, tree, place } = known.get(element);
		const prefix = tree ? `${pathOf(tree)} >>> ` : "";
		const tag = tagOf(element);
		const unique = namesOf(element).find((name) => named.get(tree).get(name) === 1);
		if (unique) return prefix + unique;
		if (tag === "html" || tag === "body") return prefix + tag;
		const last = `${tag}:nth-of-type(${place})`;
		return !parent || parent === tree ? prefix + last : `${pathOf(parent)} > ${last}`;
	};

	// What an element is, wherever it stands. What may have been typed is left
	// out, and numbers do not count.
	const likeness = (element) => {
		const said = [tagOf(element)];
		for (const name of ["role", "type", "name", "for", "src", "href", "alt", "title", "placeholder", "aria-label"]) {
			said.push(attribute(element, name).split("?")[0].slice(0, 500));
		}
		if (tagOf(element) !== "textarea" && !element.isContentEditable) {
			for (const child of childrenOf(element)) if (nameOf(child) === "#text") said.push(child.data.trim().slice(0, 500));
		}
		return said.join("\n").replace(/\d+/g, "0");
	};

	const { axe } = globalThis;
	axe.configure({ noHtml: true });
	const ran = await axe.run(document, {
		runOnly: { type: "tag", values: tags },
		resultTypes: ["violations", "incomplete"],
		elementRef: true,
		selectors: false,
		iframes: false, // they have worlds of their own, where axe-core is not
		preload: false, // it would fetch stylesheets again
	});
	const failed = (rule) => rule.nodes.some((node) => node.none.some((check) => check.id === "error-occurred"));
	const ranks = ["minor", "moderate", "serious", "critical"];
	const findings = ran.violations
		.flatMap((rule) => rule.nodes.map((node) => ({ rule, node, impact: node.impact || rule.impact })))
		.sort((a, b) => ranks.indexOf(b.impact) - ranks.indexOf(a.impact));
	return {
		engine: `${ran.testEngine.name}/${ran.testEngine.version}`,
		passed: ran.passes.length,
		unchecked: ran.incomplete.filter(failed).map((rule) => rule.id),
		incomplete: ran.incomplete.filter((rule) => !failed(rule)).reduce((sum, rule) => sum + rule.nodes.length, 0),
		found: findings.length,
		findings: findings.slice(0, most).map(({ rule, node, impact }) => ({
			rule: rule.id,
			impact,
			help: rule.help,
			help_url: rule.helpUrl,
			path: known.has(node.element) ? pathOf(node.element) : "",
			likeness: likeness(node.element),
			summary: (node.failureSummary || "").slice(0, 2000),
		})),
	};
})
