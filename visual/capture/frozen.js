(now) => {
	const Real = Date;
	globalThis.Date = class Date extends Real {
		constructor(...given) {
			super(...(given.length ? given : [now]));
		}
		static now() {
			return now;
		}
	};
}
