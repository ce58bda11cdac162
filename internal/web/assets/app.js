// The one module. Every page works without it; each part below improves markup that already does.
// It never writes HTML, never takes an address from a message, and speaks only to its own origin.

const signIn = "/sign-in"
const watch = "/session/watch"
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)]
const byId = id => document.getElementById(id)
const on = (target, type, act) => target.addEventListener(type, act)

// 1. The problem, else the news, gets the focus. autofocus does this without the module, but not
// in every browser and not where the address has a fragment; it comes before the first frame.
const first = document.querySelector(".error-summary[data-focus]") || document.querySelector("[data-focus]")
requestAnimationFrame(() => { if (first && document.activeElement != first) first.focus() })

// 3. Buttons that need the module were hidden until here.
for (const button of all("[data-show], [data-copy], [data-print]")) button.hidden = false

// 2. Show password.
const shows = all("[data-show]")
function show(button, visible) {
  button.dataset.label ??= button.textContent
  byId(button.dataset.show).type = visible ? "text" : "password"
  button.textContent = visible ? button.dataset.hide : button.dataset.label
  button.setAttribute("aria-pressed", visible)
}
for (const button of shows) on(button, "click", () => show(button, button.getAttribute("aria-pressed") != "true"))

// 3. Copy and print; 9. ask before leaving while the codes are nowhere else.
let unsaved = !!document.querySelector("[data-unsaved]")
for (const button of all("[data-copy]")) {
  const source = byId(button.dataset.copy)
  const said = byId(button.dataset.said)
  on(button, "click", async () => {
    const codes = source.matches("code") ? [source] : all("code", source)
    // Cleared first, so that a second copy is announced again.
    said.textContent = ""
    try {
      await navigator.clipboard.writeText(codes.map(code => code.textContent.replace(/\s/g, "")).join("\n"))
      unsaved = false
      said.textContent = button.dataset.done
    } catch {
      // No permission, or no secure context: leave it selected, so that one key press copies it.
      getSelection().selectAllChildren(source)
      said.textContent = button.dataset.failed
    }
  })
}
for (const button of all("[data-print]")) on(button, "click", () => { unsaved = false; print() })
for (const saver of all("[data-saves]")) on(saver, "click", () => { unsaved = false })
on(window, "beforeunload", event => { if (unsaved) event.preventDefault() })

// 4. A popover list becomes the menu button of ARIA's patterns. Roles are set here and not in the
// markup: a role promises keys, and without this module there are none.
for (const list of all("[data-menu]")) {
  const button = list.parentElement.querySelector("[popovertarget]")
  const items = all("a, [aria-disabled]", list)
  if (!list.showPopover || !button || !items.length) continue
  list.setAttribute("role", "menu")
  button.setAttribute("aria-haspopup", "menu")
  button.setAttribute("aria-expanded", "false")
  for (const item of items) {
    item.setAttribute("role", "menuitem")
    item.tabIndex = -1
  }
  const go = index => items.at(index % items.length).focus()
  const isOpen = () => list.matches(":popover-open")
  const close = () => { list.hidePopover(); button.focus() }
  const open = index => { if (!isOpen()) list.showPopover(); go(index) }

  on(list, "beforetoggle", event => button.setAttribute("aria-expanded", event.newState == "open"))
  // Opened with a pointer: the keys go on from the first item.
  on(list, "toggle", () => {
    if (isOpen() && !list.contains(document.activeElement)) go(0)
  })
  on(button, "keydown", event => {
    const index = { Enter: 0, " ": 0, ArrowDown: 0, ArrowUp: -1 }[event.key]
    if (index === undefined) return
    event.preventDefault()
    open(index)
  })
  on(list, "keydown", event => {
    const key = event.key
    const at = items.indexOf(document.activeElement)
    if (event.ctrlKey || event.altKey || event.metaKey) return
    if (key == "Tab") return close() // the browser then moves on from the button
    if (key == "Escape") close()
    else if (key == "ArrowDown") go(at + 1)
    else if (key == "ArrowUp") go(at - 1)
    else if (key == "Home") go(0)
    else if (key == "End") go(-1)
    else if (key == " ") items[at]?.click()
    else if (key.length == 1) {
      const rest = [...items.slice(at + 1), ...items.slice(0, at + 1)]
      rest.find(item => item.textContent.trim().toLowerCase().startsWith(key.toLowerCase()))?.focus()
    } else return
    event.preventDefault()
  })
  on(list, "click", event => {
    if (event.target.closest("[aria-disabled]")) event.preventDefault()
  })
}

