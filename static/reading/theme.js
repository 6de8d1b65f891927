// The same light or dark as in the admin, set before anything is painted; "auto" follows the system.
(function () {
    "use strict";
    var theme = "auto";
    try {
        theme = JSON.parse(localStorage.getItem("adminTheme") || '"auto"');
    } catch (error) {
        theme = "auto"; // Storage is closed or holds something else: the system decides.
    }
    var dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.classList.add("js", dark ? "dark" : "light");
})();
