// Package forward answers the question of a reverse proxy: whose request is this?
// It reads credentials and the address that the proxy reports, and knows no page,
// no form and no rule; core knows who has which session. It is asked once for
// every request to every app, so it does little.
package forward
