// Borders between the columns stay where they were put; on a narrow screen one column is shown at a time.
(function () {
    "use strict";
    var LEAST = 8; // percent of the window
    var panes = document.getElementById("panes");
    // Several translations beside each other need more room, and keep borders of their own.
    var several = "beside" in panes.dataset;
    var FIRST = several ? [24, 28, 48] : [38, 34, 28];
    var KEY = several ? "reading-widths-beside" : "reading-widths";
    var dividers = Array.from(panes.querySelectorAll(".divider"));
    var widths = read(KEY, FIRST);

    function read(key, otherwise) {
        try {
            var value = JSON.parse(localStorage.getItem(key));
            var usable = Array.isArray(value) && value.length === 3 && value.every(function (n) { return n >= LEAST; });
            return usable ? value : otherwise;
        } catch (error) {
            return otherwise; // Not ours, or storage is closed: as at first.
        }
    }
    function apply() {
        widths.forEach(function (width, i) { panes.style.setProperty("--w" + i, width + "fr"); });
        dividers.forEach(function (divider, i) {
            var before = widths.slice(0, i + 1).reduce(function (sum, width) { return sum + width; }, 0);
            divider.setAttribute("aria-valuenow", Math.round(before));
        });
    }
    function shift(i, percent) {
        var by = Math.max(LEAST - widths[i], Math.min(widths[i + 1] - LEAST, percent));
        widths[i] += by;
        widths[i + 1] -= by;
        apply();
        localStorage.setItem(KEY, JSON.stringify(widths));
    }

    dividers.forEach(function (divider, i) {
        var sign = getComputedStyle(panes).direction === "rtl" ? -1 : 1;
        divider.addEventListener("pointerdown", function (event) {
            var last = event.clientX;
            divider.setPointerCapture(event.pointerId);
            divider.onpointermove = function (move) {
                shift(i, sign * 100 * (move.clientX - last) / panes.clientWidth);
                last = move.clientX;
            };
            divider.onpointerup = divider.onpointercancel = function () { divider.onpointermove = null; };
            event.preventDefault();
        });
        divider.addEventListener("keydown", function (event) {
            var step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
            if (step) { shift(i, sign * step); event.preventDefault(); }
        });
        divider.addEventListener("dblclick", function () { widths = FIRST.slice(); shift(0, 0); });
    });

    function show(name) {
        panes.dataset.show = name;
        sessionStorage.setItem("reading-shown", name);
        document.querySelectorAll(".switch button").forEach(function (button) {
            button.setAttribute("aria-pressed", String(button.dataset.show === name));
        });
    }
    document.querySelectorAll(".switch button").forEach(function (button) {
        button.addEventListener("click", function () { show(button.dataset.show); });
    });
    var edited = new URLSearchParams(location.search).get("edit");
    show(edited || sessionStorage.getItem("reading-shown") || "scan");
    window.showPane = show;
    apply();
})();
