// The admin's own behaviour. Every page works without it: it only spares reloads, double clicks and the mouse.
"use strict";

(() => {
    const EVERY = 3000; // milliseconds between two looks at a job that is under way

    // A job's page: what moves is fetched again until the job has ended. What somebody is using stays as it is.
    function watchJob(live) {
        const shown = new Map();
        const inUse = (place) => place.contains(document.activeElement) || place.querySelector(":checked, details[open]");
        const put = (place, html) => {
            // The token in a form changes with every answer and means nothing.
            const plain = html.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
            if (shown.get(place) === plain) return true;
            if (inUse(place)) return false;
            place.innerHTML = html;
            shown.set(place, plain);
            return true;
        };
        const look = async () => {
            if (document.hidden) return;
            let answer;
            try {
                answer = await fetch(live.dataset.url + location.search, { headers: { Accept: "application/json" } });
            } catch {
                return; // the network is away for a moment; the next look tells
            }
            if (!answer.ok) return;
            const now = await answer.json();
            const done = Object.entries(now.parts).map(([part, html]) => put(document.getElementById(`job-${part}`), html));
            if (now.ended && done.every(Boolean)) clearInterval(timer);
        };
        const timer = setInterval(look, EVERY);
        document.addEventListener("visibilitychange", look);
    }

    // Raw answers are fetched when somebody opens them.
    function showAnswer(event) {
        const details = event.target;
        if (!details.matches?.("details.sb-answer") || !details.open) return;
        const link = details.querySelector("a");
        if (!link) return;
        fetch(link.href).then((answer) => answer.text()).then((text) => {
            const box = document.createElement("pre");
            box.textContent = text;
            box.tabIndex = 0;
            link.replaceWith(box);
        }).catch(() => { /* the link itself stays and can be followed */ });
    }

    // A form that costs money is sent once; coming back by the back button makes it usable again.
    function sendOnce(event) {
        const form = event.target;
        if (!form.matches("form[data-once]") || event.defaultPrevented) return;
        if (form.dataset.sent) {
            event.preventDefault();
            return;
        }
        form.dataset.sent = "1";
    }

    // Unfold's menus are links and spans with a click handler but no address: the keyboard must reach them as well.
    function reachByKeyboard(root) {
        const clickable = "[x-on\\:click]:not(button):not(input):not(select):not(a[href]):not([tabindex])";
        for (const element of root.querySelectorAll(clickable)) {
            if (element.matches("#changelist-filter-close, body, html")) continue;
            element.tabIndex = 0;
            element.setAttribute("role", "button");
            if (element.classList.contains("material-symbols-outlined") && !element.hasAttribute("aria-label")) {
                element.setAttribute("aria-label", element.textContent.trim().replaceAll("_", " "));
            }
        }
    }

    // Names for what has none: fields in tables of related rows, and Django's question marks.
    function nameFields(root) {
        for (const field of root.querySelectorAll("td[class*=field-] :is(input, select, textarea):not([type=hidden])")) {
            const column = [...field.closest("td").classList].find((name) => name.startsWith("field-"));
            const label = field.closest("table")?.querySelector(`th.column-${column.slice(6)}`) ?? null;
            if (field.labels?.length || field.hasAttribute("aria-label")) continue;
            field.setAttribute("aria-label", label ? label.textContent.trim() : column.slice(6).replaceAll("_", " "));
        }
        for (const mark of root.querySelectorAll(".help-tooltip[aria-label]")) mark.setAttribute("role", "img");
    }

    function pressByKeyboard(event) {
        if (event.key !== "Enter" && event.key !== " ") return;
        if (event.target.getAttribute?.("role") !== "button" || event.target.matches("button, a[href]")) return;
        event.preventDefault();
        event.target.click();
    }

    // Unfold writes the name of a chosen file into a text field beside it, and fails where there is none.
    function keepFromUnfold(event) {
        const field = event.target;
        if (!field.matches?.("input[type=file]")) return;
        if (!field.parentNode.parentNode.parentNode.querySelector("input[type=text]")) event.stopPropagation();
    }

    // A token is copied as a whole.
    function selectToken(event) {
        if (event.target.matches?.(".sb-token")) event.target.select();
    }

    document.addEventListener("change", keepFromUnfold, true);
    document.addEventListener("focusin", selectToken);
    document.addEventListener("toggle", showAnswer, true);
    document.addEventListener("submit", sendOnce);
    document.addEventListener("keydown", pressByKeyboard);
    window.addEventListener("pageshow", () => {
        for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
    });
    // Unfold hides a page until its scripts run, and a browser does not focus what is hidden: `autofocus` is lost.
    function focusAfterAll() {
        if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
    }

    window.addEventListener("load", () => {
        nameFields(document); // Django's own scripts add some fields late
        requestAnimationFrame(focusAfterAll);
    });
    document.addEventListener("DOMContentLoaded", () => {
        reachByKeyboard(document);
        nameFields(document);
        const live = document.getElementById("job-live");
        if (live && live.dataset.ended === "0") watchJob(live);
    });
})();
