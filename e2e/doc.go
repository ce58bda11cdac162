// Package e2e does the journeys that Doorstep is for in a real Chromium, against
// the real program: what it knows, it knows from the page. A person here is a
// browser context with cookies of its own; it clicks what it can name, as
// assistive technology names it, and types where a label says so. An
// authenticator reads the QR code from a screenshot and has its codes from
// another program, so no part of the product is trusted to test itself, and the
// product has no hook for tests.
//
// It is a module of its own, so that whoever embeds Doorstep does not inherit a
// browser driver. `make test` in the root installs what it needs and runs it;
// `go test ./...` in this folder runs what it can and says loudly what it left
// out, and with CI=true leaves nothing out.
//
// Every page that is looked at is also kept as a picture in out/, which git
// ignores: look at them after changing a template or the style sheet.
package e2e
