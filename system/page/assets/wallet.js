// Asks whether the wallet has answered and goes on when it has. Without this
// script the page loads itself again every few seconds.
(() => {
  'use strict';
  const box = document.querySelector('[data-poll]');
  const clock = box.querySelector('[data-seconds]');
  const ends = Date.now() + Number(clock.dataset.seconds) * 1000;
  const usual = 2000;
  const longest = 10000;
  let pause = usual;
  let timer = 0;
  let asking = false;

  const ask = async () => {
    if (asking) {
      return;
    }
    asking = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(box.dataset.poll, { cache: 'no-store', redirect: 'error' });
      if (!answer.ok) {
        throw new Error(`status ${answer.status}`);
      }
      const { location: next, again } = await answer.json();
      if (next) {
        location.assign(next);
        return;
      }
      if (again) {
        location.reload();
        return;
      }
      pause = usual;
    } catch {
      // The next answer may come from another zone; more haste would not help.
      pause = Math.min(pause * 2, longest);
    }
    asking = false;
    timer = setTimeout(ask, pause);
  };

  const tick = () => {
    const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
    if (left > 0) {
      setTimeout(tick, 1000);
    }
  };

  // Whoever comes back from a wallet on the same device does not wait.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) {
      ask();
    }
  });
  timer = setTimeout(ask, usual);
  tick();
})();
