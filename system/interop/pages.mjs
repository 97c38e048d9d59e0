// A person at a browser without scripts: cookies, redirects, plain forms.

class CookieJar {
  #cookies = new Map();

  store(response, url) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf('='));
      const find = (key) => attributes.find((one) => one.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
      const path = find('path') ?? '/';
      const expired = find('max-age') === '0' || Date.parse(find('expires') ?? '') < Date.now();
      if (expired) this.#cookies.delete(`${url.host} ${path} ${name}`);
      else this.#cookies.set(`${url.host} ${path} ${name}`, { host: url.host, path, pair });
    }
  }

  header(url) {
    return [...this.#cookies.values()]
      .filter(({ host, path }) => host === url.host && url.pathname.startsWith(path))
      .map(({ pair }) => pair).join('; ');
  }
}

const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}(?:="([^"]*)")?(?=[\\s>/])`, 'i').exec(tag);
  return found ? decode(found[1] ?? '') : undefined;
};
const entities = { '&amp;': '&', '&quot;': '"', '&#34;': '"', '&#39;': "'", '&lt;': '<', '&gt;': '>', '&#43;': '+' };
const decode = (text) => text.replace(/&(?:amp|quot|lt|gt|#34|#39|#43);/g, (entity) => entities[entity]);

// forms returns the forms of a page as a browser would send them untouched.
function forms(html) {
  return [...html.matchAll(/<form\b[^>]*>([\s\S]*?)<\/form>/gi)].map(([whole, content]) => {
    const fields = new URLSearchParams();
    const names = new Set();
    const [boxes, buttons] = [[], []];
    for (const [tag] of content.matchAll(/<(?:input|button)\b[^>]*>/gi)) {
      const [name, kind] = [attribute(tag, 'name'), attribute(tag, 'type')];
      if (name === undefined) continue;
      names.add(name);
      if (/^<button/i.test(tag) || kind === 'submit') buttons.push([name, attribute(tag, 'value') ?? '']);
      if (kind === 'checkbox') boxes.push([name, attribute(tag, 'value') ?? '']);
      const ticked = attribute(tag, 'checked') !== undefined;
      if (/^<button/i.test(tag) || kind === 'submit' || (kind === 'checkbox' && !ticked)) continue;
      fields.append(name, attribute(tag, 'value') ?? '');
    }
    const opening = whole.slice(0, whole.indexOf('>') + 1);
    return { action: attribute(opening, 'action') ?? '', fields, names, boxes, buttons };
  });
}

export class Visitor {
  #jar = new CookieJar();
  home;

  // home is the redirect URI of the client: the journey ends there.
  constructor(home) {
    this.home = home;
  }

  // visit goes to url, logs in and consents as asked, and returns the URL
  // that leads back to the client.
  async visit(url, person) {
    let page = await this.open(new URL(url));
    for (let pages = 0; pages < 6 && page.html !== undefined; pages += 1) {
      page = await this.answer(page, person);
    }
    if (page.html !== undefined) throw new Error(`no end at ${page.url}`);
    return page.url;
  }

  async answer(page, { individualId, pin }) {
    const all = forms(page.html);
    const login = all.find(({ names }) => names.has('pin'));
    if (login) {
      login.fields.set('individual_id', individualId);
      login.fields.set('pin', pin);
      return this.submit(page, login);
    }
    const consent = all.find(({ buttons }) => buttons.some(([name, value]) => name === 'decision' && value === 'allow'));
    if (consent) {
      consent.fields.delete('claims'); // all that is asked for, ticked or not
      for (const [name, value] of consent.boxes) consent.fields.append(name, value);
      consent.fields.set('decision', 'allow');
      return this.submit(page, consent);
    }
    if (all.length === 1 && page.status < 400) { // a question: its first button says yes
      for (const [name, value] of all[0].buttons.slice(0, 1)) all[0].fields.set(name, value);
      return this.submit(page, all[0]);
    }
    const title = /<title>([^<]*)/.exec(page.html)?.[1];
    throw new Error(`page "${title}" (${page.status}) at ${page.url} has no form that is known`);
  }

  submit(page, { action, fields }) {
    return this.open(new URL(action, page.url), { method: 'POST', body: fields });
  }

  async open(url, options = {}) {
    let [at, request] = [url, options];
    for (let redirects = 0; redirects < 12; redirects += 1) {
      if (this.home && at.href.startsWith(this.home)) return { url: at };
      const headers = { accept: 'text/html', cookie: this.#jar.header(at), origin: at.origin };
      const response = await fetch(at, { ...request, headers, redirect: 'manual' });
      this.#jar.store(response, at);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) {
        return { url: at, status: response.status, html: await response.text() };
      }
      await response.arrayBuffer();
      [at, request] = [new URL(location, at), {}];
    }
    throw new Error(`too many redirects at ${at}`);
  }
}
