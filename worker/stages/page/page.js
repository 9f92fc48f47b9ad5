
// Asks for the page again every two seconds and makes this one like it. The program alone renders and escapes; a document that is
// parsed runs no script, and nothing here makes markup of a text.
'use strict';
(() => {
    const every_ms = 2000, patience_ms = 10000;
    const contact = document.getElementById('contact');
    const button = document.getElementById('pause');
    let timer = 0, paused = false, asking = false;

    // Node by node, so that what stays keeps its focus, its selection and whether it is open; and a live region whose text is the
    // same says nothing.
    function follow(here, there) {
        if (here.nodeName !== there.nodeName) {
            here.replaceWith(there);
            return;
        }
        if (here.nodeType === Node.TEXT_NODE) {
            if (here.data !== there.data)
                here.data = there.data;
            return;
        }
        for (const { name, value } of there.attributes)
            if (here.getAttribute(name) !== value)
                here.setAttribute(name, value);
        for (const { name } of [...here.attributes])
            if (name !== 'open' && !there.hasAttribute(name))
                here.removeAttribute(name);
        const mine = [...here.childNodes], theirs = [...there.childNodes];
        mine.forEach((node, i) => i < theirs.length ? follow(node, theirs[i]) : node.remove());
        here.append(...theirs.slice(mine.length));
    }

    function say(text) {
        if (contact.textContent !== text)
            contact.textContent = text;
        document.documentElement.classList.toggle('stale', text !== '');
    }

    async function refresh() {
        asking = true;
        try {
            const answer = await fetch(location.pathname, { cache: 'no-store', signal: AbortSignal.timeout(patience_ms) });
            if (!answer.ok)
                throw new Error(answer.statusText);
            const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
            for (const id of ['about', 'now'])
                follow(document.getElementById(id), fresh.getElementById(id));
            say('');
        } catch {
            say('The worker does not answer: these are its last words. It is asked again every two seconds.');
        }
        asking = false;
        plan();
    }

    function plan() {
        clearTimeout(timer);
        if (!paused && !document.hidden && !asking)
            timer = setTimeout(refresh, every_ms);
    }

    button.hidden = false;
    button.addEventListener('click', () => {
        paused = !paused;
        button.setAttribute('aria-pressed', paused);
        plan();
    });
    document.addEventListener('visibilitychange', plan);
    plan();
})();
