// Package edge holds the manners that all HTTP edges share: the route row, the
// client's address, statuses and sentences of refusals, security headers, the
// log line. It knows HTTP and words; it knows no page, no JSON shape beyond the
// problem document, and no rule.
package edge
