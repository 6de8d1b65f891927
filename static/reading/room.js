// Editing in place with drafts that survive a closed window, shortcuts, and buttons that are pressed once.
(function () {
    "use strict";
    function find(selector) { return document.querySelector(selector); }

    // --- Drafts: kept in this browser until the server has the very same text -----------------------------------
    function Draft(form) {
        var area = form.querySelector("textarea");
        var key = ["draft", form.dataset.page, form.dataset.form, form.elements.target_language.value].join(":");
        var first = area.value;
        var notice = find('[data-draft="' + form.dataset.form + '"]');
        var kept = form.querySelector("[data-kept]");
        var timer = 0;

        function keep() {
            if (area.value === first) { localStorage.removeItem(key); return; }
            localStorage.setItem(key, JSON.stringify({ text: area.value, version: form.elements.version.value }));
            if (kept) { kept.textContent = kept.dataset.words; }
        }
        area.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(keep, 400); });
        window.addEventListener("pagehide", function () { clearTimeout(timer); keep(); });
        form.addEventListener("submit", function () { clearTimeout(timer); keep(); });

        function offer() {
            var draft = JSON.parse(localStorage.getItem(key) || "null");
            if (!draft || draft.text.trim() === first.trim() || !notice) { localStorage.removeItem(key); return; }
            notice.hidden = false;
            notice.querySelector("[data-take]").addEventListener("click", function () {
                edit(form.dataset.form);
                area.value = draft.text;
                // The version the draft was made from: if the page has another by now, the server says so.
                form.elements.version.value = draft.version;
                notice.hidden = true;
            });
            notice.querySelector("[data-drop]").addEventListener("click", function () {
                localStorage.removeItem(key);
                notice.hidden = true;
                find('[data-edit="' + form.dataset.form + '"]').focus();
            });
        }
        // On the page that compares two versions the text typed is what counts, not what was in the field at first.
        if (notice) { offer(); } else { first = ""; }
    }
    var saved = new URLSearchParams(location.search).get("saved");
    if (saved) {
        localStorage.removeItem("draft:" + saved);
        var clean = new URL(location.href);
        clean.searchParams.delete("saved");
        history.replaceState(null, "", clean);
    }
    document.querySelectorAll("form.edit").forEach(Draft);

    // --- Editing in place -------------------------------------------------------------------------------------
    function edit(kind) {
        var form = find('[data-form="' + kind + '"]');
        if (!form) { return; }
        if (window.showPane) { window.showPane(kind); }
        form.hidden = false;
        find('[data-view="' + kind + '"]').hidden = true;
        find('[data-edit="' + kind + '"]').hidden = true;
        form.querySelector("textarea").focus();
    }
    function leave(kind) {
        find('[data-form="' + kind + '"]').hidden = true;
        find('[data-view="' + kind + '"]').hidden = false;
        var link = find('[data-edit="' + kind + '"]');
        link.hidden = false;
        link.focus();
    }
    document.querySelectorAll("[data-edit]").forEach(function (link) {
        link.addEventListener("click", function (event) { event.preventDefault(); edit(link.dataset.edit); });
    });
    document.querySelectorAll("[data-leave]").forEach(function (link) {
        link.addEventListener("click", function (event) { event.preventDefault(); leave(link.dataset.leave); });
    });

    // --- A form is sent once ----------------------------------------------------------------------------------
    document.addEventListener("submit", function (event) {
        if (event.target.method !== "post") { return; }
        if (event.target.dataset.sent) { event.preventDefault(); return; }
        event.target.dataset.sent = "true";
    });
    window.addEventListener("pageshow", function () {
        document.querySelectorAll("[data-sent]").forEach(function (form) { delete form.dataset.sent; });
    });

    // --- Keys -------------------------------------------------------------------------------------------------
    var keys = document.getElementById("keys");
    if (!keys) { return; }
    var on = document.getElementById("keys-on");
    on.checked = localStorage.getItem("reading-keys") !== "off";
    on.addEventListener("change", function () { localStorage.setItem("reading-keys", on.checked ? "on" : "off"); });
    document.getElementById("keys-button").addEventListener("click", function () { keys.showModal(); });

    function press(selector) { var target = find(selector); if (target) { target.click(); } }
    var single = {
        n: function () { press("#next"); },
        p: function () { press("#previous"); },
        g: function () { find("#number").focus(); find("#number").select(); },
        e: function () { edit("ocr"); },
        t: function () { edit("translation"); },
        r: function () { press('[data-reviewed="ocr"]'); },
        R: function () { press('[data-reviewed="translation"]'); },
        "+": function () { window.moveScan("in"); },
        "=": function () { window.moveScan("in"); },
        "-": function () { window.moveScan("out"); },
        "0": function () { window.moveScan("whole"); },
        o: function () { window.moveScan("right"); },
        O: function () { window.moveScan("left"); },
        "?": function () { keys.showModal(); },
    };
    function save(form, then) {
        form.requestSubmit(form.querySelector('button[name="then"][value="' + then + '"]'));
    }
    document.addEventListener("keydown", function (event) {
        if (keys.open || event.altKey || event.isComposing) { return; }
        var form = event.target.closest("form.edit");
        if (event.ctrlKey || event.metaKey) {
            if (form && event.key === "Enter") { event.preventDefault(); save(form, "next"); }
            if (form && event.key.toLowerCase() === "s") { event.preventDefault(); save(form, "stay"); }
            return;
        }
        if (form && event.key === "Escape") { leave(form.dataset.form); return; }
        if (event.target.closest("input, textarea, select, [contenteditable]") || !on.checked) { return; }
        if (single[event.key]) { event.preventDefault(); single[event.key](); }
    });
})();
