// form.js reads an HTML page like a person: it finds the form, keeps what the
// page put into it, and fills in what it was asked for.
import { parseHTML } from 'k6/html';

const agree = /allow|accept|agree|approve|authori[sz]e|grant|consent|continue|yes/i;
const refuse = /deny|decline|reject|refuse|cancel|disagree|no\b/i;

// readForm returns the form of a page that wants a secret or a decision, or null:
// {kind: 'login'|'consent', action, method, controls}.
export function readForm(html, base) {
  const forms = parseHTML(html).find('form');
  let found = null;
  for (let i = 0; i < forms.size(); i++) {
    const candidate = describe(forms.eq(i), base);
    if (candidate.kind === 'login') {
      return candidate;
    }
    // A language switch or a search box is a form too; consent is a POST.
    if (found === null && candidate.method === 'POST') {
      found = candidate;
    }
  }
  return found;
}

function describe(form, base) {
  const controls = [];
  const nodes = form.find('input, button, select, textarea');
  for (let i = 0; i < nodes.size(); i++) {
    const node = nodes.eq(i);
    const tag = node.get(0).nodeName().toLowerCase();
    const type = (node.attr('type') || (tag === 'button' ? 'submit' : 'text')).toLowerCase();
    controls.push({
      tag: tag,
      type: tag === 'input' || tag === 'button' ? type : tag,
      name: node.attr('name') || '',
      value: value(node, tag, type),
      text: node.text() || '',
      autocomplete: node.attr('autocomplete') || '',
      checked: node.attr('checked') !== undefined,
      disabled: node.attr('disabled') !== undefined,
    });
  }
  const usable = controls.filter((control) => !control.disabled);
  return {
    kind: usable.some((control) => control.type === 'password') ? 'login' : 'consent',
    action: resolve(base, form.attr('action') || ''),
    method: (form.attr('method') || 'GET').toUpperCase(),
    controls: usable,
  };
}

function value(node, tag, type) {
  if (tag === 'select') {
    const chosen = node.find('option[selected]');
    const option = chosen.size() > 0 ? chosen.first() : node.find('option').first();
    return option.attr('value') !== undefined ? option.attr('value') : (option.text() || '');
  }
  const given = tag === 'textarea' ? node.text() : node.attr('value');
  return given === undefined ? (type === 'checkbox' || type === 'radio' ? 'on' : '') : given;
}

// fillLogin returns the pairs of a login form with the person's name and secret.
export function fillLogin(form, person, names) {
  const secret = form.controls.find((c) => names.secret ? c.name === names.secret : c.type === 'password');
  const visible = form.controls.filter((c) => ['text', 'email', 'tel', 'number'].includes(c.type));
  const individual = names.individual_id
    ? form.controls.find((c) => c.name === names.individual_id)
    : visible.find((c) => /username/i.test(c.autocomplete)) || visible[0];
  if (!secret || !individual) {
    return null;
  }
  return submitted(form, (c) => c.checked).map(([name, given]) => {
    if (name === secret.name) {
      return [name, person.secret];
    }
    return [name, name === individual.name ? person.individual_id : given];
  });
}

// fillConsent agrees to everything that is asked.
export function fillConsent(form) {
  return submitted(form, () => true);
}

// submitted follows the HTML standard's "constructing the entry list": named
// controls, ticked boxes, and the one button that was pressed.
function submitted(form, ticked) {
  const buttons = form.controls.filter((c) => c.type === 'submit' || c.type === 'image');
  const means = (c) => `${c.name} ${c.value} ${c.text}`;
  const pressed = buttons.find((c) => agree.test(means(c)) && !refuse.test(`${c.value} ${c.text}`)) || buttons[0];
  const radios = {};
  const pairs = [];
  for (const control of form.controls) {
    if (control.name === '' || ['button', 'reset', 'file'].includes(control.type)) {
      continue;
    }
    if ((control.type === 'submit' || control.type === 'image') && control !== pressed) {
      continue;
    }
    if (control.type === 'checkbox' && !ticked(control)) {
      continue;
    }
    if (control.type === 'radio') {
      if (radios[control.name] || !(control.checked || (agree.test(control.value) && !refuse.test(control.value)))) {
        continue;
      }
      radios[control.name] = true;
    }
    pairs.push([control.name, control.value]);
  }
  return pairs;
}

// resolve is RFC 3986 section 5.2 for what forms and redirects use; k6 has no URL.
export function resolve(base, reference) {
  const parts = /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*)([^?#]*)(\?[^#]*)?/i.exec(base);
  const ref = reference.split('#')[0];
  if (/^[a-z][a-z0-9+.-]*:/i.test(ref) || parts === null) {
    return ref;
  }
  const [, scheme, host, path, query] = parts;
  if (ref === '') {
    return `${scheme}//${host}${path}${query || ''}`;
  }
  if (ref.startsWith('//')) {
    return scheme + ref;
  }
  if (ref.startsWith('?')) {
    return `${scheme}//${host}${path}${ref}`;
  }
  const joined = ref.startsWith('/') ? ref : path.slice(0, path.lastIndexOf('/') + 1) + ref;
  return `${scheme}//${host}${withoutDots(joined)}`;
}

function withoutDots(path) {
  const cut = path.search(/\?|$/);
  const out = [];
  const segments = path.slice(0, cut).split('/');
  for (let i = 0; i < segments.length; i++) {
    const last = i === segments.length - 1;
    if (segments[i] === '..') {
      if (out.length > 1) {
        out.pop();
      }
    } else if (segments[i] !== '.') {
      out.push(segments[i]);
      continue;
    }
    if (last) {
      out.push('');
    }
  }
  return (out.join('/') || '/') + path.slice(cut);
}

export function origin(url) {
  return url.split('/').slice(0, 3).join('/');
}
