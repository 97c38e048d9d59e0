// Login and consent as plain forms, with the field names of our own pages, so
// that one visitor finds its way through both.
const page = (title, content) => `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>
<form method="post">${content}</form></html>`;

export const loginPage = (problem) => page('Log in', `<p role="alert">${problem}</p>
<input name="individual_id"><input name="pin" type="password"><button type="submit">Log in</button>`);

export const consentPage = () => page('Consent', `
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button>`);

// form is made by oidc-provider; only its button is missing.
export const logoutPage = (form) => `<!doctype html><html lang="en"><title>Log out</title>
${form.replace('</form>', '<button type="submit" name="logout" value="yes">Log out</button></form>')}</html>`;

const longest = 16 * 1024;

export async function readText(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > longest) throw new Error('body too long');
  }
  return text;
}

export const readForm = async (request) => new URLSearchParams(await readText(request));
