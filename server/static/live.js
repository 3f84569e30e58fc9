"use strict";
// Pages are complete without this file. It sends filters at once, keeps a form from being sent twice,
// and reads again what is marked `data-live` when the ledger has grown.
(function () {
  var WAIT_SECONDS = 25;
  var RETRY_MS = 5000;
  var RETRY_MS_MAX = 60000;

  document.addEventListener("change", function (event) {
    var form = event.target.form;
    if (form && form.hasAttribute("data-auto") && event.target.tagName === "SELECT") {
      form.submit();
    }
  });

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.hasAttribute("data-submit-once") || event.defaultPrevented) {
      return;
    }
    if (form.getAttribute("data-sent") === "yes") {
      event.preventDefault();
      return;
    }
    form.setAttribute("data-sent", "yes");
    // After the browser has collected the fields: a disabled button would not be among them.
    setTimeout(function () {
      form.querySelectorAll("button[type=submit]").forEach(function (button) { button.disabled = true; });
    }, 0);
  });

  // A page that comes back from the browser's memory can be sent again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      form.removeAttribute("data-sent");
      form.querySelectorAll("button[type=submit]").forEach(function (button) { button.disabled = false; });
    });
  });

  var regions = document.querySelectorAll("[data-live]");
  if (!regions.length || !window.fetch || !window.DOMParser) {
    return;
  }
  var at = Number(document.body.getAttribute("data-at"));
  var failures = 0;
  var stale = false;

  function say(on) {
    document.querySelectorAll("[data-live-state]").forEach(function (place) {
      place.textContent = place.getAttribute(on ? "data-on" : "data-off");
      place.classList.toggle("on", on);
    });
  }

  function ask(path) {
    return fetch(path, { credentials: "same-origin", redirect: "manual", headers: { "X-Live": "1" } })
      .then(function (answer) {
        // Led to the sign-in page, or refused: the page itself says why.
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
          location.reload();
          return new Promise(function () {});
        }
        if (!answer.ok) {
          throw new Error(String(answer.status));
        }
        return answer;
      });
  }

  // Nobody's half-written field, open menu or marked text is taken away from under them.
  function busy(region) {
    var active = document.activeElement;
    var inField = active && region.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName);
    var marked = window.getSelection && String(window.getSelection()).length > 0;
    return inField || marked || region.querySelector("details[open], form[data-sent]") !== null;
  }

  function refresh() {
    var shown = document.querySelectorAll("[data-live]");
    for (var i = 0; i < shown.length; i += 1) {
      if (busy(shown[i])) {
        stale = true;
        return Promise.resolve();
      }
    }
    return ask(location.pathname + location.search).then(function (answer) {
      return answer.text();
    }).then(function (html) {
      var fresh = new DOMParser().parseFromString(html, "text/html");
      document.querySelectorAll("[data-live]").forEach(function (region) {
        var next = region.id && fresh.getElementById(region.id);
        if (next && next.innerHTML !== region.innerHTML) {
          var focused = document.activeElement && region.contains(document.activeElement)
            ? document.activeElement.getAttribute("href") : null;
          region.innerHTML = next.innerHTML;
          if (focused) {
            var again = region.querySelector("a[href=" + JSON.stringify(focused) + "]");
            if (again) { again.focus(); }
          }
        }
      });
      stale = false;
    });
  }

  function wait() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", wait, { once: true });
      return;
    }
    ask("/console/changes?after=" + at + "&wait_seconds=" + (failures || stale ? 2 : WAIT_SECONDS))
      .then(function (answer) { return answer.json(); })
      .then(function (changes) {
        failures = 0;
        say(true);
        var moved = changes.at !== at;
        at = changes.at;
        return moved || stale ? refresh() : null;
      })
      .then(function () { setTimeout(wait, 300); })
      .catch(function () {
        failures += 1;
        say(false);
        setTimeout(wait, Math.min(RETRY_MS * failures, RETRY_MS_MAX));
      });
  }

  say(true);
  wait();
}());
