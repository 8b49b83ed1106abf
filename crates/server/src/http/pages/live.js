// A page that waits for news: asks again, and changes in place, so that neither the focus nor what a screen reader
// is reading is lost. Without scripts the page loads itself again instead.
const pause = () => Number(document.documentElement.dataset.refresh) * 1000;

function replace(id, fresh) {
  const old = document.getElementById(id);
  const now = fresh.getElementById(id);
  // What says the same stays: it would be read out again.
  if (old.innerHTML !== now.innerHTML) old.innerHTML = now.innerHTML;
}

function show(fresh) {
  document.title = fresh.title;
  document.querySelector('main').className = fresh.querySelector('main').className;
  replace('news', fresh);
  replace('rest', fresh);
  document.documentElement.dataset.refresh = fresh.documentElement.dataset.refresh ?? '';
}

async function look() {
  try {
    const answer = await fetch(location.href, {
      redirect: 'manual',
      headers: { Accept: 'text/html' },
    });
    // The way leads on: to Stripe, or to the page that says how the payment stands.
    if (answer.type === 'opaqueredirect') return location.reload();
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (fresh.getElementById('news')) show(fresh);
  } catch {
    // No network at the moment: what the page says stays true, and is asked about again.
  }
  if (document.documentElement.dataset.refresh) setTimeout(look, pause());
}

setTimeout(look, pause());