// 5. A second submit within 5 s is the same impatience as the first.
on(document, "submit", event => {
  const form = event.target
  if (event.timeStamp - form.dataset.sent < 5000) return event.preventDefault()
  form.dataset.sent = event.timeStamp
  unsaved = false
  for (const button of shows) if (form.contains(button)) show(button, false)
})

// 10. A search that was typed and not sent outlives the choice of another language.
const language = byId("language"), search = document.querySelector("form[role=search]")
if (language && search) on(language, "submit", () => {
  language.elements.back.value = new URL(search.action).pathname + "?" + new URLSearchParams(new FormData(search))
})

// 6. Letters or digits on the keyboard of a phone; the link would reload the page.
for (const link of all("[data-keyboard]")) on(link, "click", event => {
  event.preventDefault()
  const input = byId(link.dataset.keyboard)
  input.inputMode = input.inputMode == "numeric" ? "text" : "numeric"
  input.focus()
  const label = link.textContent
  if (link.dataset.other) link.textContent = link.dataset.other
  else link.hidden = true
  link.dataset.other = label
})

// 7. An open page of an ended session leaves at once. Browsers allow six connections per host on
// HTTP/1.1 and a person has many tabs, so only the visible one listens.
if (document.body.dataset.watch) {
  let source, timer, errors = 0
  const leave = () => { unsaved = false; stop(); location.replace(signIn) }
  async function ask() {
    try {
      const answer = await fetch(watch + "?once=1", { redirect: "manual", cache: "no-store" })
      if (answer.status == 401 || answer.type == "opaqueredirect") leave()
    } catch {
      // The network is away; that ends no session.
    }
  }
  function stop() {
    source?.close()
    clearInterval(timer)
    source = timer = undefined
  }
  function poll() {
    stop()
    timer = setInterval(ask, 3000)
  }
  function start() {
    if (source || timer || document.hidden) return
    if (!window.EventSource || errors > 2) return poll()
    source = new EventSource(watch)
    on(source, "ended", leave)
    on(source, "open", () => { errors = 0 })
    on(source, "error", () => {
      // Closed means refused, and the browser will not try again: a session that has ended, or a proxy that cannot stream.
      const refused = source?.readyState == 2
      if (refused) ask()
      if (refused || ++errors > 2) poll()
    })
  }
  on(document, "visibilitychange", () => {
    if (document.hidden) return stop()
    ask()
    start()
  })
  // What is sent may end this session, as signing out does: its answer leads on, and must not be
  // cut short. Where no page comes, a download, listening goes on.
  on(document, "submit", () => { stop(); setTimeout(start, 5000) })
  on(window, "pagehide", stop)
  on(window, "pageshow", event => { if (event.persisted) { ask(); start() } })
  start()
}

// 8. Two minutes before an idle sign-out.
const warning = document.querySelector("[data-idle]")
const idle = document.body.dataset.idleSeconds * 1000
if (warning && idle) {
  let since = Date.now()
  // Looked at again and again rather than once: timers stand still while a computer sleeps.
  setInterval(() => { warning.hidden = Date.now() - since < idle - 120000 }, 5000)
  on(warning.querySelector("[data-stay]"), "click", async () => {
    try {
      // This page again is a request like any other, so it counts as activity.
      const answer = await fetch(location.href, { redirect: "manual", cache: "no-store" })
      if (!answer.ok) return
      since = Date.now()
      warning.hidden = true
    } catch {
      // Stays visible: nothing was kept alive.
    }
  })
}

// 10. Set-up: the server's clock against this one, as it was when the answer came.
for (const check of all("[data-clock]")) {
  const seconds = Math.round(Math.abs(performance.timeOrigin + performance.getEntriesByType("navigation")[0].responseStart - check.dataset.clock) / 1000)
  const [unit, length] = seconds < 120 ? ["second", 1] : seconds < 7200 ? ["minute", 60] : seconds < 172800 ? ["hour", 3600] : ["day", 86400]
  check.querySelector("[data-clock-off]").textContent =
    new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" }).format(Math.round(seconds / length))
  for (const part of all("[data-clock-is]", check)) part.hidden = !part.dataset.clockIs.includes(seconds > 30 ? "wrong" : "right")
}
