// Package web is the edge for browsers: every page, rendered on the server.
//
// A handler parses, calls one verb of core, and renders or redirects. This room
// owns what only a browser has: cookies, form tokens, the way back to the page
// that was wanted, banners, templates and assets. It must not know a table, a
// rule or a number of policy: what a page shows it asked core for, and what a
// page refuses core refused.
//
// A form has two functions: show renders it (GET, and again with what was typed
// when something was refused) and send calls the verb (POST). web.go lists all of
// them on one screen.
package web
