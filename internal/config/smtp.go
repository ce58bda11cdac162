package config

import (
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// SMTP is the mail server that letters are handed to.
type SMTP struct {
	Host           string
	Port           int
	User, Password string
	From           string // an address, with or without a name before it
	Encryption     string // "starttls", "tls", "offered" or "plaintext": the mail room's words
}

const rightSMTP = "write smtp://USER:PASSWORD@HOST:587?from=ADDRESS, or smtps://… for a server that is encrypted from the first byte; characters such as @ : / ? # % in a password are written in percent form"

// smtp reads the mail server's address. It holds a password, so no sentence repeats
// any of it but the names of its parameters.
func (r *reader) smtp(flag *string, c Config) *SMTP {
	v := r.secret("smtp", flag)
	if r.err != nil || v == "" && flag == nil {
		return nil
	}
	u, err := url.Parse(v)
	switch {
	case v == "":
		r.fail("smtp", "is empty", rightSMTP+"; leave it out to have letters printed")
	case err != nil:
		r.fail("smtp", "cannot be read as an address", rightSMTP)
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		r.fail("smtp", "begins with neither smtp:// nor smtps://", rightSMTP)
	case u.Hostname() == "" || u.Opaque != "":
		r.fail("smtp", "names no host", rightSMTP)
	case !goodPort(u):
		r.fail("smtp", "has a port that is no number from 1 to 65535", rightSMTP)
	case strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		r.fail("smtp", "has more after the host than parameters", rightSMTP)
	}
	if r.err != nil {
		return nil
	}
	s := &SMTP{Host: u.Hostname(), Port: 587, User: u.User.Username()}
	s.Password, _ = u.User.Password()
	if u.Scheme == "smtps" {
		s.Port = 465
	}
	if u.Port() != "" {
		s.Port, _ = strconv.Atoi(u.Port()) // goodPort has looked
	}
	if s.User == "" && s.Password != "" {
		r.fail("smtp", "has a password and no user name", rightSMTP)
	}
	r.smtpParameters(s, u, c)
	if r.err != nil {
		return nil
	}
	return s
}

func (r *reader) smtpParameters(s *SMTP, u *url.URL, c Config) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		r.fail("smtp", "has parameters that cannot be read", rightSMTP)
		return
	}
	for name, values := range q {
		if name != "from" && name != "starttls" || len(values) != 1 {
			r.fail("smtp", "has the parameter "+quote(name)+", which is unknown or there twice", "there are two: from, the address that letters come from, and starttls=never for a server without encryption")
			return
		}
	}
	s.From = r.sender(q, c)
	// On the way to a server on this computer there is nobody.
	here := IsLoopback(s.Host)
	switch how := q.Get("starttls"); {
	case u.Scheme == "smtps" && how != "":
		r.fail("smtp", "has starttls beside smtps://, which is encrypted without it", "leave one of them out")
	case u.Scheme == "smtps":
		s.Encryption = "tls"
	case slices.Contains([]string{"never", "no", "off"}, how):
		if s.Encryption = "plaintext"; s.User != "" && !here {
			r.fail("smtp", "would send its password readable by anybody on the way", "leave starttls=never out, or the user name and the password")
		}
	case how != "":
		r.fail("smtp", "has starttls="+quote(how), "leave it out, which makes encryption a must, or write starttls=never")
	case here:
		s.Encryption = "offered"
	default:
		s.Encryption = "starttls"
	}
}

// sender is the address that letters come from; one at the public address's host
// unless told otherwise.
func (r *reader) sender(q url.Values, c Config) string {
	from := q.Get("from")
	if !q.Has("from") {
		u, err := url.Parse(c.Base())
		if err != nil {
			return "" // Base was made from checked parts
		}
		host := u.Hostname()
		if net.ParseIP(host) != nil {
			host = "localhost"
		}
		return "doorstep@" + host
	}
	a, err := mail.ParseAddress(from)
	if err != nil || !strings.Contains(a.Address, "@") || strings.ContainsFunc(a.Address, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.fail("smtp", "has a from that is no address", "write from=doorstep@example.com")
		return ""
	}
	return a.String()
}

// contact is the address of whoever runs the server.
func (r *reader) contact(flag *string) string {
	v := r.value("contact", flag, "")
	if v == "" && flag == nil {
		return ""
	}
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
		r.fail("contact", "is "+quote(v)+", which is no email address", "write an address such as help@example.com, or leave it out")
	}
	return v
}
