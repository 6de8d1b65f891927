// A trial of a prompt that is under way is fetched again until every call is answered. Reloading does the same.
"use strict";

(() => {
    const EVERY = 3000; // milliseconds
    const box = document.getElementById("trial");
    if (!box || !("open" in box.dataset)) return;
    const look = async () => {
        if (document.hidden || box.contains(document.activeElement)) return;
        let answer;
        try {
            answer = await fetch(window.location.href);
        } catch {
            return; // the network is away for a moment; the next look tells
        }
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const now = page.getElementById("trial");
        if (now) box.replaceChildren(...now.childNodes);
        if (!now || !("open" in now.dataset)) clearInterval(timer);
    };
    const timer = setInterval(look, EVERY);
})();
