// The scan: zoom and rotation by OpenSeadragon. Without it the plain image stays, which is in the page already.
(function () {
    "use strict";
    var told = JSON.parse(document.getElementById("viewer").textContent);
    var box = document.getElementById("scan");
    var complaint = document.getElementById("scan-error");
    var key = "reading-view:" + told.page;
    var viewer = null;
    var moved = false; // whether the reader has chosen what is seen; until then it is the whole page

    function open(source, instead) {
        viewer = OpenSeadragon({
            element: box, tileSources: source, drawer: "canvas", showNavigationControl: false, animationTime: 0.4,
            visibilityRatio: 0.4, minZoomImageRatio: 0.6, maxZoomPixelRatio: 3, zoomPerScroll: 1.3, crossOriginPolicy: "Anonymous",
            gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
        });
        viewer.innerTracker.keyHandler = null; // Single keys are the room's own; the viewer would take some of them.
        viewer.innerTracker.keyDownHandler = null;
        viewer.canvas.setAttribute("aria-label", box.dataset.label);
        viewer.canvas.setAttribute("role", "img");
        viewer.addHandler("open", restore);
        viewer.addHandler("animation-finish", remember);
        viewer.addHandler("rotate", remember);
        ["canvas-drag", "canvas-scroll", "canvas-pinch", "canvas-double-click"].forEach(function (name) {
            viewer.addHandler(name, function () { moved = true; });
        });
        // The columns find their size after the scan is there; a whole page stays whole.
        viewer.addHandler("resize", function () {
            window.requestAnimationFrame(function () { if (!moved && viewer) { viewer.viewport.goHome(true); } });
        });
        viewer.addHandler("open-failed", instead);
        window.readingScan = viewer;
    }

    // Where the reader was on this page, as long as the tab lives: saving must not lose the place.
    function remember() {
        if (!moved) { return; }
        var b = viewer.viewport.getBoundsNoRotate();
        sessionStorage.setItem(key, JSON.stringify([b.x, b.y, b.width, b.height, viewer.viewport.getRotation()]));
    }
    function restore() {
        box.dataset.open = "true";
        var was = JSON.parse(sessionStorage.getItem(key) || "null");
        if (!was) { return; }
        moved = true;
        viewer.viewport.setRotation(was[4], true);
        viewer.viewport.fitBounds(new OpenSeadragon.Rect(was[0], was[1], was[2], was[3]), true);
    }

    function plain() {
        if (viewer) { viewer.destroy(); }
        complaint.hidden = true;
        open({ type: "image", url: told.image }, explain);
    }
    function explain() {
        fetch(told.image, { headers: { Accept: "text/plain" } }).then(function (answer) {
            return answer.ok ? complaint.dataset.unknown : answer.text();
        }).then(function (sentence) {
            if (viewer) { viewer.destroy(); viewer = null; }
            complaint.textContent = sentence;
            complaint.hidden = false;
        });
    }

    var moves = {
        "in": function (v) { v.zoomBy(1.4); v.applyConstraints(); },
        out: function (v) { v.zoomBy(1 / 1.4); v.applyConstraints(); },
        whole: function (v) { v.setRotation(0); v.goHome(); moved = false; sessionStorage.removeItem(key); },
        left: function (v) { v.rotateBy(-90); },
        right: function (v) { v.rotateBy(90); },
    };
    window.moveScan = function (how) {
        if (viewer && viewer.viewport) { moved = true; moves[how](viewer.viewport); }
    };
    document.querySelectorAll("[data-scan]").forEach(function (button) {
        button.addEventListener("click", function () { window.moveScan(button.dataset.scan); });
    });

    box.dataset.label = box.querySelector("img").alt;
    box.textContent = "";
    if (told.service) { open(told.service, plain); } else { plain(); }
})();
