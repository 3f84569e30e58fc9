"use strict";
// Pages are complete without this file. It sends filters at once, keeps a form from being sent twice,
// and reads again what is marked `data-live` when the ledger has grown.
(function () {
  var WAIT_SECONDS = 25;
  // Longer than the server lets anybody wait: then the line is dead, whatever the browser thinks.
  var SILENCE_MS = (WAIT_SECONDS + 10) * 1000;
  var RETRY_MS = 5000;
  var RETRY_MS_MAX = 60000;
  // A form whose answer has not come by then can be sent again: the server takes it once.
  var SENT_MS_MAX = 20000;

  // What was just done is said once, and not again when the page is reloaded or kept as a bookmark.
  if (/[?&]done=/.test(location.search)) {
    history.replaceState(null, "", document.body.getAttribute("data-page") + location.hash);
  }

  document.addEventListener("change", function (event) {
    var form = event.target.form;
    if (form && form.hasAttribute("data-auto") && event.target.tagName === "SELECT") {
      form.submit();
    }
  });

  function release(form) {
    form.removeAttribute("data-sent");
    form.removeAttribute("aria-busy");
    form.querySelectorAll("button[type=submit]").forEach(function (button) { button.disabled = false; });
  }

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
    form.setAttribute("aria-busy", "true");
    // After the browser has collected the fields: a disabled button would not be among them.
    setTimeout(function () {
      form.querySelectorAll("button[type=submit]").forEach(function (button) { button.disabled = true; });
    }, 0);
    setTimeout(function () { release(form); }, SENT_MS_MAX);
  });

  // A page that comes back from the browser's memory can be sent again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(release);
  });

  // A picture that does not come says so in words.
  function broken(image) {
    var frame = image.closest("[data-broken]");
    if (frame) { frame.classList.add("broken"); }
  }
  document.addEventListener("error", function (event) {
    if (event.target.tagName === "IMG") { broken(event.target); }
  }, true);
  document.querySelectorAll("[data-broken] img").forEach(function (image) {
    if (image.complete && image.naturalWidth === 0 && image.loading !== "lazy") { broken(image); }
  });

  // The menu at the bottom of a phone closes when a finger or the keyboard goes elsewhere.
  function closeMenu(event) {
    var menu = document.querySelector(".thumb details[open]");
    if (menu && (event.key === "Escape" || (event.type === "click" && !menu.contains(event.target)))) {
      menu.removeAttribute("open");
    }
  }
  document.addEventListener("click", closeMenu);
  document.addEventListener("keydown", closeMenu);

  if (!document.querySelector("[data-live]") || !window.fetch || !window.DOMParser || !window.AbortController) {
    return;
  }
  var at = Number(document.body.getAttribute("data-at"));
  // Not the browser's address: a form that was refused stands at one where nothing can be read.
  var page = document.body.getAttribute("data-page");
  var failures = 0;
  // Regions that were left as they are because somebody was busy in them.
  var stale = [];
  var retry = null;
  var asking = null;
  var shown = {};

  // What a page says apart from the keys of its forms, which are new each time.
  function text(region) {
    return region.innerHTML.replace(/name="once" value="[0-9a-f]*"/g, "");
  }

  document.querySelectorAll("[data-live]").forEach(function (region) { shown[region.id] = text(region); });

  function say(what) {
    document.querySelectorAll("[data-live-state]").forEach(function (place) {
      var told = place.getAttribute("data-" + what);
      if (place.textContent !== told) { place.textContent = told; }
      place.classList.toggle("on", what === "on");
      place.classList.toggle("off", what !== "on");
    });
  }

  // Somebody has typed something that was not sent.
  function isFilled(scope) {
    return Array.prototype.some.call(scope.querySelectorAll("input, textarea"), function (field) {
      return /^(text|textarea)$/.test(field.type) && field.value.trim() !== "" && field.form && field.form.method === "post";
    });
  }

  function ask(path) {
    asking = new AbortController();
    var own = asking;
    var silence = setTimeout(function () { own.abort(); }, SILENCE_MS);
    return fetch(path, {
      credentials: "same-origin", redirect: "manual", headers: { "X-Live": "1" }, signal: own.signal
    }).then(function (answer) {
      clearTimeout(silence);
      // Led to the sign-in page, or refused: the page itself says why, unless that would cost what
      // somebody has typed.
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
        if (isFilled(document)) { say("ended"); } else { location.replace(page); }
        return new Promise(function () {});
      }
      if (!answer.ok) {
        throw new Error(String(answer.status));
      }
      return answer;
    }, function (error) {
      clearTimeout(silence);
      throw error;
    });
  }

  // Nobody's half-written field, marked text or button under the finger is taken away from under them.
  function isBusy(region) {
    var active = document.activeElement;
    var inField = active && region.contains(active) && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName);
    var selection = window.getSelection && window.getSelection();
    var marked = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
    return inField || marked || isFilled(region) || region.querySelector("form[data-sent], button:hover") !== null;
  }

  // Which of its kind something is, by what it says, so that it is found in the new text again.
  function sameAs(element) {
    return function (other) {
      return other.tagName === element.tagName && other.textContent === element.textContent
        && other.getAttribute("href") === element.getAttribute("href")
        && other.getAttribute("aria-label") === element.getAttribute("aria-label");
    };
  }

  function openOnes(region) {
    return Array.prototype.map.call(region.querySelectorAll("details[open]"), function (details) {
      var place = details.closest("[id]");
      return { id: place && place !== region ? place.id : null, says: details.textContent };
    });
  }

  function replace(region, html) {
    var open = openOnes(region);
    var active = document.activeElement;
    var focused = active && active !== region && region.contains(active) ? active : null;
    region.innerHTML = html;
    open.forEach(function (one) {
      region.querySelectorAll("details").forEach(function (details) {
        var place = details.closest("[id]");
        var id = place && place !== region ? place.id : null;
        if (id === one.id && details.textContent === one.says) { details.open = true; }
      });
    });
    if (focused) {
      var same = Array.prototype.find.call(region.querySelectorAll(focused.tagName), sameAs(focused));
      if (same) { same.focus({ preventScroll: true }); }
    }
  }

  function refresh() {
    return ask(page).then(function (answer) {
      return answer.text();
    }).then(function (html) {
      var fresh = new DOMParser().parseFromString(html, "text/html");
      stale = [];
      document.querySelectorAll("[data-live]").forEach(function (region) {
        var next = region.id && fresh.getElementById(region.id);
        if (!next || text(next) === shown[region.id]) {
          return;
        }
        if (isBusy(region)) {
          stale.push(region);
          return;
        }
        shown[region.id] = text(next);
        replace(region, next.innerHTML);
      });
    });
  }

  function wait() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", wait, { once: true });
      return;
    }
    // That the line is back is told at once.
    var seconds = failures ? 0 : stale.length ? 2 : WAIT_SECONDS;
    ask("/console/changes?after=" + at + "&wait_seconds=" + seconds)
      .then(function (answer) { return answer.json(); })
      .then(function (changes) {
        var moved = changes.at !== at || failures > 0;
        failures = 0;
        say("on");
        var free = stale.some(function (region) { return !isBusy(region); });
        return (moved || free ? refresh() : Promise.resolve()).then(function () { at = changes.at; });
      })
      .then(function () { setTimeout(wait, 300); })
      .catch(function () {
        failures += 1;
        say("off");
        retry = setTimeout(again, Math.min(RETRY_MS * failures, RETRY_MS_MAX));
      });
  }

  function again() {
    retry = null;
    wait();
  }

  window.addEventListener("offline", function () { if (asking) { asking.abort(); } });
  window.addEventListener("online", function () {
    if (retry !== null) {
      clearTimeout(retry);
      again();
    }
  });

  say("on");
  wait();
}());
